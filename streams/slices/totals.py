"""Totals over an interval of event time: sums by series id that slices are added to and subtracted from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Self

import numpy as np

from streams.slices.distribution import Distribution
from streams.slices.ratio import Ratio
from streams.slices.slice import BUCKET_BITS, Counts, Distributions
from streams.slices.sparse_table import SATURATED, IntArray, SparseTable

_FIRST_ROWS: Final = 64
_BUCKET: Final = (1 << BUCKET_BITS) - 1
_NOTHING: Final = Distribution()


class BucketSlots:
    """Dense numbers (slots) of the bucket keys in use, shared by all totals of a partition; append only."""

    def __init__(self) -> None:
        """No bucket is in use."""
        self._keys = np.empty(0, np.int64)  # sorted
        self._slots = np.empty(0, np.int64)  # of those keys

    def __len__(self) -> int:
        """Number of slots."""
        return len(self._keys)

    def of(self, keys: IntArray) -> IntArray:
        """Slot of each of the sorted, unique ``keys``; new keys get new slots."""
        places = np.searchsorted(self._keys, keys)
        known = places < len(self._keys)
        known[known] = self._keys[places[known]] == keys[known]
        if not known.all():
            self._insert(keys[~known], places[~known])
            places = np.searchsorted(self._keys, keys)
        slots: IntArray = self._slots[places]
        return slots

    def in_use(self) -> tuple[IntArray, IntArray]:
        """Keys of all buckets in use, sorted, and their slots."""
        return self._keys, self._slots

    def _insert(self, keys: IntArray, places: IntArray) -> None:
        slots = np.arange(len(self._keys), len(self._keys) + len(keys))
        self._keys = np.insert(self._keys, places, keys)
        self._slots = np.insert(self._slots, places, slots)


class Dense:
    """Rows of integers by dense id; it grows as ids appear.

    Once ``saturated``, subtracting would be wrong.
    """

    __slots__ = ("rows", "saturated")

    def __init__(self, columns: int) -> None:
        """Start without rows; each starts at zero."""
        self.rows = np.zeros((0, columns), np.int64)
        self.saturated = False

    def add(self, ids: IntArray, values: IntArray) -> None:
        """Add ``values`` to the rows ``ids``, each at most once; a sum that overflows stays at `SATURATED`."""
        if len(ids):
            self._reach(int(ids.max()))
            sums = self.rows[ids] + values
            if sums.min() < 0:
                self.saturated = True
                sums = np.where(sums < 0, SATURATED, sums)
            self.rows[ids] = sums

    def subtract(self, ids: IntArray, values: IntArray) -> None:
        """Subtract ``values`` that were added before."""
        if len(ids):
            self.rows[ids] -= values

    def row(self, number: int) -> tuple[int, ...]:
        """One row; zeros where nothing was added."""
        if number >= len(self.rows):
            return (0,) * self.rows.shape[1]
        return tuple(self.rows[number].tolist())

    def rows_of(self, ids: IntArray) -> IntArray:
        """The rows ``ids``; zeros where nothing was added."""
        found = np.zeros((len(ids), self.rows.shape[1]), np.int64)
        held = ids < len(self.rows)
        found[held] = self.rows[ids[held]]
        return found

    def copy(self) -> Dense:
        """An independent copy."""
        other = Dense(self.rows.shape[1])
        other.rows, other.saturated = self.rows.copy(), self.saturated
        return other

    def _reach(self, number: int) -> None:
        if number >= len(self.rows):
            more = max(_FIRST_ROWS, number + 1, 2 * len(self.rows)) - len(self.rows)
            self.rows = np.concatenate((self.rows, np.zeros((more, self.rows.shape[1]), np.int64)))


class RatioTotals:
    """Sums of ratios alone: decisions need no more."""

    def __init__(self) -> None:
        """Start at zero."""
        self.ratios = Dense(2)

    @property
    def saturated(self) -> bool:
        """Whether a sum has overflowed, so that subtracting would be wrong."""
        return self.ratios.saturated

    def add(self, counts: Counts) -> None:
        """Add a slice's counts."""
        self.ratios.add(counts.ratios.keys, counts.ratios.values)

    def subtract(self, counts: Counts) -> None:
        """Subtract the counts of a slice that was added."""
        self.ratios.subtract(counts.ratios.keys, counts.ratios.values)

    def ratio(self, number: int) -> Ratio:
        """Good and total of one ratio series."""
        return Ratio(*self.ratios.row(number))


