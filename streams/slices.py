"""Slices: half-open intervals of event time of one source partition, and what was counted in them.

A slice is open while events may still enter, then immutable. Closed slices are added up into coarser ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from streams.derivers.timelines import Probe
from streams.tables import IntArray, Table, combine, total

#: Length of the finest slice, milliseconds.
LENGTH_MS: Final = 10_000
#: A bucket's key in a table is its distribution's id and its number: `id << BUCKET_BITS | number`.
BUCKET_BITS: Final = 11

_EXTREMES: Final = (np.add, np.add, np.minimum, np.maximum)


@dataclass(frozen=True, slots=True)
class Counts:
    """What ratios and sums gathered: rows (good, total) by ratio id, rows (sum, count) by sum id."""

    ratios: Table = field(default_factory=lambda: Table.empty(2))
    sums: Table = field(default_factory=lambda: Table.empty(2))

    @staticmethod
    def add(parts: Sequence[Counts]) -> Counts:
        """Exact sum of several."""
        return Counts(total([p.ratios for p in parts], 2), total([p.sums for p in parts], 2))

    def packed(self) -> Counts:
        """The same in the narrowest types."""
        return Counts(self.ratios.packed(), self.sums.packed())


@dataclass(frozen=True, slots=True)
class Distributions:
    """What distributions gathered: rows (count, sum, smallest, largest) by id, and counts by bucket key."""

    summaries: Table = field(default_factory=lambda: Table.empty(4))
    buckets: Table = field(default_factory=lambda: Table.empty(1))

    @staticmethod
    def add(parts: Sequence[Distributions]) -> Distributions:
        """Exact sum of several; smallest and largest by minimum and maximum."""
        return Distributions(combine([p.summaries for p in parts], _EXTREMES), total([p.buckets for p in parts], 1))

    def packed(self) -> Distributions:
        """The same in the narrowest types."""
        return Distributions(self.summaries.packed(), self.buckets.packed())


@dataclass(frozen=True, slots=True)
class Slice:
    """A final slice: event time [start_ms, end_ms) and everything counted in it."""

    start_ms: int
    end_ms: int
    counts: Counts
    distributions: Distributions


class OpenSlice:
    """A slice that may still change. What is added is only kept; it is brought together when somebody looks."""

    __slots__ = ("_buckets", "_cells", "_seen", "_summaries", "start_ms", "transitions")

    def __init__(self, start_ms: int) -> None:
        """Start empty, at ``start_ms``."""
        self.start_ms = start_ms
        self.transitions: list[Probe] = []
        self._cells: list[Table] = []
        self._summaries: list[Table] = []
        self._buckets: list[Table] = []
        self._seen: set[int] = set()

    @property
    def end_ms(self) -> int:
        """Where the next slice starts."""
        return self.start_ms + LENGTH_MS

    def add_cells(self, cells: Table) -> None:
        """Count observations: weight by cell id, one column. See `streams.router` for what cells mean."""
        _keep(self._cells, cells, (np.add,))

    def add_durations(self, summaries: Table, buckets: Table) -> None:
        """Take in durations, as in `Distributions`."""
        _keep(self._summaries, summaries, _EXTREMES)
        _keep(self._buckets, buckets, (np.add,))

    def cells(self) -> Table:
        """Everything counted so far, by cell id."""
        return _settled(self._cells, (np.add,))

    def distributions(self) -> Distributions:
        """Every duration taken in so far."""
        return Distributions(_settled(self._summaries, _EXTREMES), _settled(self._buckets, (np.add,)))

    def first_seen(self, identity: int) -> bool:
        """Whether an event of this ``identity`` (64 bits) is the first in the slice; it is remembered."""
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True


#: Tables kept apart before they are brought together; bounds memory, and the cost of a look.
_MOST_KEPT: Final = 16


def _keep(tables: list[Table], table: Table, how: Sequence[np.ufunc]) -> None:
    if len(table):
        tables.append(table)
    if len(tables) > _MOST_KEPT:
        tables[:] = [combine(tables, how)]


def _settled(tables: list[Table], how: Sequence[np.ufunc]) -> Table:
    if len(tables) != 1:
        tables[:] = [combine(tables, how)]
    return tables[0]


def slice_start(time_ms: int) -> int:
    """Start of the slice that ``time_ms`` lies in."""
    return time_ms - time_ms % LENGTH_MS


def slice_starts(times_ms: IntArray) -> IntArray:
    """Starts of the slices that ``times_ms`` lie in."""
    starts: IntArray = times_ms - times_ms % LENGTH_MS
    return starts


def slice_ceiling(time_ms: int) -> int:
    """First slice boundary at or after ``time_ms``."""
    return -(-time_ms // LENGTH_MS) * LENGTH_MS
