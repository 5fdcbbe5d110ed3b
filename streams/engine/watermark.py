"""Progress of event time in one source partition: a function of its log alone.

The watermark is the largest min(event time, record timestamp) of the records so far, minus the allowed lateness. A
client clock that runs fast therefore cannot close slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.decoding.batch import LATEST_MS, LOWEST_MS, NO_TIMESTAMP
from streams.slices.sparse_table import IntArray


@dataclass(frozen=True, slots=True)
class TimePolicy:
    """Allowed lateness, and how far an event's time may lie ahead of its record's timestamp; milliseconds."""

    lateness_ms: int = 60_000
    max_ahead_ms: int = 300_000


#: Ticks count while the newest event's time is at most this many ms from its record's timestamp: no backfill.
PRESENT_MS: Final = 300_000


class NewestEvent(NamedTuple):
    """The event with the largest time accepted so far, the first of equals: its time and its record's timestamp."""

    time_ms: int
    stamp_ms: int


class Limit(NamedTuple):
    """How far event times may lie ahead of their records, from the record at ``offset`` on."""

    offset: int
    max_ahead_ms: int


class SavedWatermark(NamedTuple):
    """Saved state of a `Watermark`; see there for the fields."""

    lateness_ms: int
    limits: tuple[Limit, ...]  # at least one
    frontier_ms: int | None
    floor_ms: int
    newest: NewestEvent | None


class Watermark:
    """The watermark of one source partition. It only moves forward."""

    def __init__(self, policy: TimePolicy) -> None:
        """Start before the first record."""
        self.policy = policy
        self.frontier_ms: int | None = None  # largest min(event time, record timestamp) so far, or that of ticks
        self.floor_ms = LOWEST_MS  # the watermark when the policy last changed
        self.newest: NewestEvent | None = None
        self.limits = [Limit(0, policy.max_ahead_ms)]  # all since the first record, for records that are read again

    def snapshot(self) -> SavedWatermark:
        """State for `restore`."""
        limits = tuple(self.limits)
        return SavedWatermark(self.policy.lateness_ms, limits, self.frontier_ms, self.floor_ms, self.newest)

    def restore(self, saved: SavedWatermark) -> None:
        """Go on from ``saved``, under the policy that it was saved with."""
        lateness_ms, limits, self.frontier_ms, self.floor_ms, self.newest = saved
        self.limits = list(limits)
        self.policy = TimePolicy(lateness_ms, self.limits[-1].max_ahead_ms)

    def restore_limits(self, limits: Sequence[Limit], offset: int) -> None:
        """Judge records before ``offset``, which are read again, by the ``limits`` that held for them."""
        self.limits = list(limits)
        self.change(self.policy, offset)

    @property
    def value_ms(self) -> int | None:
        """Event time up to which slices are final; None before the first event."""
        return None if self.frontier_ms is None else max(self.frontier_ms - self.policy.lateness_ms, self.floor_ms)

    @property
    def lives_in_the_present(self) -> bool:
        """Whether a tick would count: the newest event's record came within `PRESENT_MS` of its time."""
        newest = self.newest
        return newest is not None and newest.stamp_ms >= 0 and abs(newest.time_ms - newest.stamp_ms) <= PRESENT_MS

    def is_future(self, times: IntArray, stamps: IntArray, offsets: IntArray) -> npt.NDArray[np.bool_]:
        """Mask of events too far ahead of their record's timestamp, by the limit in force at the record's offset."""
        most = np.array([limit.max_ahead_ms for limit in self.limits], np.int64)
        if len(most) > 1:
            since = np.array([limit.offset for limit in self.limits[1:]], np.int64)
            most = most[np.searchsorted(since, offsets, side="right")]
        # Times are bounded; stamps set by producers are not, and adding to them could overflow.
        future: npt.NDArray[np.bool_] = (stamps != NO_TIMESTAMP) & (times - most > stamps)
        return future

    def advance(self, times: IntArray, stamps: IntArray) -> IntArray:
        """Take in events in log order; the watermark in ms after each of them."""
        if not len(times):
            return times
        believed = np.where(stamps == NO_TIMESTAMP, times, np.minimum(times, stamps))
        if self.frontier_ms is not None:
            believed[0] = max(int(believed[0]), self.frontier_ms)
        frontier: IntArray = np.maximum.accumulate(believed)
        self.frontier_ms = int(frontier[-1])
        first = int(times.argmax())
        if self.newest is None or times[first] > self.newest.time_ms:
            self.newest = NewestEvent(int(times[first]), int(stamps[first]))
        return np.maximum(frontier - self.policy.lateness_ms, self.floor_ms)

    def stand(self, times: IntArray) -> IntArray:
        """The watermark for events that were taken in before: unchanged, once per event."""
        return np.full(len(times), LOWEST_MS if self.value_ms is None else self.value_ms, np.int64)

    def tick(self, stamp_ms: int) -> None:
        """Let as much event time pass since the newest event as lies between its record's timestamp and the tick's.

        Only while `lives_in_the_present`, so that backfills are unaffected. A repeated tick changes nothing.
        """
        if self.lives_in_the_present and stamp_ms >= 0:
            assert self.newest is not None
            assert self.frontier_ms is not None
            passed = self.newest.time_ms + stamp_ms - self.newest.stamp_ms
            self.frontier_ms = max(self.frontier_ms, min(passed, stamp_ms, LATEST_MS))

    def change(self, policy: TimePolicy, offset: int) -> None:
        """Judge by ``policy`` from the record at ``offset`` on; final slices stay final."""
        if policy.max_ahead_ms != self.limits[-1].max_ahead_ms:
            self.limits.append(Limit(offset, policy.max_ahead_ms))
        self.floor_ms = self.floor_ms if self.value_ms is None else self.value_ms
        self.policy = policy
