"""A schedule played on its story, to the end: everything is read and committed by an owner whom nothing disturbs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from streams.engine.engine import Engine
from streams.engine.progress import Notice, NoticeType
from tests.streams.state.world.broker import Broker, SourceLog
from tests.streams.state.world.owner import Owner
from tests.streams.state.world.schedule import OWNERS, Do, Schedule, Step, schedule
from tests.streams.state.world.story import Story, story

#: More than any story has.
_ALL: Final = 1_000
_LAST: Final = "last"


@dataclass(frozen=True, slots=True)
class Lost:
    """Records that an owner found lost, and told of: it had begun behind ``saved``, and went over [first, after)."""

    saved: int | None
    first: int
    after: int


@dataclass
class World:
    """The log, the broker and the owners of one schedule."""

    schedule: Schedule
    story: Story
    log: SourceLog
    broker: Broker
    owners: dict[str, Owner]
    lost: list[Lost] = field(default_factory=list)
    last: Engine | None = None  # the engine that has read everything

    def lines(self) -> Iterator[str]:
        """What is played, for people."""
        yield f"seed {self.schedule.seed}: python -m tests.streams.world --seed {self.schedule.seed}"
        yield from self.story.lines()
        yield " · ".join(map(str, self.schedule.steps))

    def do(self, step: Step) -> None:
        """Do one step; those that nobody can do now are left out."""
        if step.do is Do.APPEND:
            self.log.append(step.number)
        elif step.do is Do.RETAIN:
            self.log.retain_from(step.number)
        elif step.do is Do.DAMAGE:
            self.broker.damage(random.Random(step.number))
        else:
            self._let(self.owners[step.owner], step)

    def _let(self, owner: Owner, step: Step) -> None:
        if step.do is Do.TAKE_OVER:
            owner.take_over()
        elif step.do is Do.READ:
            owner.read(step.number)
        elif step.do is Do.STRAY:
            owner.position = max(0, owner.position + step.number)
        elif step.do is Do.CRASH:
            owner.crash()
        else:
            self._commit(owner, step.do)

    def _commit(self, owner: Owner, how: Do) -> None:
        """Commit, and note which gaps were told of, with the state that their owner had begun with."""
        told = len(self.broker.told)
        owner.commit(how)
        for one in self.broker.told[told:]:
            if isinstance(one, Notice) and one.type is NoticeType.GAP:
                first, after = one.detail["from"], one.detail["to"]
                assert isinstance(first, int)
                assert isinstance(after, int)
                self.lost.append(Lost(owner.begun, first, after))

    def read_on(self) -> None:
        """Let somebody new read everything that there is."""
        self.log.append(_ALL)
        newest = self.owners[_LAST] = Owner(self.log, self.broker)
        newest.take_over()
        processor = newest.recover()
        while processor.expected < self.log.end:
            newest.read(_ALL)
        self.last = processor.engine

    def finish(self) -> None:
        """Let the last owner commit everything; whoever was fenced before tries once more."""
        self._commit(self.owners[_LAST], Do.COMMIT)
        for name in OWNERS:
            self.owners[name].commit(Do.COMMIT)


def prepare(seed: int, on: Story | None = None) -> World:
    """The world of ``seed`` before its first step."""
    plan = schedule(seed)
    plot = on or story(plan.story_seed)
    log, broker = SourceLog(plot), Broker()
    return World(plan, plot, log, broker, {name: Owner(log, broker) for name in OWNERS})


def play(world: World) -> None:
    """Play the schedule of ``world``, and let the last owner read everything; `World.finish` follows."""
    for step in world.schedule.steps:
        world.do(step)
    world.read_on()
