"""The open slices of one partition, and spreading a batch of columns over them in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.decoding.columns import ABSENT
from streams.derivers.timelines import Probe
from streams.engine.duplicates import SeenIds
from streams.events.identity import IdArray
from streams.routing.router import Router
from streams.slices.distribution import buckets_of
from streams.slices.slice import BUCKET_BITS, LENGTH_MS, SUMMARIES, WEIGHTS, Counts, Distributions
from streams.slices.sparse_table import (
    IntArray,
    SparseTable,
    combine,
    join,
    reduce_runs,
    run_ends,
    run_starts,
    sorting,
    split,
)

_NEVER_ENTERED: Final = 1 << 62
#: Most tables kept apart before they are combined; bounds memory and the cost of reading.
_MOST_KEPT: Final = 16


class PendingObservations(NamedTuple):
    """Observations in order: the route of each, and its duration in microseconds (`ABSENT` for none)."""

    routes: IntArray
    durations_us: IntArray


class OpenSlice:
    """A slice that may still change. Observations are only collected; they are counted when it is read."""

    __slots__ = (
        "_seen",
        "buckets",
        "cells",
        "first_offset",
        "pending",
        "start_ms",
        "summaries",
        "transitions",
        "waiting",
    )

    def __init__(self, start_ms: int) -> None:
        """Start empty, at ``start_ms``."""
        self.start_ms = start_ms
        self.first_offset = _NEVER_ENTERED  # of the first record that entered the slice
        self.transitions: list[Probe] = []
        self.pending: list[PendingObservations] = []  # not counted yet
        self.waiting = 0  # number of observations in `pending`
        self.cells: list[SparseTable] = []  # weights by cell id, one column; see `streams.routing.router`
        self.summaries: list[SparseTable] = []  # as in `Distributions`
        self.buckets: list[SparseTable] = []
        self._seen = SeenIds()

    @property
    def end_ms(self) -> int:
        """Where the next slice starts."""
        return self.start_ms + LENGTH_MS

    def enter(self, offset: int) -> None:
        """Note that the record at ``offset`` entered; rebuilding the slice reads the log from the first such record."""
        self.first_offset = min(self.first_offset, offset)

    def observe(self, routes: IntArray, durations_us: IntArray) -> None:
        """Add observations, to be counted later."""
        self.pending.append(PendingObservations(routes, durations_us))
        self.waiting += len(routes)

    def taken(self) -> list[PendingObservations]:
        """Take out the pending observations."""
        pending, self.pending, self.waiting = self.pending, [], 0
        return pending

    def add_cells(self, cells: SparseTable) -> None:
        """Count observations: weight by cell id."""
        _keep(self.cells, cells, WEIGHTS)

    def add_durations(self, summaries: SparseTable, buckets: SparseTable) -> None:
        """Add durations, as in `Distributions`."""
        _keep(self.summaries, summaries, SUMMARIES)
        _keep(self.buckets, buckets, WEIGHTS)

    def first_seen(self, identities: IdArray) -> npt.NDArray[np.bool_]:
        """Mask of the events whose identity (64 bits) is new in the slice, in log order; remember all."""
        return self._seen.first(identities)


class OpenSlices:
    """Slices that may still change, by start."""

    def __init__(self, router: Router) -> None:
        """Start with none; ``router`` maps observations to cells."""
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
        """The open slice that starts at ``start_ms``; open it if there is none."""
        found = self._open.get(start_ms)
        if found is None:
            found = self._open[start_ms] = OpenSlice(start_ms)
            heappush(self._starts, start_ms)
        return found

    def first_start_ms(self) -> int | None:
        """Start of the oldest open slice."""
        return self._starts[0] if self._starts else None

    def close(self, start_ms: int) -> OpenSlice:
        """Take out the slice at ``start_ms``, the oldest that can be open; an empty one if nothing entered it."""
        if self.first_start_ms() == start_ms:
            heappop(self._starts)
        return self._open.pop(start_ms, None) or OpenSlice(start_ms)

    def first_offset(self) -> int | None:
        """Offset of the first record that entered any of them; None: none is open."""
        return min((one.first_offset for one in self._open.values()), default=None)

    def enter(self, starts: IntArray, offsets: IntArray) -> None:
        """Open the slices at ``starts``, and note the records at ``offsets``, in log order, that enter them."""
        if len(starts) and (starts == starts[0]).all():
            self.at(int(starts[0])).enter(int(offsets[0]))
            return
        found, first = np.unique(starts, return_index=True)
        for start_ms, offset in zip(found.tolist(), offsets[first].tolist(), strict=True):
            self.at(start_ms).enter(offset)

    def add(self, starts: IntArray, routes: IntArray, durations_us: IntArray) -> None:
        """Add observations: the start of each one's slice, its route, and its duration (or `ABSENT`)."""
        if not len(starts):
            return
        places = (starts - starts.min()) // LENGTH_MS
        if not places.any():
            self._add(int(starts[0]), routes, durations_us)
            return
        order = sorting(places)
        places, starts, routes, durations_us = places[order], starts[order], routes[order], durations_us[order]
        begins = run_starts(places)
        for begin, end in zip(begins.tolist(), run_ends(begins, len(places)).tolist(), strict=True):
            part = slice(begin, end)
            # Copy, so that a few observations of a slice that stays open do not keep the whole batch in memory.
            self._add(int(starts[begin]), routes[part].copy(), durations_us[part].copy())

    def _add(self, start_ms: int, routes: IntArray, durations_us: IntArray) -> None:
        one = self.at(start_ms)
        one.observe(routes, durations_us)
        if one.waiting > _MOST_PENDING:
            _settle(self._router, [one])


