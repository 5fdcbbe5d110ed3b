"""Admission: which decoded events count. Those out of range, from the future, late or repeated do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from streams.decoding.batch import Batch
from streams.decoding.columns import BoolArray, Observations
from streams.decoding.decode import Rejection
from streams.engine.open_slices import OpenSlice
from streams.engine.watermark import Watermark
from streams.events.identity import NO_ID
from streams.events.rejections import Reason
from streams.slices.slice import LENGTH_MS, slice_starts
from streams.slices.sparse_table import IntArray, run_ends, run_starts, sorting


@dataclass(frozen=True, slots=True)
class Admitted:
    """Events that count, in log order, and how the others were refused.

    ``newest_ms`` is the newest time of all events in range and not from the future, late and repeated ones included.
    """

    observations: Observations
    rejected: list[Rejection]
    duplicates: int
    newest_ms: int | None


@dataclass(slots=True)
class _Timing:
    """Times of a batch's events and of their records in ms, and how they are judged; one element per event."""

    times: IntArray
    stamps: IntArray
    valid: BoolArray
    future: BoolArray
    late: BoolArray

    @property
    def fresh(self) -> BoolArray:
        """Mask of the events that lie in an open slice."""
        return self.valid & ~self.future & ~self.late


class Opened(Protocol):
    """Open slices by their start."""

    def at(self, start_ms: int, /) -> OpenSlice:
        """The open slice that starts at ``start_ms``; open it if there is none."""
        ...


def admit(
    batch: Batch, observations: Observations, watermark: Watermark, opened: Opened, *, again: bool = False
) -> Admitted:
    """Judge events of ``batch`` by their times.

    Moves ``watermark``, and remembers ids in the ``opened`` slices. ``again``: these records were folded before, and
    the watermark already stands behind the last of them; only the slices that are still open are filled again.
    """
    timing = _timing(batch, observations, watermark, again=again)
    fresh = timing.fresh
    counted = fresh & _first_seen(observations, fresh, opened)
    believed = observations.times_ms[observations.valid & ~timing.future]
    newest_ms = int(believed.max()) if len(believed) else None
    if counted.all():
        return Admitted(observations, [], 0, newest_ms)
    rejected = _rejected(observations, timing, watermark.policy.max_ahead_ms)
    return Admitted(observations.take(counted), rejected, int((fresh & ~counted).sum()), newest_ms)


def _timing(batch: Batch, observations: Observations, watermark: Watermark, *, again: bool) -> _Timing:
    times, valid = observations.times_ms, observations.valid
    stamps = batch.timestamps[observations.positions]
    future = valid & watermark.is_future(times, stamps, batch.offsets[observations.positions])
    late = np.zeros(len(times), np.bool_)
    fits = valid & ~future
    # An event is late if the watermark had passed its slice before its record was read. Its own record cannot make it
    # late: that moves the watermark at most to its own time less the allowed lateness.
    reached = watermark.stand(times[fits]) if again else watermark.advance(times[fits], stamps[fits])
    late[fits] = slice_starts(times[fits]) + LENGTH_MS <= reached
    return _Timing(times, stamps, valid, future, late)


def _rejected(observations: Observations, timing: _Timing, max_ahead_ms: int) -> list[Rejection]:
    rejected = []
    for i in np.flatnonzero(~timing.fresh).tolist():
        position = int(observations.positions[i])
        if not timing.valid[i]:
            reason = Reason.TIME_OUT_OF_RANGE
            detail = f"time: {observations.whole[position].time}; {_RANGE_RULE}"
        elif timing.future[i]:
            ahead_s = (int(timing.times[i]) - int(timing.stamps[i])) // 1_000
            reason = Reason.FUTURE
            detail = f"time: {ahead_s:,} s after its record's; at most {max_ahead_ms / 1_000:g} s are believed"
        else:
            reason, detail = Reason.LATE, "time: its slice was final already; see the allowed lateness"
        rejected.append(Rejection(position, reason, detail))
    return rejected


_RANGE_RULE: Final = "seconds since 1970 (not milliseconds), before the year 3000"


def _first_seen(observations: Observations, fresh: BoolArray, opened: Opened) -> BoolArray:
    """Mask of the events that do not repeat the id and time of an event in an open slice, in the same scope."""
    first = np.ones(len(observations), np.bool_)
    if observations.identities is None:
        return first
    places = np.flatnonzero(fresh & (observations.identities != NO_ID))
    if not len(places):
        return first
    starts = slice_starts(observations.times_ms[places])
    order = sorting(starts - starts.min())  # by slice, in each in log order
    places, starts = places[order], starts[order]
    identities = observations.identities[places]
    begins = run_starts(starts)
    for begin, end in zip(begins.tolist(), run_ends(begins, len(starts)).tolist(), strict=True):
        first[places[begin:end]] = opened.at(int(starts[begin])).first_seen(identities[begin:end])
    return first
