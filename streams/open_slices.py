"""The open slices of one partition, and how a batch of columns is spread over them in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

import numpy as np

from streams.columns import ABSENT
from streams.distribution import buckets_of
from streams.router import Router
from streams.slices import BUCKET_BITS, LENGTH_MS, SUMMARIES, WEIGHTS, Counts, Distributions, OpenSlice
from streams.tables import IntArray, Table, group, join, run_starts, split


class OpenSlices:
    """Slices that may still change, by start."""

    def __init__(self, router: Router) -> None:
        """None is open; ``router`` says what observations mean."""
        self._router = router
        self._open: dict[int, OpenSlice] = {}
        self._starts: list[int] = []  # a heap

    def __len__(self) -> int:
        """Number of open slices."""
        return len(self._open)

    def __iter__(self) -> Iterator[OpenSlice]:
        """Open slices in the order of time."""
        return (self._open[start] for start in sorted(self._open))

    def at(self, start_ms: int) -> OpenSlice:
        """The open slice that starts at ``start_ms``, opened if need be."""
        found = self._open.get(start_ms)
        if found is None:
            found = self._open[start_ms] = OpenSlice(start_ms)
            heappush(self._starts, start_ms)
        return found

    def first_start_ms(self) -> int | None:
        """Start of the oldest open slice."""
        return self._starts[0] if self._starts else None

    def close(self, start_ms: int) -> OpenSlice:
        """Take the slice at ``start_ms`` out, before which none is open; an empty one if nothing entered it."""
        if self.first_start_ms() == start_ms:
            heappop(self._starts)
        return self._open.pop(start_ms, None) or OpenSlice(start_ms)

    def first_offset(self) -> int | None:
        """Offset of the first record that entered any of them."""
        return min((one.first_offset for one in self._open.values()), default=None)

    def enter(self, starts: IntArray, offsets: IntArray) -> None:
        """Open the slices at ``starts`` into which records at ``offsets``, in log order, enter."""
        found, first = np.unique(starts, return_index=True)
        for start_ms, offset in zip(found.tolist(), offsets[first].tolist(), strict=True):
            self.at(start_ms).enter(offset)

    def add(self, starts: IntArray, routes: IntArray, durations_us: IntArray) -> None:
        """Count observations: the start of each one's slice, its route, and its duration (or `ABSENT`)."""
        if not len(starts):
            return
        origin = int(starts.min())
        places = (starts - origin) // LENGTH_MS
        self._add_cells(origin, places, self._router.cells_of(routes, durations_us))
        distributions = self._router.columns.distribution[routes]
        measured = (distributions >= 0) & (durations_us != ABSENT)
        if measured.any():
            self._add_durations(origin, places[measured], distributions[measured], durations_us[measured])

    def _add_cells(self, origin: int, places: IntArray, cells: IntArray) -> None:
        width = self._router.cells
        keys, weights = _counted(places * width + cells, (int(places.max()) + 1) * width)
        for place, start, end in _spans(keys // width):
            self.at(origin + place * LENGTH_MS).add_cells(
                Table(keys[start:end] - place * width, weights[start:end, np.newaxis])
            )

    def _add_durations(self, origin: int, places: IntArray, distributions: IntArray, durations_us: IntArray) -> None:
        width = self._router.distributions
        bucketed = ((places * width + distributions) << BUCKET_BITS) | buckets_of(durations_us)
        order = np.argsort(bucketed, kind="stable")
        bucketed, durations_us = bucketed[order], durations_us[order]
        series = bucketed >> BUCKET_BITS
        ones = np.ones(len(series), np.int64)
        stacked = np.stack((ones, durations_us, durations_us, durations_us), axis=1)
        summaries = group(series, stacked, SUMMARIES)
        buckets = group(bucketed, ones[:, np.newaxis], WEIGHTS)
        bucket_ends = np.searchsorted(buckets.keys, (summaries.keys + 1) << BUCKET_BITS)
        for place, start, end in _spans(summaries.keys // width):
            first = int(bucket_ends[start - 1]) if start else 0
            shift, last = place * width, int(bucket_ends[end - 1])
            self.at(origin + place * LENGTH_MS).add_durations(
                Table(summaries.keys[start:end] - shift, summaries.values[start:end]),
                Table(buckets.keys[first:last] - (shift << BUCKET_BITS), buckets.values[first:last]),
            )


def contents(router: Router, slices: Sequence[OpenSlice]) -> tuple[list[Counts], list[Distributions]]:
    """What each of ``slices`` holds, by series. All are worked out in one pass, for most hold little."""
    count, distributions = len(slices), router.distributions
    cells = join([one.cells for one in slices], router.cells, WEIGHTS)
    ratios = split(router.ratios_of(cells), router.ratios, count)
    sums = split(router.sums_of(cells), router.sums, count)
    summaries = split(join([one.summaries for one in slices], distributions, SUMMARIES), distributions, count)
    width = distributions << BUCKET_BITS
    buckets = split(join([one.buckets for one in slices], width, WEIGHTS), width, count)
    return list(map(Counts, ratios, sums)), list(map(Distributions, summaries, buckets))


#: Up to so many possible keys per observation, counting into a dense array is cheaper than sorting.
_DENSE = 8


def _counted(keys: IntArray, limit: int) -> tuple[IntArray, IntArray]:
    """Distinct ``keys`` (all below ``limit``), sorted, and how often each occurs."""
    if limit <= _DENSE * len(keys):
        occurrences = np.bincount(keys, minlength=limit)
        distinct = np.flatnonzero(occurrences)
        return distinct, occurrences[distinct]
    distinct, occurrences = np.unique(keys, return_counts=True)
    return distinct, occurrences


def _spans(places: IntArray) -> Iterator[tuple[int, int, int]]:
    """Each distinct value of sorted ``places`` with where it starts and ends."""
    starts = run_starts(places)
    ends = [*starts[1:].tolist(), len(places)]
    return zip(places[starts].tolist(), starts.tolist(), ends, strict=True)