#: Most observations that a slice collects before they are counted, 16 bytes each. Counting many at once is cheaper.
_MOST_PENDING: Final = 65_536


def contents(router: Router, slices: Sequence[OpenSlice]) -> tuple[list[Counts], list[Distributions]]:
    """Contents of each of ``slices``, by series. All are computed in one pass, since most are small."""
    _settle(router, slices)
    count, distributions = len(slices), router.distributions
    cells = join([one.cells for one in slices], router.cells, WEIGHTS)
    ratios = split(router.ratios_of(cells), router.ratios, count)
    sums = split(router.sums_of(cells), router.sums, count)
    summaries = split(join([one.summaries for one in slices], distributions, SUMMARIES), distributions, count)
    width = distributions << BUCKET_BITS
    buckets = split(join([one.buckets for one in slices], width, WEIGHTS), width, count)
    return list(map(Counts, ratios, sums)), list(map(Distributions, summaries, buckets))


def _settle(router: Router, slices: Sequence[OpenSlice]) -> None:
    """Count the pending observations of ``slices``, all in one pass."""
    waiting = [one for one in slices if one.waiting]
    if not waiting:
        return
    count, distributions = len(waiting), router.distributions
    places = np.repeat(np.arange(count), [one.waiting for one in waiting])
    pending = [part for one in waiting for part in one.taken()]
    routes = np.concatenate([part.routes for part in pending])
    durations_us = np.concatenate([part.durations_us for part in pending])
    cells = split(_cells(router, places, routes, durations_us), router.cells, count)
    summaries, buckets = _distributions(router, places, routes, durations_us)
    for one, *tables in zip(
        waiting,
        cells,
        split(summaries, distributions, count),
        split(buckets, distributions << BUCKET_BITS, count),
        strict=True,
    ):
        one.add_cells(tables[0])
        one.add_durations(tables[1], tables[2])


def _cells(router: Router, places: IntArray, routes: IntArray, durations_us: IntArray) -> SparseTable:
    """Weights under the keys place · number of cells + cell."""
    keys = places * router.cells + router.cells_of(routes, durations_us)
    limit = (int(places[-1]) + 1) * router.cells
    if limit <= _DENSE * len(keys):
        occurrences = np.bincount(keys, minlength=limit)
        distinct = np.flatnonzero(occurrences)
        return SparseTable(distinct, occurrences[distinct, np.newaxis])
    keys = keys[sorting(keys)]
    starts = run_starts(keys)
    return SparseTable(keys[starts], (run_ends(starts, len(keys)) - starts)[:, np.newaxis])


#: Up to this many possible keys per observation, counting into a dense array is cheaper than sorting.
_DENSE: Final = 8


def _distributions(
    router: Router, places: IntArray, routes: IntArray, durations_us: IntArray
) -> tuple[SparseTable, SparseTable]:
    """Summaries and buckets, as in `Distributions`, under the keys place · number of distributions + distribution."""
    distributions = router.columns.distribution[routes]
    measured = (distributions >= 0) & (durations_us != ABSENT)
    keys, durations_us = (places * router.distributions + distributions)[measured], durations_us[measured]
    if not len(keys):
        return SparseTable.empty(len(SUMMARIES)), SparseTable.empty(len(WEIGHTS))
    keys = (keys << BUCKET_BITS) | buckets_of(durations_us)
    order = sorting(keys)
    keys, durations_us = keys[order], durations_us[order]
    starts = run_starts(keys)
    buckets = SparseTable(keys[starts], (run_ends(starts, len(keys)) - starts)[:, np.newaxis])
    keys >>= BUCKET_BITS
    starts = run_starts(keys)
    totals = [reduce_runs(operation, durations_us, starts) for operation in SUMMARIES[1:]]
    return SparseTable(keys[starts], np.stack((run_ends(starts, len(keys)) - starts, *totals), axis=1)), buckets


def _keep(tables: list[SparseTable], table: SparseTable, how: Sequence[np.ufunc]) -> None:
    if len(table):
        tables.append(table)
    if len(tables) > _MOST_KEPT:
        tables[:] = [combine(tables, how)]
