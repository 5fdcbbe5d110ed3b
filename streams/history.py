"""Closed slices of one partition: kept fine while they are young, added up as they age.

10 s → 5 min → 1 h → 1 day, hours and days local to the standards' time zone. A coarse slice is rolled up whole, once,
when it has reached the age at which the finer ones are no longer needed. A window that begins at an age where slices
are coarse begins at a boundary of those.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Generic, NamedTuple, TypeVar

from streams.calendars import LocalTime
from streams.slices import LENGTH_MS, Counts, Distributions, slice_start
from streams.standards.model import DAY_MS, Window

HOUR_MS: Final = 3_600_000
FIVE_MINUTES_MS: Final = 300_000


class Unit(enum.IntEnum):
    """Lengths of slices, finest first."""

    SLICE = 0
    FIVE_MINUTES = 1
    HOUR = 2
    DAY = 3


class Grid:
    """Boundaries of slices of every unit in one time zone. Each unit's slices are tiled by the next finer one's."""

    def __init__(self, zone: str) -> None:
        """Take hours and days from ``zone``."""
        self.local = LocalTime(zone)

    def bounds(self, unit: Unit, time_ms: int) -> tuple[int, int]:
        """Start and end of the slice of ``unit`` that ``time_ms`` lies in."""
        if unit is Unit.SLICE:
            start = slice_start(time_ms)
            return start, start + LENGTH_MS
        if unit is Unit.DAY:
            return self.local.day(time_ms)
        start, end = self.local.hour(time_ms)
        if unit is Unit.HOUR:
            return start, end
        start += (time_ms - start) // FIVE_MINUTES_MS * FIVE_MINUTES_MS
        return start, min(start + FIVE_MINUTES_MS, end)


class Level(NamedTuple):
    """Slices of ``unit`` are kept until they are older than ``keep_ms``; then they make up one of the next level."""

    unit: Unit
    keep_ms: int


#: Later than any event time.
NEVER: Final = 1 << 62
COUNT_LEVELS: Final = (
    Level(Unit.SLICE, HOUR_MS),
    Level(Unit.FIVE_MINUTES, DAY_MS),
    Level(Unit.HOUR, 8 * DAY_MS),
    Level(Unit.DAY, NEVER),
)
#: Distributions take more room: older than two days they are kept per day.
DISTRIBUTION_LEVELS: Final = (
    Level(Unit.SLICE, HOUR_MS),
    Level(Unit.FIVE_MINUTES, DAY_MS),
    Level(Unit.HOUR, 2 * DAY_MS),
    Level(Unit.DAY, NEVER),
)

Content = TypeVar("Content", Counts, Distributions)


@dataclass(frozen=True, slots=True)
class Kept(Generic[Content]):
    """One closed slice of any unit: event time [start_ms, end_ms) and its content."""

    start_ms: int
    end_ms: int
    content: Content


_start: Final = attrgetter("start_ms")
_end: Final = attrgetter("end_ms")


class History(Generic[Content]):
    """Closed slices in the order of time, those of a level all older than those of the next finer one."""

    def __init__(
        self,
        levels: Sequence[Level],
        grid: Grid,
        add_each: Callable[[Sequence[Sequence[Content]]], list[Content]],
        retention_ms: int,
    ) -> None:
        """Keep slices by ``levels`` for ``retention_ms``; ``add_each`` makes coarse slices' contents of finer ones'."""
        self.levels = levels
        self.grid = grid
        self.forgotten_ms = -NEVER  # everything that ended by then is forgotten
        self._add_each: Callable[[Sequence[Sequence[Content]]], list[Content]] = add_each
        self._retention_ms = retention_ms
        self._kept: list[list[Kept[Content]]] = [[] for _ in levels]
        self._due: list[int] = [NEVER for _ in levels]

    def append(self, start_ms: int, content: Content) -> None:
        """Take a finest slice that has just closed; slices come in the order of time."""
        finest = self._kept[0]
        finest.append(Kept(start_ms, start_ms + LENGTH_MS, content.packed()))
        if len(finest) == 1:
            self._set_due(0)

    def roll_up(self, now_ms: int) -> None:
        """Add up what has become old enough at event time ``now_ms``, and forget what is past retention.

        When that is done changes no sum over any window.
        """
        for number in range(len(self.levels) - 1):
            if self._due[number] <= now_ms:
                self._roll(number, now_ms)
        oldest, limit_ms = self._kept[-1], now_ms - self._retention_ms
        past = bisect_right(oldest, limit_ms, key=_end)
        if past:
            self.forgotten_ms = oldest[past - 1].end_ms
            del oldest[:past]

    def start_of(self, window: Window, now_ms: int) -> int:
        """Where ``window`` begins at ``now_ms``: ⌊now − length⌋ at the length that slices have at that age."""
        if window.period is not None:
            return self.grid.local.period(window.period, now_ms - 1)[0]
        reach = window.rolling_ms or 0
        return self.grid.bounds(self.unit_at(reach), now_ms - reach)[0]

    def leaves_at(self, window: Window, start_ms: int) -> int:
        """Event time at which ``window`` next loses a slice that starts at ``start_ms`` or later, or `NEVER`."""
        first = next(self.between(start_ms, NEVER), None)
        if first is None:
            return NEVER
        if window.period is not None:
            return self.grid.local.period(window.period, first.start_ms)[1] + LENGTH_MS
        reach = window.rolling_ms or 0
        return self.grid.bounds(self.unit_at(reach), first.start_ms)[1] + reach

    def unit_at(self, age_ms: int) -> Unit:
        """Length of the slices that are ``age_ms`` old."""
        return next(level.unit for level in self.levels if age_ms <= level.keep_ms)

    def between(self, start_ms: int, end_ms: int) -> Iterator[Kept[Content]]:
        """Slices that lie within [start_ms, end_ms), oldest first."""
        for kept in reversed(self._kept):
            if kept and kept[-1].start_ms >= start_ms:
                for index in range(bisect_left(kept, start_ms, key=_start), len(kept)):
                    if kept[index].end_ms > end_ms:
                        return
                    yield kept[index]

    def is_boundary(self, time_ms: int) -> bool:
        """Whether no kept slice lies across ``time_ms``."""
        for kept in self._kept:
            index = bisect_left(kept, time_ms, key=_start) - 1
            if index >= 0 and kept[index].end_ms > time_ms:
                return False
        return True

    @property
    def slices(self) -> int:
        """How many slices are kept, of all units."""
        return sum(map(len, self._kept))

    def _set_due(self, number: int) -> None:
        kept, coarser = self._kept[number], self.levels[number + 1].unit
        if kept:
            end = self.grid.bounds(coarser, kept[0].start_ms)[1]
            self._due[number] = end + self.levels[number].keep_ms
        else:
            self._due[number] = NEVER

    def _roll(self, number: int, now_ms: int) -> None:
        """Join what is due at ``now_ms`` of level ``number`` into slices of the next."""
        kept, groups = self._kept[number], list(self._due_groups(number, now_ms))
        contents = self._add_each([[one.content for one in kept[first:after]] for _, _, first, after in groups])
        self._kept[number + 1] += [
            Kept(start, end, content.packed()) for (start, end, _, _), content in zip(groups, contents, strict=True)
        ]
        del kept[: groups[-1][-1]]
        self._set_due(number)
        if number + 1 < len(self.levels) - 1:
            self._set_due(number + 1)

    def _due_groups(self, number: int, now_ms: int) -> Iterator[tuple[int, int, int, int]]:
        """Start and end of each coarser slice that is due, and which positions of level ``number`` make it up."""
        kept, coarser = self._kept[number], self.levels[number + 1].unit
        limit_ms = now_ms - self.levels[number].keep_ms
        first = 0
        while first < len(kept):
            start, end = self.grid.bounds(coarser, kept[first].start_ms)
            if end > limit_ms:
                return
            after = bisect_left(kept, end, first, key=_start)
            yield start, end, first, after
            first = after


def histories(grid: Grid, retention_ms: int) -> tuple[History[Counts], History[Distributions]]:
    """The two histories of a partition: counts, and distributions."""
    return (
        History(COUNT_LEVELS, grid, Counts.add_each, retention_ms),
        History(DISTRIBUTION_LEVELS, grid, Distributions.add_each, retention_ms),
    )
