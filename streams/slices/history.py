"""Closed slices of one partition: kept fine while they are recent, added up into coarser ones as they age.

10 s → 5 min → 1 h → 1 day; hours and days are local to the standards' time zone. A coarse slice is made once, whole,
when it is so old that the finer ones are not needed any more. A window that reaches back to where slices are coarse
begins at a boundary of those.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Generic, NamedTuple, TypeVar

from streams.calendars.local_time import LocalTime
from streams.calendars.periods import DAY_MS, Window
from streams.slices.slice import LENGTH_MS, Counts, Distributions, slice_start

HOUR_MS: Final = 3_600_000
FIVE_MINUTES_MS: Final = 300_000
#: Closed slices are kept for 400 days: the longest calendar period and some days more.
RETENTION_MS: Final = 400 * DAY_MS
#: Later than any event time.
NEVER: Final = 1 << 62


class SliceUnit(enum.IntEnum):
    """Lengths of slices, finest first."""

    SLICE = 0
    FIVE_MINUTES = 1
    HOUR = 2
    DAY = 3


class Grid:
    """Boundaries of the slices of every unit in one time zone. The slices of a unit tile those of the next coarser."""

    def __init__(self, zone: str) -> None:
        """Take hours and days from ``zone``."""
        self.local = LocalTime(zone)

    def bounds(self, unit: SliceUnit, time_ms: int) -> tuple[int, int]:
        """Start and end of the slice of ``unit`` that contains ``time_ms``, in milliseconds since 1970."""
        if unit is SliceUnit.SLICE:
            start = slice_start(time_ms)
            return start, start + LENGTH_MS
        if unit is SliceUnit.DAY:
            return self.local.day(time_ms)
        start, end = self.local.hour(time_ms)
        if unit is SliceUnit.HOUR:
            return start, end
        start += (time_ms - start) // FIVE_MINUTES_MS * FIVE_MINUTES_MS
        return start, min(start + FIVE_MINUTES_MS, end)


class Level(NamedTuple):
    """Slices of ``unit`` are kept up to the age ``keep_ms`` (milliseconds), then added up into the next level."""

    unit: SliceUnit
    keep_ms: int


COUNT_LEVELS: Final = (
    Level(SliceUnit.SLICE, HOUR_MS),
    Level(SliceUnit.FIVE_MINUTES, DAY_MS),
    Level(SliceUnit.HOUR, 8 * DAY_MS),
    Level(SliceUnit.DAY, NEVER),
)
#: Levels of distributions. They take more memory, so that days replace hours after two days already.
DISTRIBUTION_LEVELS: Final = (
    Level(SliceUnit.SLICE, HOUR_MS),
    Level(SliceUnit.FIVE_MINUTES, DAY_MS),
    Level(SliceUnit.HOUR, 2 * DAY_MS),
    Level(SliceUnit.DAY, NEVER),
)


class SlicePlace(NamedTuple):
    """Place of a closed slice in the history: its unit, and its start in milliseconds since 1970."""

    unit: SliceUnit
    start_ms: int


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
    """Closed slices in order of time. Those of a level are all older than those of the next finer level."""

    def __init__(
        self,
        levels: Sequence[Level],
        grid: Grid,
        add_each: Callable[[Sequence[Sequence[Content]]], list[Content]],
        retention_ms: int,
    ) -> None:
        """Keep slices by ``levels`` for ``retention_ms``; ``add_each`` adds up each group of contents into one."""
        self.levels = levels
        self.grid = grid
        self.forgotten_ms = -NEVER  # slices that ended by then are forgotten
        self._add_each: Callable[[Sequence[Sequence[Content]]], list[Content]] = add_each
        self.retention_ms = retention_ms
        self._kept: list[list[Kept[Content]]] = [[] for _ in levels]
        self._due: list[int] = [NEVER for _ in levels]
        self._unsaved: dict[SlicePlace, Kept[Content]] = {}
        self._gone: set[SlicePlace] = set()  # saved, and no longer kept
        self.forgotten: list[Content] = []  # contents past retention, until the caller takes them

    def append(self, start_ms: int, content: Content) -> None:
        """Keep a slice of the finest unit that has just closed; slices come in order of time."""
        self._keep(0, [Kept(start_ms, start_ms + LENGTH_MS, content.packed())])
        if len(self._kept[0]) == 1:
            self._set_due(0)

    def changes(self) -> tuple[dict[SlicePlace, Kept[Content]], set[SlicePlace]]:
        """Slices that are new since the last call, by place, and the places reported before that are empty now."""
        unsaved, gone = self._unsaved, self._gone
        self._unsaved, self._gone = {}, set()
        return unsaved, gone

    def restore(self, kept: Mapping[SlicePlace, Kept[Content]], forgotten_ms: int) -> None:
        """Replace everything by the saved slices ``kept``; none of them counts as changed."""
        self.forgotten_ms = forgotten_ms
        for number, level in enumerate(self.levels):
            of_level = (one for place, one in kept.items() if place.unit == level.unit)
            self._kept[number] = sorted(of_level, key=_start)
        self._set_all_due()

    def change_grid(self, grid: Grid) -> None:
        """Use other boundaries from now on; kept slices stay as they are."""
        self.grid = grid
        self._set_all_due()

    @property
    def contents(self) -> list[Content]:
        """Contents of all slices, those of the coarsest level first."""
        return [one.content for kept in reversed(self._kept) for one in kept]

    def roll_up(self, now_ms: int) -> None:
        """Add up slices that are old enough at event time ``now_ms``, and forget those past retention.

        No sum over a window depends on when this is called.
        """
        for number in range(len(self.levels) - 1):
            if self._due[number] <= now_ms:
                self._roll(number, now_ms)
        oldest, limit_ms = self._kept[-1], now_ms - self.retention_ms
        past = bisect_right(oldest, limit_ms, key=_end)
        if past:
            self.forgotten_ms = oldest[past - 1].end_ms
            self.forgotten += [one.content for one in oldest[:past]]
            self._drop(len(self._kept) - 1, past)

    def start_of(self, window: Window, now_ms: int) -> int:
        """Start of ``window`` at ``now_ms``: now − length, rounded down to a boundary of the slices of that age."""
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

    def unit_at(self, age_ms: int) -> SliceUnit:
        """Unit of the slices that are ``age_ms`` old."""
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
        """Number of slices kept, of all units."""
        return sum(map(len, self._kept))

    def _keep(self, number: int, more: Sequence[Kept[Content]]) -> None:
        self._kept[number] += more
        unit = self.levels[number].unit
        self._unsaved.update((SlicePlace(unit, one.start_ms), one) for one in more)

    def _drop(self, number: int, count: int) -> None:
        """Remove the oldest ``count`` slices of a level."""
        unit = self.levels[number].unit
        for one in self._kept[number][:count]:
            place = SlicePlace(unit, one.start_ms)
            if self._unsaved.pop(place, None) is None:
                self._gone.add(place)
        del self._kept[number][:count]

    def _set_all_due(self) -> None:
        for number in range(len(self.levels) - 1):
            self._set_due(number)

    def _set_due(self, number: int) -> None:
        kept, coarser = self._kept[number], self.levels[number + 1].unit
        if kept:
            end = self.grid.bounds(coarser, kept[0].start_ms)[1]
            self._due[number] = end + self.levels[number].keep_ms
        else:
            self._due[number] = NEVER

    def _roll(self, number: int, now_ms: int) -> None:
        """Add up the slices of level ``number`` that are due at ``now_ms`` into slices of the next level."""
        kept, groups = self._kept[number], list(self._due_groups(number, now_ms))
        if not groups:  # boundaries have moved since the due time was set
            self._set_due(number)
            return
        contents = self._add_each([[one.content for one in kept[first:after]] for _, _, first, after in groups])
        joined = zip(groups, contents, strict=True)
        self._keep(number + 1, [Kept(start, end, content.packed()) for (start, end, _, _), content in joined])
        self._drop(number, groups[-1][-1])
        self._set_due(number)
        if number + 1 < len(self.levels) - 1:
            self._set_due(number + 1)

    def _due_groups(self, number: int, now_ms: int) -> Iterator[tuple[int, int, int, int]]:
        """Start and end of each coarser slice that is due, and the positions in level ``number`` it is from."""
        kept, coarser = self._kept[number], self.levels[number + 1].unit
        limit_ms = now_ms - self.levels[number].keep_ms
        done_ms = self._kept[number + 1][-1].end_ms if self._kept[number + 1] else -NEVER
        first = 0
        while first < len(kept):
            start, end = self.grid.bounds(coarser, kept[first].start_ms)
            if end > limit_ms:
                return
            after = bisect_left(kept, end, first, key=_start)
            # Boundaries move when the time zone changes; slices must not overlap.
            start, end = max(start, done_ms), max(end, kept[after - 1].end_ms)
            yield start, end, first, after
            first, done_ms = after, end


def histories(grid: Grid, retention_ms: int) -> tuple[History[Counts], History[Distributions]]:
    """The two histories of a partition: counts, and distributions."""
    return (
        History(COUNT_LEVELS, grid, Counts.add_each, retention_ms),
        History(DISTRIBUTION_LEVELS, grid, Distributions.add_each, retention_ms),
    )
