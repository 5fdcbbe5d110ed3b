"""The engine of one source partition: fold a batch, then advance. The only place where the parts are composed.

Everything it concludes is a function of the partition's log alone, in offset order, record timestamps included.
Live agents, replay and tests call `Engine.fold` and `Engine.advance`, and nothing else in between.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
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
from streams.slices import LENGTH_MS, Slice, slice_start, slice_starts
from streams.standards.model import DAY_MS, Standards, Window
from streams.tables import IntArray, Table
from streams.views.levels import Reading
from streams.watermark import NO_TIMESTAMP, TimePolicy, Watermark

#: Closed slices are kept this long: the longest calendar period, and a little.
RETENTION_MS: Final = 400 * DAY_MS


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
        self._closed_ms: int | None = None  # end of the newest closed slice

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
        watermark = self._watermark.value_ms
        slices: list[Slice] = []
        decisions: list[Decision] = []
        limit = -1 if watermark is None else slice_start(watermark)
        while (end_ms := self._next_end(limit)) is not None:
            slices += self._close(end_ms, decisions)
        self.progress.open_slices = len(self._open)
        return Advanced(tuple(slices), tuple(decisions))

    def read(self, window: Window) -> Reading:
        """Figures over ``window`` as at the newest believed event time, open slices included."""
        return self._reader.window(window, self._closed_ms, self._watermark.frontier_ms, self._decisions.breached_since)

    def cumulative(self) -> Reading:
        """Figures since the beginning of the log, open slices included."""
        return self._reader.cumulative(self.progress.newest_ms, self._decisions.breached_since)

    # -- fold -----------------------------------------------------------------------------------------------------

    def _place(self, admitted: Admitted, offsets: IntArray) -> None:
        """Add events to their open slices: probes as transitions, everything else as observations."""
        events, times = admitted.events, admitted.times_ms
        routed = np.fromiter((event.kind != Kind.PROBE.value for event in events), np.bool_, len(events))
        for i in np.flatnonzero(~routed).tolist():
            self._keep_probe(events[i], int(times[i]), int(offsets[i]))
        if not routed.all():
            events, times = [event for event in events if event.kind != Kind.PROBE.value], times[routed]
        self._open.add(slice_starts(times), self._router.routes(events), durations_us(events))

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

    def _next_end(self, limit_ms: int) -> int | None:
        """The next slice end, not after ``limit_ms``, at which there is anything to do."""
        first = self._open.first_start_ms()
        candidates = [
            None if first is None else first + LENGTH_MS,
            self._closed_ms + LENGTH_MS if self._closed_ms is not None and self._timelines else None,
            self._decisions.next_due_ms(),
        ]
        end_ms = min((c for c in candidates if c is not None), default=None)
        return end_ms if end_ms is not None and end_ms <= limit_ms else None

    def _close(self, end_ms: int, decisions: list[Decision]) -> list[Slice]:
        """Close the slice that ends at ``end_ms``: transitions, observations, roll-up, decisions; in this order."""
        closing = self._open.close(end_ms - LENGTH_MS)
        for observed in self._timelines.pass_slice(closing.start_ms, end_ms, closing.transitions):
            up, down = self._router.probe_cells(observed.service, observed.step)
            closing.add_cells(_weights({up: observed.up_ms, down: observed.down_ms}))
        counts, distributions = contents(self._router, closing)
        self._closed_ms = end_ms
        closed = []
        if len(counts.ratios) or len(counts.sums):
            self._counts.append(closing.start_ms, counts.packed())
            self._distributions.append(closing.start_ms, distributions.packed())
            self._reader.close(closing.start_ms, counts, distributions)
            closed.append(Slice(closing.start_ms, end_ms, counts, distributions))
        self._counts.roll_up(end_ms)
        self._distributions.roll_up(end_ms)
        decisions += self._decisions.decide(end_ms, counts)
        return closed


def _weights(by_cell: dict[int, int]) -> Table:
    held = sorted((cell, weight) for cell, weight in by_cell.items() if weight)
    if not held:
        return Table.empty(1)
    keys, values = zip(*held, strict=True)
    return Table(np.array(keys, np.int64), np.array(values, np.int64)[:, np.newaxis])


def _policy(standards: Standards, source: str, policy: TimePolicy) -> TimePolicy:
    """``policy`` with the lateness that the standards allow for ``source``."""
    return TimePolicy(standards.lateness_ms.get(source, policy.lateness_ms), policy.max_ahead_ms)
