"""Admission: which decoded events count. Not those out of range, from the future, late or repeated."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import xxhash

from streams.columns import Batch, Decoding, Rejection, times_ms
from streams.events import Interaction
from streams.rejections import Reason
from streams.slices import LENGTH_MS, OpenSlice, slice_starts
from streams.tables import IntArray, run_starts
from streams.watermark import Watermark

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Events that count, with the positions of their records in the batch and their times; all in log order.

    ``newest_ms`` is the newest time among all events that were believed, late and repeated ones included.
    """

    positions: IntArray
    events: list[Interaction]
    times_ms: IntArray
    duplicates: int
    newest_ms: int | None


@dataclass(slots=True)
class _Timing:
    """Times of a batch's events and of their records, and what follows from them; one element an event."""

    times: IntArray
    stamps: IntArray
    valid: BoolArray
    future: BoolArray
    late: BoolArray

    @property
    def fresh(self) -> BoolArray:
        """Which events lie in an open slice."""
        return self.valid & ~self.future & ~self.late


class Opened(Protocol):
    """Gives open slices."""

    def at(self, start_ms: int, /) -> OpenSlice:
        """The open slice that starts at ``start_ms``, opened if need be."""
        ...


def admit(batch: Batch, decoding: Decoding, watermark: Watermark, opened: Opened, *, again: bool = False) -> Admitted:
    """Judge the events of ``batch`` by their times; the others are added to ``decoding.rejected``.

    Moves ``watermark``, and remembers ids in the ``opened`` slices. ``again``: the watermark has passed these records
    before and stands where it stood behind the last of them; what is open then is to be had again.
    """
    positions = decoding.positions
    timing = _timing(batch, decoding, watermark, again=again)
    _reject(decoding, timing, watermark.policy.max_ahead_ms)
    fresh = timing.fresh
    first = _first_seen(decoding.events, timing.times, fresh, opened)
    duplicates = int(fresh.sum()) - int((fresh & first).sum())
    believed = timing.times[timing.valid & ~timing.future]
    newest_ms = int(believed.max()) if len(believed) else None
    counted = fresh & first
    if counted.all():
        return Admitted(positions, decoding.events, timing.times, duplicates, newest_ms)
    events = [decoding.events[i] for i in np.flatnonzero(counted).tolist()]
    return Admitted(positions[counted], events, timing.times[counted], duplicates, newest_ms)


def _timing(batch: Batch, decoding: Decoding, watermark: Watermark, *, again: bool) -> _Timing:
    times, valid = times_ms(decoding.events)
    stamps = batch.timestamps[decoding.positions]
    future = valid & watermark.is_future(times, stamps, batch.offsets[decoding.positions])
    late = np.zeros(len(times), np.bool_)
    fits = valid & ~future
    # An event is late if the watermark had passed its slice before its record was read. The record itself cannot
    # make that so, for it moves the watermark to before its own time at most.
    reached = watermark.stand(times[fits]) if again else watermark.advance(times[fits], stamps[fits])
    late[fits] = slice_starts(times[fits]) + LENGTH_MS <= reached
    return _Timing(times, stamps, valid, future, late)


def _reject(decoding: Decoding, timing: _Timing, max_ahead_ms: int) -> None:
    for i in np.flatnonzero(~timing.fresh).tolist():
        if not timing.valid[i]:
            reason, detail = Reason.TIME_OUT_OF_RANGE, f"time: {decoding.events[i].time}; {_RANGE_RULE}"
        elif timing.future[i]:
            ahead_s = (int(timing.times[i]) - int(timing.stamps[i])) // 1_000
            reason = Reason.FUTURE
            detail = f"time: {ahead_s:,} s after its record's; at most {max_ahead_ms / 1_000:g} s are believed"
        else:
            reason, detail = Reason.LATE, "time: its slice was final already; see the allowed lateness"
        decoding.rejected.append(Rejection(int(decoding.positions[i]), reason, detail))


_RANGE_RULE: Final = "seconds since 1970 (not milliseconds), before the year 3000"
_id: Final = attrgetter("id")


def _first_seen(events: list[Interaction], times: IntArray, fresh: BoolArray, opened: Opened) -> BoolArray:
    """Which events do not repeat the id and time of an event in an open slice."""
    first = np.ones(len(events), np.bool_)
    ids = list(map(_id, events))
    if ids.count(None) == len(ids):
        return first
    places = np.flatnonzero(fresh & np.array([bool(text) for text in ids], np.bool_))
    places = places[np.argsort(slice_starts(times[places]), kind="stable")]  # by slice, in each in log order
    starts = slice_starts(times[places])
    identities = list(map(_identity, map(ids.__getitem__, places.tolist()), times[places].tolist()))
    for begin, end in itertools.pairwise([*run_starts(starts).tolist(), len(places)]):
        first[places[begin:end]] = opened.at(int(starts[begin])).first_seen(identities[begin:end])
    return first


def _identity(text: str, time_ms: int) -> int:
    # The time is not the seed: short texts collide under different seeds.
    return xxhash.xxh3_64_intdigest(text.encode() + time_ms.to_bytes(8, "little"))
