"""Slices: half-open intervals of event time of one source partition, with everything counted in them.

A slice is open while events may still enter, then final. Closed slices are added up into coarser ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from streams.slices.sparse_table import IntArray, SparseTable, join, split

#: Length of the finest slice, milliseconds.
LENGTH_MS: Final = 10_000
#: The key of a bucket in a table combines the id of its distribution and its number: `id << BUCKET_BITS | number`.
BUCKET_BITS: Final = 11

#: How each column is combined: of weights by cell and counts by bucket, of the tables of `Counts`, and of summaries.
WEIGHTS: Final = (np.add,)
PAIRS: Final = (np.add, np.add)
SUMMARIES: Final = (np.add, np.add, np.minimum, np.maximum)


@dataclass(frozen=True, slots=True)
class Counts:
    """Ratios and sums of a slice: rows (good, total) by ratio id, rows (sum, count) by sum id."""

    ratios: SparseTable = field(default_factory=lambda: SparseTable.empty(2))
    sums: SparseTable = field(default_factory=lambda: SparseTable.empty(2))

    @staticmethod
    def add(parts: Sequence[Counts]) -> Counts:
        """Exact sum of ``parts``."""
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
        """The same numbers in the narrowest integer types."""
        return Counts(self.ratios.packed(), self.sums.packed())


@dataclass(frozen=True, slots=True)
class Distributions:
    """Distributions of a slice: rows (count, sum, smallest, largest) by id, and counts by bucket key."""

    summaries: SparseTable = field(default_factory=lambda: SparseTable.empty(4))
    buckets: SparseTable = field(default_factory=lambda: SparseTable.empty(1))

    @staticmethod
    def add(parts: Sequence[Distributions]) -> Distributions:
        """Exact sum of ``parts``; smallest and largest by minimum and maximum."""
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
        """The same numbers in the narrowest integer types."""
        return Distributions(self.summaries.packed(), self.buckets.packed())


@dataclass(frozen=True, slots=True)
class Slice:
    """A final slice: event time [start_ms, end_ms) and everything counted in it."""

    start_ms: int
    end_ms: int
    counts: Counts
    distributions: Distributions


def _combine_each(groups: Sequence[Sequence[SparseTable]], how: Sequence[np.ufunc]) -> list[SparseTable]:
    """Tables of each group combined into one, all groups in one pass over their rows."""
    width = 1 + max((int(table.keys[-1]) for tables in groups for table in tables if len(table)), default=0)
    return split(join(groups, width, how), width, len(groups))


def slice_start(time_ms: int) -> int:
    """Start of the slice that contains ``time_ms``."""
    return time_ms - time_ms % LENGTH_MS


def slice_starts(times_ms: IntArray) -> IntArray:
    """Starts of the slices that contain ``times_ms``."""
    starts: IntArray = times_ms - times_ms % LENGTH_MS
    return starts


def slice_ceiling(time_ms: int) -> int:
    """First slice boundary at or after ``time_ms``."""
    return -(-time_ms // LENGTH_MS) * LENGTH_MS
