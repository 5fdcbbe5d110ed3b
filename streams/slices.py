"""Slices: half-open intervals of event time of one source partition, and what was counted in them.

A slice is open while events may still enter, then immutable. Closed slices are added up into coarser ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.derivers.timelines import Probe
from streams.events.identity import IdArray
from streams.tables import IntArray, Table, combine, join, split

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

    ratios: Table = field(default_factory=lambda: Table.empty(2))
    sums: Table = field(default_factory=lambda: Table.empty(2))

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
    def tables(self) -> tuple[Table, Table]:
        """Both tables."""
        return self.ratios, self.sums

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
        return Distributions.add_each((parts,))[0]

    @staticmethod
    def add_each(groups: Sequence[Sequence[Distributions]]) -> list[Distributions]:
        """Exact sum of each group."""
        summaries = _combine_each([[part.summaries for part in parts] for parts in groups], SUMMARIES)
        buckets = _combine_each([[part.buckets for part in parts] for parts in groups], WEIGHTS)
        return list(map(Distributions, summaries, buckets))

    @property
    def tables(self) -> tuple[Table, Table]:
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


class Observed(NamedTuple):
    """Observations one after the other: the route of each, and its duration in microseconds (`ABSENT` for none)."""

    routes: IntArray
    durations_us: IntArray


_NEVER_ENTERED: Final = 1 << 62


#: Few identities at a time are kept in a set, about 65 bytes each; many, or as many together, in sorted arrays, 8 bytes
#: each. Arrays are joined so that each is at least so many times as long as the next.
_FEW: Final = 128
_MOST_IN_SET: Final = 4_096
_GROWTH: Final = 4


class Seen:
    """Identities that have occurred."""

    __slots__ = ("_arrays", "_recent")

    def __init__(self) -> None:
        """None has."""
        self._recent: set[int] = set()
        self._arrays: list[IdArray] = []  # sorted; no identity is in two

    def first(self, identities: IdArray) -> npt.NDArray[np.bool_]:
        """Which of ``identities`` occur for the first time; they are remembered."""
        if len(identities) > _FEW:
            return self._first_of_many(identities)
        new = np.array([not self._has_met(one) for one in identities.tolist()], np.bool_)
        new &= self._new_to_arrays(identities)
        if len(self._recent) > _MOST_IN_SET:
            self._settle_recent()
        return new

    def _has_met(self, identity: int) -> bool:
        met = identity in self._recent
        self._recent.add(identity)
        return met

    def _first_of_many(self, identities: IdArray) -> npt.NDArray[np.bool_]:
        self._settle_recent()
        # Most often all are new, and to sort them takes a fifth of what it takes to find out the order.
        ordered = np.sort(identities)
        if (ordered[1:] != ordered[:-1]).all() and self._new_to_arrays(ordered).all():
            self._settle(ordered)
            return np.ones(len(identities), np.bool_)
        order = np.argsort(identities, kind="stable")
        ordered = identities[order]
        fresh = self._new_to_arrays(ordered)
        fresh[1:] &= ordered[1:] != ordered[:-1]
        self._settle(ordered[fresh])
        new = np.empty_like(fresh)
        new[order] = fresh
        return new

    def _new_to_arrays(self, identities: IdArray) -> npt.NDArray[np.bool_]:
        new = np.ones(len(identities), np.bool_)
        for array in self._arrays:
            new &= array[np.minimum(np.searchsorted(array, identities), len(array) - 1)] != identities
        return new

    def _settle_recent(self) -> None:
        """Move what is in the set to the arrays; some of it may be there."""
        recent = np.array(sorted(self._recent), np.uint64)
        self._recent = set()
        self._settle(recent[self._new_to_arrays(recent)])

    def _settle(self, new: IdArray) -> None:
        """Keep ``new`` identities, which are sorted and in no array."""
        while self._arrays and len(self._arrays[-1]) <= _GROWTH * len(new):
            new = np.concatenate((self._arrays.pop(), new))
            new.sort(kind="stable")  # two sorted runs: joined in one pass
        if len(new):
            self._arrays.append(new)


class OpenSlice:
    """A slice that may still change. What is added is only kept; it is brought together when somebody looks."""

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
        self.first_offset = _NEVER_ENTERED  # of the first record that entered
        self.transitions: list[Probe] = []
        self.pending: list[Observed] = []  # what is not counted yet
        self.waiting = 0  # how many observations that is
        self.cells: list[Table] = []  # weights by cell id, one column; see `streams.router` for what cells mean
        self.summaries: list[Table] = []  # as in `Distributions`
        self.buckets: list[Table] = []
        self._seen = Seen()

    @property
    def end_ms(self) -> int:
        """Where the next slice starts."""
        return self.start_ms + LENGTH_MS

    def enter(self, offset: int) -> None:
        """Note that the record at ``offset`` entered; to have the slice again, the log is read again from the first."""
        self.first_offset = min(self.first_offset, offset)

    def observe(self, routes: IntArray, durations_us: IntArray) -> None:
        """Take in observations, to be counted later."""
        self.pending.append(Observed(routes, durations_us))
        self.waiting += len(routes)

    def taken(self) -> list[Observed]:
        """What was pending, and is not any more."""
        pending, self.pending, self.waiting = self.pending, [], 0
        return pending

    def add_cells(self, cells: Table) -> None:
        """Count observations: weight by cell id."""
        _keep(self.cells, cells, WEIGHTS)

    def add_durations(self, summaries: Table, buckets: Table) -> None:
        """Take in durations, as in `Distributions`."""
        _keep(self.summaries, summaries, SUMMARIES)
        _keep(self.buckets, buckets, WEIGHTS)

    def first_seen(self, identities: IdArray) -> npt.NDArray[np.bool_]:
        """Which events are the first in the slice of their identity (64 bits), in log order; all are remembered."""
        return self._seen.first(identities)


#: Tables kept apart before they are brought together; bounds memory, and the cost of a look.
_MOST_KEPT: Final = 16


def _keep(tables: list[Table], table: Table, how: Sequence[np.ufunc]) -> None:
    if len(table):
        tables.append(table)
    if len(tables) > _MOST_KEPT:
        tables[:] = [combine(tables, how)]


def _combine_each(groups: Sequence[Sequence[Table]], how: Sequence[np.ufunc]) -> list[Table]:
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
