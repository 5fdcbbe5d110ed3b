"""Eras: standards hold from a slice boundary on, and an open slice is counted by the standards of its era.

A change of standards takes effect at the first slice boundary after every event time in the log so far. So no slice is
judged by two standards, and nothing has to be counted again.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from streams.decoding.columns import Observations
from streams.decoding.key_dictionary import KeyDictionary
from streams.derivers.timelines import DEFAULT_HOLD_MS, Probe, Timelines
from streams.engine.open_slices import OpenSlice, OpenSlices
from streams.engine.standards_log import StandardsLog
from streams.events.event import Event, Interaction
from streams.events.key import EventKey
from streams.routing.router import Router
from streams.routing.series_catalogue import LATEST_OFFSET, SeriesCatalogue
from streams.routing.verdicts import identity
from streams.slices.slice import Counts, slice_start, slice_starts
from streams.slices.sparse_table import IntArray, SparseTable
from streams.standards.model import Standards


@dataclass(frozen=True, slots=True)
class Era:
    """Standards that hold for slices from ``start_ms`` on, the router compiled from them, and the open slices."""

    standards: Standards
    start_ms: int
    router: Router
    open: OpenSlices

    @classmethod
    def begin(
        cls,
        standards: Standards,
        start_ms: int,
        catalogue: SeriesCatalogue,
        names: KeyDictionary,
        before: int = LATEST_OFFSET,
    ) -> Self:
        """An era without open slices. The catalogue has its objectives as they were ``before`` that offset.

        Raises:
            KeyError: the catalogue lacks an objective.
        """
        router = Router(standards, catalogue, names, before)
        return cls(standards, start_ms, router, OpenSlices(router))

    @classmethod
    def follow(
        cls,
        earlier: Standards | None,
        standards: Standards,
        start_ms: int,
        catalogue: SeriesCatalogue,
        names: KeyDictionary,
    ) -> Self:
        """An era after one of ``earlier`` standards (None: the first).

        Objectives whose measure is unchanged go on; the others begin with the current record.
        """
        bring_objectives(catalogue, standards, earlier)
        return cls.begin(standards, start_ms, catalogue, names)

    def place(self, observations: Observations, offsets: IntArray) -> None:
        """Add events to their open slices: probes as transitions, everything else as observations."""
        times, durations_us = observations.times_ms, observations.durations_us
        routes = self.router.routes(observations.codes, times, offsets)
        starts = slice_starts(times)
        self.open.enter(starts, offsets)
        probes = self.router.columns.probe[routes]
        if probes.any():
            for i in np.flatnonzero(probes).tolist():
                event = observations.whole[int(observations.positions[i])]
                self._keep_probe(event, int(times[i]), int(offsets[i]), self.router.labels[int(routes[i])])
            routes, starts, durations_us = routes[~probes], starts[~probes], durations_us[~probes]
        self.open.add(starts, routes, durations_us)

    def observe(self, closing: OpenSlice, timelines: Timelines) -> None:
        """Apply the transitions of a slice that closes, and count the milliseconds observed up and down."""
        weights: dict[int, int] = {}
        observed = timelines.pass_slice(closing.start_ms, closing.end_ms, closing.transitions)
        for service, step, up_ms, down_ms in observed:
            up, down = self.router.probe_cells(service, step)
            weights |= {cell: ms for cell, ms in ((up, up_ms), (down, down_ms)) if ms}
        if weights:
            keys = np.array(sorted(weights), np.int64)
            closing.add_cells(SparseTable(keys, np.array([[weights[cell]] for cell in keys.tolist()], np.int64)))

    def _keep_probe(self, event: Interaction, time_ms: int, offset: int, labels: EventKey) -> None:
        assert isinstance(event, Event)
        holds_ms = DEFAULT_HOLD_MS if event.holds is None else round(event.holds * 1_000)
        service, step, source = labels.service, labels.step or "", labels.class_ or ""
        probe = Probe(time_ms, offset, service, step, source, bool(event.up), holds_ms)
        self.open.at(slice_start(time_ms)).transitions.append(probe)


def bring_objectives(catalogue: SeriesCatalogue, standards: Standards, earlier: Standards | None = None) -> None:
    """Let those objectives begin with the current record that do not measure what they did under ``earlier``."""
    for service in standards.services.values():
        before = earlier.services.get(service.name) if earlier else None
        for name, objective in service.objectives.items():
            known = before.objectives.get(name) if before else None
            if known is None or known.measure != objective.measure:
                catalogue.bring(service.name, name, identity(objective.measure))


class Eras:
    """The era in force and those that begin later, in the order of time; never empty."""

    def __init__(self, eras: Sequence[Era]) -> None:
        """Start with ``eras``, the first of them in force."""
        self._eras = list(eras)

    @classmethod
    def of(cls, log: StandardsLog, catalogue: SeriesCatalogue, names: KeyDictionary) -> Self:
        """Eras of the standards that are in use, without open slices.

        Raises:
            KeyError: the catalogue lacks an objective.
            StandardsNeeded, StandardsLost: see `StandardsLog.of`.
        """
        return cls(
            [Era.begin(log.of(named), named.start_ms, catalogue, names, log.replaced_at(named)) for named in log.in_use]
        )

    def __iter__(self) -> Iterator[Era]:
        """All eras in the order of time."""
        return iter(self._eras)

    def __len__(self) -> int:
        """Number of eras."""
        return len(self._eras)

    @property
    def now(self) -> Era:
        """The era in force."""
        return self._eras[0]

    @property
    def newest(self) -> Era:
        """The era that begins last."""
        return self._eras[-1]

    @property
    def next(self) -> Era | None:
        """The era that follows the one in force."""
        return self._eras[1] if len(self._eras) > 1 else None

    def overflowed(self) -> Counter[str]:
        """Take the number of observations counted under the label `other` since the last call, by what was replaced."""
        found = sum((era.router.overflowed for era in self._eras), Counter[str]())
        for era in self._eras:
            era.router.overflowed.clear()
        return found

    @property
    def open_slices(self) -> int:
        """Number of open slices of all eras."""
        return sum(len(era.open) for era in self._eras)

    def drop_replaced(self, start_ms: int) -> Era | None:
        """Drop and return the newest era if it is to begin at ``start_ms``, where another is about to be added."""
        if len(self._eras) == 1 or self.newest.start_ms != start_ms:
            return None
        replaced = self._eras.pop()
        assert not len(replaced.open), "no event can have entered slices after the newest event time"
        return replaced

    def add(self, era: Era) -> None:
        """Add ``era`` after the newest one."""
        self._eras.append(era)

    def turn(self) -> None:
        """Put the next era in force; the one before has no open slices."""
        assert not len(self._eras[0].open), "an era ends when its slices are closed"
        del self._eras[0]

    def at(self, start_ms: int) -> OpenSlice:
        """The open slice that starts at ``start_ms``; open it if there is none."""
        return self._of(start_ms).open.at(start_ms)

    def first_offset(self) -> int | None:
        """Offset of the first record that entered an open slice; None: none is open."""
        return min((first for era in self._eras if (first := era.open.first_offset()) is not None), default=None)

    def look_ahead(self, timelines: Timelines, start_ms: int) -> Iterator[Counts]:
        """Counts by era of what probes observe from ``start_ms`` until they run out, if no further probe comes.

        Probes of open slices are applied; each era's standards judge its part of the time. No state changes.
        """
        probes = [probe for era in self._eras for one in era.open for probe in one.transitions]
        borders = [max(start_ms, era.start_ms) for era in self._eras]
        _before, *parts = timelines.look_ahead(probes, borders)
        for era, observed in zip(self._eras, parts, strict=True):
            yield Counts(era.router.ratios_of_observed(observed))

    def place(self, observations: Observations, offsets: IntArray) -> None:
        """Add events, in log order, to the open slices of their eras. ``offsets`` are those of the whole batch."""
        offsets = offsets[observations.positions]
        if len(self._eras) == 1:
            self.now.place(observations, offsets)
            return
        boundaries = np.array([era.start_ms for era in self._eras[1:]], np.int64)
        numbers = np.searchsorted(boundaries, slice_starts(observations.times_ms), side="right")
        # Place runs of events of the same era one after the other, since the catalogue admits in log order.
        cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(observations)]
        for first, after in itertools.pairwise(cuts):
            if first < after:
                run = slice(first, after)
                self._eras[int(numbers[first])].place(observations.take(run), offsets[run])

    def _of(self, start_ms: int) -> Era:
        return next(era for era in reversed(self._eras) if era.start_ms <= start_ms)
