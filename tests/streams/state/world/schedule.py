"""Schedules: what producers, owners, zombies, the broker and bad luck do, one step after the other."""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

#: So many schedules are played on each story.
PER_STORY: Final = 10
OWNERS: Final = "ABC"


class Do(enum.StrEnum):
    """What a step does."""

    APPEND = "append"  # producers write so many records
    TAKE_OVER = "take over"  # an owner fences the one before; it reads the state at its next step
    READ = "read"  # an owner reads at most so many records
    STRAY = "stray"  # an owner's consumer jumps by so many offsets
    CRASH = "crash"
    COMMIT = "commit"
    COMMIT_CRASH = "commit, crash midway"  # the transaction stays open
    COMMIT_PAUSE = "commit, pause midway"  # goes on with the next commit; reads in between
    COMMIT_LOST = "commit, answer lost"  # it was committed, and the owner cannot know
    COMMIT_FAILED = "commit, failed without an answer"  # it was aborted, and the owner cannot know
    RETAIN = "retain"  # the log loses what lies before the offset
    DAMAGE = "damage"  # a bit of a row flips


class Step(NamedTuple):
    """One step: what, by whom, and how many."""

    do: Do
    owner: str = ""
    number: int = 0

    def __str__(self) -> str:
        """The step, for people."""
        return " ".join(str(part) for part in (self.owner, self.do, self.number or "") if part)


_COMMITS: Final = (Do.COMMIT,) * 5 + (Do.COMMIT_CRASH, Do.COMMIT_PAUSE, Do.COMMIT_LOST, Do.COMMIT_FAILED)
_SIZES: Final = (1, 3, 8, 8, 20, 50)


@dataclass(frozen=True)
class Schedule:
    """The steps of ``seed`` on its story. ``lossy``: the log loses records; ``damages``: rows are damaged."""

    seed: int
    steps: tuple[Step, ...]
    lossy: bool
    damages: bool

    @property
    def story_seed(self) -> int:
        """Seed of the story that it is played on."""
        return self.seed // PER_STORY


class _Director:
    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(f"schedule {seed}")
        self.lossy = chance.random() < 0.1
        self.damages = chance.random() < 0.08
        self.owner = "A"

    def steps(self) -> Iterator[Step]:
        chance = self.chance
        yield Step(Do.APPEND, number=chance.randrange(1, 25))
        yield Step(Do.TAKE_OVER, "A")
        for _ in range(chance.randrange(5, 16)):
            yield from self._step()

    def _step(self) -> Iterator[Step]:
        chance, what = self.chance, self.chance.random()
        who = self.owner if chance.random() < 0.8 else chance.choice(OWNERS)
        if what < 0.22:
            yield Step(Do.APPEND, number=chance.choice(_SIZES))
        elif what < 0.74:
            yield Step(Do.READ, who, chance.choice(_SIZES))
            if chance.random() < 0.6:
                yield Step(chance.choice(_COMMITS), who)
        elif what < 0.84:
            yield from self._take_over()
        elif what < 0.91:
            yield Step(Do.STRAY, who, chance.choice((-9, -3, -1, 1, 2, 6)))
        elif what < 0.93 or not (self.lossy or self.damages):
            yield Step(Do.CRASH, who)
        elif self.lossy:
            yield Step(Do.RETAIN, number=chance.randrange(1, 50))
            yield from self._take_over()
        else:
            yield Step(Do.DAMAGE, number=chance.randrange(1 << 16))

    def _take_over(self) -> Iterator[Step]:
        self.owner = self.chance.choice(OWNERS)
        yield Step(Do.TAKE_OVER, self.owner)
        if self.chance.random() < 0.3:  # before anything is read
            yield Step(self.chance.choice(_COMMITS), self.owner)


def schedule(seed: int) -> Schedule:
    """The schedule of ``seed``."""
    director = _Director(seed)
    return Schedule(seed, tuple(director.steps()), director.lossy, director.damages)