class CountTotals(RatioTotals):
    """Sums of ratios and of sums."""

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.sums = Dense(2)

    @property
    def saturated(self) -> bool:
        """Whether a sum has overflowed, so that subtracting would be wrong."""
        return self.ratios.saturated or self.sums.saturated

    def add(self, counts: Counts) -> None:
        """Add a slice's counts."""
        super().add(counts)
        self.sums.add(counts.sums.keys, counts.sums.values)

    def subtract(self, counts: Counts) -> None:
        """Subtract the counts of a slice that was added."""
        super().subtract(counts)
        self.sums.subtract(counts.sums.keys, counts.sums.values)

    def copy(self) -> Self:
        """An independent copy."""
        other = type(self)()
        other.ratios, other.sums = self.ratios.copy(), self.sums.copy()
        return other


class DistributionTotals:
    """Sums of distributions without extremes, which cannot be subtracted: `Extremes` has those."""

    def __init__(self, slots: BucketSlots) -> None:
        """Start at zero; ``slots`` are shared with the partition's other totals."""
        self._slots = slots
        self.summaries = Dense(2)  # count, sum
        self.buckets = Dense(1)

    @property
    def saturated(self) -> bool:
        """Whether a sum has overflowed, so that subtracting would be wrong."""
        return self.summaries.saturated

    def add(self, distributions: Distributions) -> None:
        """Add a slice's distributions."""
        self.summaries.add(distributions.summaries.keys, distributions.summaries.values[:, :2])
        self.buckets.add(self._slots.of(distributions.buckets.keys), distributions.buckets.values)

    def subtract(self, distributions: Distributions) -> None:
        """Subtract the distributions of a slice that was added."""
        self.summaries.subtract(distributions.summaries.keys, distributions.summaries.values[:, :2])
        self.buckets.subtract(self._slots.of(distributions.buckets.keys), distributions.buckets.values)

    def distributions(self, ids: IntArray, extremes: Extremes) -> Iterator[Distribution]:
        """Distributions of the series ``ids``, with their ``extremes`` over the same interval."""
        keys, slots = self._slots.in_use()
        held = slots < len(self.buckets.rows)
        keys, counts = keys[held], self.buckets.rows[slots[held]]
        used = counts[:, 0] != 0
        keys, counts = keys[used], counts[used]
        numbers = keys & _BUCKET
        ends = np.searchsorted(keys, np.stack((ids, ids + 1), axis=1) << BUCKET_BITS).tolist()
        rows = self.summaries.rows_of(ids).tolist(), extremes.rows_of(ids).tolist()
        for (count, sum_us), (smallest, largest), (first, after) in zip(*rows, ends, strict=True):
            table = SparseTable(numbers[first:after], counts[first:after])
            yield Distribution(count, sum_us, smallest, largest, table) if count else _NOTHING

    def copy(self) -> Self:
        """An independent copy, over the same slots."""
        other = type(self)(self._slots)
        other.summaries, other.buckets = self.summaries.copy(), self.buckets.copy()
        return other


class Extremes:
    """Smallest and largest duration by distribution id, in microseconds."""

    def __init__(self) -> None:
        """Nothing seen."""
        self._rows = np.empty((0, 2), np.int64)

    def add(self, distributions: Distributions) -> None:
        """Add a slice's distributions."""
        keys, values = distributions.summaries.keys, distributions.summaries.values
        if not len(keys):
            return
        self._reach(int(keys.max()))
        self._rows[keys, 0] = np.minimum(self._rows[keys, 0], values[:, 2])
        self._rows[keys, 1] = np.maximum(self._rows[keys, 1], values[:, 3])

    def rows_of(self, ids: IntArray) -> IntArray:
        """Smallest and largest of each; zeros where nothing was seen."""
        found = np.zeros((len(ids), 2), np.int64)
        held = ids < len(self._rows)
        held[held] = self._rows[ids[held], 1] >= 0
        found[held] = self._rows[ids[held]]
        return found

    def copy(self) -> Extremes:
        """An independent copy."""
        other = Extremes()
        other._rows = self._rows.copy()
        return other

    def _reach(self, number: int) -> None:
        if number >= len(self._rows):
            rows = max(_FIRST_ROWS, number + 1, 2 * len(self._rows))
            more = np.empty((rows - len(self._rows), 2), np.int64)
            more[:] = (SATURATED, -1)
            self._rows = np.concatenate((self._rows, more))
