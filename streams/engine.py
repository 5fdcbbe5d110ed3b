"""The engine of one source partition: fold a batch, then advance. The only place where the parts are composed.

Everything it concludes is a function of the partition's log alone, in offset order, record timestamps included.
Live agents, replay and tests call `Engine.fold` and `Engine.advance`, and nothing else in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import numpy as np

from streams.admission import Admitted, admit
from streams.columns import Batch, Decoding, Rejection, decode_values, durations_us
from streams.decisions import Decision, Decisions
from streams.derivers.timelines import DEFAULT_HOLD_MS, Probe, Timelines
from streams.events import Event, Kind
from streams.history import Grid, histories
from streams.mapping import compile_mapping
from streams.open_slices import OpenSlices, contents
from streams.reading import Reader
from streams.rejections import Reason
from streams.router import Router
from streams.slices import LENGTH_MS, OpenSlice, Slice, slice_start, slice_starts
from streams.standards.model import DAY_MS, Standards, Window
from streams.tables import IntArray, Table
from streams.views.levels import Reading
from streams.watermark import NO_TIMESTAMP, TimePolicy, Watermark

#: Closed slices are kept this long: the longest calendar period, and a little.
RETENTION_MS: Final = 400 * DAY_MS
#: Most slices closed in one go. It bounds memory where a probe holds long; results do not depend on it.
_RUN: Final = 1_024


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was not counted, where it lies, and why. ``raw`` is None for a tombstone."""

    source: str
    partition: int
    offset: int
    reason: Reason
    detail: str
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became final: closed slices in the order of time, and the decisions taken at their ends."""

    slices: tuple[Slice, ...] = ()
    decisions: tuple[Decision, ...] = ()


@dataclass(slots=True)
class Progress:
    """How far a partition has been read, and what became of its records. Times in milliseconds since 1970."""

    source: str
    partition: int
    next_offset: int | None = None
    records: int = 0
    accepted: int = 0
    duplicates: int = 0
    ignored: int = 0  # control records, and records dropped by a mapping
    rejected: Counter[Reason] = field(default_factory=Counter)
    unknown_fields: int = 0
    newest_ms: int | None = None
    watermark_ms: int | None = None
    open_slices: int = 0
    unguarded: bool = False  # records without timestamps: no guard against clocks that run fast


class Engine:
    """Slices, windows and decisions of one source partition."""

    def __init__(self, standards: Standards, *, source: str, partition: int, policy: TimePolicy | None = None) -> None:
        """Start before the first record of ``partition`` of ``source``, judging by ``standards``."""
        self.standards = standards
        self.progress = Progress(source, partition)
        mapping = standards.mappings.get(source)
        self._mapper = compile_mapping(mapping) if mapping else None
        self._watermark = Watermark(_policy(standards, source, policy or TimePolicy()))
        self._router = Router(standards)
        self._open = OpenSlices(self._router)
        self._timelines = Timelines()
        self._counts, self._distributions = histories(Grid(standards.timezone), RETENTION_MS)
        self._decisions = Decisions(standards, self._router.objectives, self._counts)
        self._reader = Reader(standards, self._router, self._open, self._counts, self._distributions)
        self._first_ms: int | None = None  # start of the oldest slice that anything entered
        self._closed_ms = 0  # end of the newest closed slice

    def fold(self, batch: Batch) -> list[DeadLetter]:
        """Take in a batch, in log order; every record is counted, ignored or returned as a dead letter.

        Nothing that a record contains raises.
        """
        decoding = decode_values(batch.values, self._mapper)
        admitted = admit(batch, decoding, self._watermark, self._open)
        self._place(admitted, batch.offsets[admitted.positions])
        self._note(batch, decoding, admitted)
        return self._dead_letters(batch, decoding.rejected)

    def advance(self) -> Advanced:
        """Close every slice that the watermark has passed, in order, and decide at each end."""
        watermark_ms = self._watermark.value_ms
        if watermark_ms is None:
            return Advanced()
        limit_ms = slice_start(watermark_ms)
        slices: list[Slice] = []
        decisions: list[Decision] = []
        final = self._final(limit_ms)
        while run := list(islice(final, _RUN)):
            slices += self._close(run, decisions)
        decisions += self._decisions.pass_to(limit_ms)
        self.progress.open_slices = len(self._open)
        return Advanced(tuple(slices), tuple(decisions))

    def read(self, window: Window) -> Reading:
        """Figures over ``window`` as at the newest believed event time, open slices included."""
        return self._reader.window(window, self._closed_ms, self._watermark.frontier_ms, self._decisions.breached_since)

    def cumulative(self) -> Reading:
        """Figures since the beginning of the log, open slices included."""
        return self._reader.cumulative(self._first_ms, self.progress.newest_ms, self._decisions.breached_since)

    # -- fold -----------------------------------------------------------------------------------------------------

    def _place(self, admitted: Admitted, offsets: IntArray) -> None:
        """Add events to their open slices: probes as transitions, everything else as observations."""
        events, times = admitted.events, admitted.times_ms
        routes = self._router.routes(events)
        kinds = [event.kind for event in events]
        if Kind.PROBE.value in kinds:
            probes = np.array([kind == Kind.PROBE.value for kind in kinds], np.bool_)
            for i in np.flatnonzero(probes).tolist():
                self._keep_probe(events[i], int(times[i]), int(offsets[i]))
            routes, times = routes[~probes], times[~probes]
            events = [event for event in events if event.kind != Kind.PROBE.value]
        self._open.add(slice_starts(times), routes, durations_us(events))

    def _keep_probe(self, event: Event, time_ms: int, offset: int) -> None:
        holds_ms = DEFAULT_HOLD_MS if event.holds is None else round(event.holds * 1_000)
        probe = Probe(time_ms, offset, event.service, event.step or "", event.class_ or "", bool(event.up), holds_ms)
        self._open.at(slice_start(time_ms)).transitions.append(probe)

    def _note(self, batch: Batch, decoding: Decoding, admitted: Admitted) -> None:
        progress = self.progress
        progress.records += len(batch)
        progress.accepted += len(admitted.events)
        progress.duplicates += admitted.duplicates
        progress.ignored += decoding.ignored
        progress.unknown_fields += decoding.unknown_fields
        progress.rejected.update(rejection.reason for rejection in decoding.rejected)
        progress.watermark_ms = self._watermark.value_ms
        progress.open_slices = len(self._open)
        if admitted.newest_ms is not None:
            progress.newest_ms = max(admitted.newest_ms, progress.newest_ms or 0)
        if len(admitted.times_ms):
            first_ms = slice_start(int(admitted.times_ms.min()))
            self._first_ms = first_ms if self._first_ms is None else min(first_ms, self._first_ms)
        if len(batch):
            progress.next_offset = int(batch.offsets[-1]) + 1
            progress.unguarded = progress.unguarded or bool((batch.timestamps == NO_TIMESTAMP).any())

    def _dead_letters(self, batch: Batch, rejected: list[Rejection]) -> list[DeadLetter]:
        return [
            DeadLetter(
                source=batch.source,
                partition=batch.partition,
                offset=int(batch.offsets[rejection.position]),
                reason=rejection.reason,
                detail=rejection.detail,
                raw=batch.values[rejection.position],
            )
            for rejection in sorted(rejected, key=lambda rejection: rejection.position)
        ]

    # -- advance --------------------------------------------------------------------------------------------------

    def _final(self, limit_ms: int) -> Iterator[OpenSlice]:
        """Take out the slices that end by ``limit_ms``, in order: those in which something entered or still holds."""
        while True:
            starts = (self._open.first_start_ms(), self._timelines.next_start_ms)
            start_ms = min((start for start in starts if start is not None), default=limit_ms)
            if start_ms + LENGTH_MS > limit_ms:
                return
            closing = self._open.close(start_ms)
            self._observe(closing)
            yield closing

    def _observe(self, closing: OpenSlice) -> None:
        """Apply the slice's transitions and count what they amount to."""
        weights: dict[int, int] = {}
        for service, step, up_ms, down_ms in self._timelines.pass_slice(
            closing.start_ms, closing.end_ms, closing.transitions
        ):
            up, down = self._router.probe_cells(service, step)
            weights |= {cell: ms for cell, ms in ((up, up_ms), (down, down_ms)) if ms}
        if weights:
            keys = np.array(sorted(weights), np.int64)
            closing.add_cells(Table(keys, np.array([[weights[cell]] for cell in keys.tolist()], np.int64)))

    def _close(self, run: Sequence[OpenSlice], decisions: list[Decision]) -> list[Slice]:
        """Close consecutive slices: keep what they hold, decide at the end of each."""
        closed = [
            Slice(closing.start_ms, closing.end_ms, counts, distributions)
            for closing, counts, distributions in zip(run, *contents(self._router, run), strict=True)
            if len(counts.ratios) or len(counts.sums)
        ]
        for one in closed:
            decisions += self._decisions.pass_to(one.end_ms - 1)
            self._counts.append(one.start_ms, one.counts)
            self._distributions.append(one.start_ms, one.distributions)
            decisions += self._decisions.decide(one.end_ms, one.counts)
        self._reader.close(closed)
        self._closed_ms = run[-1].end_ms
        decisions += self._decisions.pass_to(self._closed_ms)  # before roll-up joins what leaves windows apart
        self._counts.roll_up(self._closed_ms)
        self._distributions.roll_up(self._closed_ms)
        return closed


def _policy(standards: Standards, source: str, policy: TimePolicy) -> TimePolicy:
    """``policy`` with the lateness that the standards allow for ``source``."""
    return TimePolicy(standards.lateness_ms.get(source, policy.lateness_ms), policy.max_ahead_ms)
