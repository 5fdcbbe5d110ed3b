"""The judgement: what a disturbed partition has told and kept, against one engine that read its whole log once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from streams.calendars.periods import DAY_MS
from streams.decisions.breaches import Decision
from streams.decoding.batch import Batch
from streams.decoding.dead_letters import DeadLetter
from streams.engine.engine import Engine
from streams.engine.progress import Notice, NoticeType
from streams.state.processor import Commit, take_over
from streams.state.rows import PARTITION, peek
from streams.views.levels import Reading
from tests.oracles.logs import decided, rolling
from tests.oracles.oracle import Oracle
from tests.streams.state.world.broker import writes_of
from tests.streams.state.world.play import Lost, World, play
from tests.streams.state.world.story import BOOK, Story, story

#: Figures over every window are compared in one of so many schedules; the rows hold the same, and are always compared.
FIGURES_IN: Final = 31
_MORE_WINDOWS: Final = (rolling("2d", 2 * DAY_MS), rolling("9d", 9 * DAY_MS))
_ALSO: Final = {NoticeType.GAP, NoticeType.DAMAGE}


@dataclass
class Undisturbed:
    """What one engine makes of a story, read once."""

    engine: Engine
    letters: list[DeadLetter] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    rows: dict[bytes, bytes] = field(default_factory=dict)
    _figures: list[Reading] | None = None

    @property
    def figures(self) -> list[Reading]:
        """Everything that it shows."""
        if self._figures is None:
            self._figures = figures(self.engine)
        return self._figures

    def tell(self, taken: Commit) -> None:
        """Take note of what a transaction would carry."""
        self.letters += [one for one in writes_of(taken) if isinstance(one, DeadLetter)]
        self.decisions += taken.decisions
        self.notices += [notice for notice in taken.notices if notice.type not in _ALSO]
        for name, value in taken.rows:
            if value is None:
                self.rows.pop(name, None)
            else:
                self.rows[name] = value


def figures(engine: Engine) -> list[Reading]:
    """Figures since the beginning, and over every window."""
    windows = (*engine.standards.windows(), *_MORE_WINDOWS)
    return [engine.cumulative(), *map(engine.read, windows)]


@lru_cache(maxsize=4)
def undisturbed(plot: Story) -> Undisturbed:
    """One engine that reads the whole of ``plot`` in one batch."""
    return _read(plot, (), 0)


def _expected(world: World) -> Undisturbed:
    row = peek(world.broker.rows)
    first = world.story.entries[0].offset if row is None else row.first
    if world.lost or first > world.story.entries[0].offset:
        return _read(world.story, world.lost, first)
    return undisturbed(world.story)


def _read(plot: Story, lost: Sequence[Lost], first: int) -> Undisturbed:
    """The same from the record at ``first`` on; it goes over what is ``lost`` where others did."""
    start = plot.start(BOOK.get)
    processor = take_over({}, start, beginning=0)
    processor.engine.start_from(first)
    found = Undisturbed(processor.engine)
    begun: int | None = None
    for one in lost:
        if one.saved is not None and one.saved != begun:
            processor.fold(_between(plot, processor.expected, one.saved + 1))
            found.tell(processor.take())
            processor, begun = take_over(found.rows, start, beginning=0), one.saved
        processor.fold(_between(plot, processor.expected, one.first))
        processor.skip_to(one.after)
    processor.fold(_between(plot, processor.expected, 1 << 40))
    found.tell(processor.take())
    found.engine = processor.engine
    return found


def _between(plot: Story, first: int, after: int) -> Batch:
    return plot.batch.between(
        plot.batch.position_of(first), max(plot.batch.position_of(first), plot.batch.position_of(after))
    )


def violations(world: World) -> Iterator[str]:
    """Everything in which ``world`` is not as it must be, in one line each."""
    told = world.broker.told
    letters = [one for one in told if isinstance(one, DeadLetter)]
    decisions = [one for one in told if isinstance(one, Decision)]
    notices = [one for one in told if isinstance(one, Notice)]
    yield from _never_twice(world, letters, notices)
    if world.schedule.lossy and world.schedule.damages:
        return
    expected = _expected(world)
    yield from _differences("letters", letters, expected.letters)
    yield from _differences("decisions", decisions, expected.decisions)
    yield from _differences("notices", [one for one in notices if one.type not in _ALSO], expected.notices)
    yield from _row_differences(world.broker.rows, expected.rows)
    assert world.last is not None
    if world.last.progress != expected.engine.progress:
        yield f"counters: {world.last.progress} instead of {expected.engine.progress}"
    if world.schedule.seed % FIGURES_IN == 0:
        yield from _differences("figures", figures(world.last), expected.figures)
        if world.story.plain and not world.schedule.lossy:
            yield from _against_oracle(world.story, letters, decisions)


def _row_differences(found: Mapping[bytes, bytes], expected: Mapping[bytes, bytes]) -> Iterator[str]:
    if found == expected:
        return
    for name in sorted(found.keys() | expected.keys()):
        if name not in found or name not in expected:
            yield f"row {name!r}: {'missing' if name in expected else 'left behind'}"
        elif name == PARTITION and found[name] != expected[name]:
            one, other = (msgspec.to_builtins(peek(rows)) for rows in (found, expected))
            differing = {key: (one[key], other[key]) for key in other if not one or one[key] != other[key]}
            yield f"row {name!r}: found and expected {differing}"
        elif found[name] != expected[name]:
            yield f"row {name!r}: {found[name]!r} instead of {expected[name]!r}"


def _never_twice(world: World, letters: Sequence[DeadLetter], notices: Sequence[Notice]) -> Iterator[str]:
    offsets = [letter.offset for letter in letters]
    if offsets != sorted(set(offsets)):
        yield f"letters twice, or out of order: {offsets}"
    gaps = [(one.first, one.after) for one in world.lost]
    if len(gaps) != len(set(gaps)):
        yield f"a gap was audited twice: {gaps}"
    damaged = [str(notice.detail["row"]) for notice in notices if notice.type is NoticeType.DAMAGE]
    if len(damaged) > world.broker.damages:
        yield f"more damage was audited than done: {damaged}"


def _differences(what: str, found: Sequence[object], expected: Sequence[object]) -> Iterator[str]:
    if found == expected:
        return
    place = next((i for i, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), None)
    if place is None:
        yield f"{what}: {len(found)} instead of {len(expected)}"
    else:
        yield f"{what}: at {place} {found[place]} instead of {expected[place]}"


def _against_oracle(plot: Story, letters: Sequence[DeadLetter], decisions: Sequence[Decision]) -> Iterator[str]:
    """Judge by separate naive code, too."""
    oracle = Oracle(BOOK["UTC"], [entry.record for entry in plot.entries])
    became = zip(plot.entries, oracle.became, strict=True)
    rejected = [(entry.offset, what) for entry, what in became if what not in ("accepted", "duplicate", "ignored")]
    yield from _differences("letters (oracle)", [(one.offset, str(one.reason)) for one in letters], rejected)
    yield from _differences("decisions (oracle)", decided(decisions), oracle.decisions(at_every_slice=False))


@lru_cache(maxsize=4)
def told_story(seed: int) -> Story:
    """The story of ``seed``, made once for all schedules on it."""
    return story(seed)


class Rule(Protocol):
    """A rule that can be broken."""

    @property
    def keeps_rows(self) -> bool:
        """Whether it is to be kept by the last commit, so that the rows show what became of all else."""

    def broken(self) -> AbstractContextManager[None]:
        """Break it for a while."""


def trial(world: World, rule: Rule | None = None) -> str:
    """Play ``world`` to its end, with ``rule`` broken: everything that is not as it must be; "" where nothing is."""
    undisturbed(world.story)  # by every rule
    try:
        with rule.broken() if rule else nullcontext():
            play(world)
            if rule and not rule.keeps_rows:
                world.finish()
        if rule is None or rule.keeps_rows:
            world.finish()
        found = list(violations(world))
    except Exception as error:
        if rule is None:
            error.add_note("\n".join(world.lines()))
            raise
        found = [f"{type(error).__name__}: {error}"]
    return "\n".join((*found, *world.lines())) if found else ""
