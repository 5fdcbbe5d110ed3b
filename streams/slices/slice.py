"""Slices: half-open intervals of event time of one source partition, and what was counted in them.

A slice is open while events may still enter, then immutable. Closed slices are added up into coarser ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from streams.slices.sparse_table import IntArray, SparseTable, join, split

#: Length of the finest slice, milliseconds.
LENGTH_MS: Final = 10_000
#: A bucket's key in a table is its distribution's id and its number: `id << BUCKET_BITS | number`.
BUCKET_BITS: Final = 11

#: How rows of weights by cell, and of the columns of `Counts` and `Distributions`, are added.
WEIGHTS: Final = (np.add,)
PAIRS: Final = (np.add, np.add)
SUMMARIES: Final = (np.add, np.add, np.minimum, np.maximum)


@dataclass(frozen=True, slots=True)
class Counts:
    """What ratios and sums gathered: rows (good, total) by ratio id, rows (sum, count) by sum id."""

    ratios: SparseTable = field(default_factory=lambda: SparseTable.empty(2))
    sums: SparseTable = field(default_factory=lambda: SparseTable.empty(2))

    @staticmethod
    def add(parts: Sequence[Counts]) -> Counts:
        """Exact sum of several."""
        return Counts.add_each((parts,))[0]

    @staticmethod
    def add_each(groups: Sequence[Sequence[Counts]]) -> list[Counts]:
        """Exact sum of each group."""
        ratios = _combine_each([[part.ratios for part in parts] for parts in groups], PAIRS)
        sums = _combine_each([[part.sums for part in parts] for parts in groups], PAIRS)
        return list(map(Counts, ratios, sums))

    @property
    def tables(self) -> tuple[SparseTable, SparseTable]:
        """Both tables."""
        return self.ratios, self.sums

    def packed(self) -> Counts:
        """The same in the narrowest types."""
        return Counts(self.ratios.packed(), self.sums.packed())


@dataclass(frozen=True, slots=True)
class Distributions:
    """What distributions gathered: rows (count, sum, smallest, largest) by id, and counts by bucket key."""

    summaries: SparseTable = field(default_factory=lambda: SparseTable.empty(4))
    buckets: SparseTable = field(default_factory=lambda: SparseTable.empty(1))

    @staticmethod
    def add(parts: Sequence[Distributions]) -> Distributions:
        """Exact sum of several; smallest and largest by minimum and maximum."""
        return Distributions.add_each((parts,))[0]

    @staticmethod
    def add_each(groups: Sequence[Sequence[Distributions]]) -> list[Distributions]:
        """Exact sum of each group."""
        summaries = _combine_each([[part.summaries for part in parts] for parts in groups], SUMMARIES)
        buckets = _combine_each([[part.buckets for part in parts] for parts in groups], WEIGHTS)
        return list(map(Distributions, summaries, buckets))

    @property
    def tables(self) -> tuple[SparseTable, SparseTable]:
        """Both tables."""
        return self.summaries, self.buckets

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


def _combine_each(groups: Sequence[Sequence[SparseTable]], how: Sequence[np.ufunc]) -> list[SparseTable]:
    """Each group's tables brought together, all groups in one pass over their rows."""
    width = 1 + max((int(table.keys[-1]) for tables in groups for table in tables if len(table)), default=0)
    return split(join(groups, width, how), width, len(groups))


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
