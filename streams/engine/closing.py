"""Close the slices of one source partition: keep and sum their contents, and decide at the end of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple, Self

from streams.calendars.periods import DAY_MS
from streams.decisions.breaches import Decision, Decisions, OpenBreach
from streams.derivers.timelines import Timelines
from streams.engine.eras import Era, Eras
from streams.engine.open_slices import OpenSlice, contents
from streams.engine.progress import Notice
from streams.engine.reader import Reader
from streams.engine.standards_log import BEGINNING_MS
from streams.routing.series_catalogue import SeriesCatalogue
from streams.slices import history
from streams.slices.history import Grid, Kept, SlicePlace, histories
from streams.slices.slice import LENGTH_MS, Counts, Distributions, Slice, slice_start
from streams.standards.model import Standards

#: Most slices closed at once: bounds memory where a probe holds for long. Results do not depend on it.
_RUN: Final = 1_024
#: Shortest retention of distributions, which take more room than counts; longer where the longest window needs it.
_DISTRIBUTIONS_MS: Final = 40 * DAY_MS


@dataclass(frozen=True, slots=True)
class Advanced:
    """Results that became final: closed slices in order of time, decisions taken at their ends, notices to audit."""

    slices: tuple[Slice, ...] = ()
    decisions: tuple[Decision, ...] = ()
    notices: tuple[Notice, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[Advanced]) -> Self:
        """The results of several advances, one after the other."""
        return cls(
            tuple(one for part in parts for one in part.slices),
            tuple(one for part in parts for one in part.decisions),
            tuple(one for part in parts for one in part.notices),
        )


class SavedClosing(NamedTuple):
    """Saved state of `Closing`, without the slices themselves.

    ``forgotten_ms`` is the event time up to which counts, and distributions, are past retention.
    """

    closed_ms: int
    forgotten_ms: tuple[int, int]
    breaches: tuple[OpenBreach, ...]


class ClosedSlices(NamedTuple):
    """Closed slices as they were saved, one by one, and the sums of those past retention."""

    counts: Mapping[SlicePlace, Kept[Counts]]
    distributions: Mapping[SlicePlace, Kept[Distributions]]
    beyond: tuple[Counts, Distributions]


def distribution_retention_ms(standards: Standards) -> int:
    """Retention of distributions under ``standards``, in milliseconds."""
    objectives = (objective for service in standards.services.values() for objective in service.objectives.values())
    longest_ms = max((objective.window.longest_ms for objective in objectives), default=0)
    return min(max(longest_ms + 2 * DAY_MS, _DISTRIBUTIONS_MS), history.RETENTION_MS)


class Closing:
    """Closed slices of one partition, the sums over them, and the decisions at their ends.

    ``beyond`` is the sum of the slices past retention. Times are event times in milliseconds: ``closed_ms`` is the end
    of the newest closed slice that an event entered or a probe covered, ``final_ms`` that of the newest final slice.
    """

    def __init__(self, eras: Eras, catalogue: SeriesCatalogue, timelines: Timelines) -> None:
        """Start with nothing closed, under the standards in force."""
        self._eras, self._timelines = eras, timelines
        standards = eras.now.standards
        self.counts, self.distributions = histories(Grid(standards.timezone), history.RETENTION_MS)
        self.distributions.retention_ms = distribution_retention_ms(standards)
        self.beyond = Counts(), Distributions()
        self.decisions = Decisions(standards, eras.now.router.objectives, self.counts)
        self.reader = Reader(eras, catalogue, timelines, self.counts, self.distributions)
        self.closed_ms = 0
        self.final_ms = 0

    def snapshot(self) -> SavedClosing:
        """State for `restore`, beside the slices, whose changes the histories give."""
        forgotten_ms = self.counts.forgotten_ms, self.distributions.forgotten_ms
        return SavedClosing(self.closed_ms, forgotten_ms, self.decisions.snapshot())

    def restore(self, saved: SavedClosing, slices: ClosedSlices, watermark_ms: int | None) -> None:
        """Go on from ``saved`` and its ``slices``, with everything final that ``watermark_ms`` has passed."""
        self.closed_ms = saved.closed_ms
        self.counts.restore(slices.counts, saved.forgotten_ms[0])
        self.distributions.restore(slices.distributions, saved.forgotten_ms[1])
        self.beyond = slices.beyond
        self.reader.restore(
            Counts.add([self.beyond[0], *self.counts.contents]),
            Distributions.add([self.beyond[1], *self.distributions.contents]),
        )
        if watermark_ms is not None:
            self.final_ms = slice_start(watermark_ms)
            self.decisions.restore(saved.breaches, self.final_ms)

    def close_to(self, limit_ms: int, slices: list[Slice], decisions: list[Decision]) -> None:
        """Close slices that end by ``limit_ms``, and judge wherever a window loses a slice; append to both lists."""
        final = self._final(limit_ms)
        while run := list(islice(final, _RUN)):
            slices += self._close(run, decisions)
        decisions += self.decisions.pass_to(limit_ms)

    def turn(self, following: Era) -> list[Decision]:
        """Put ``following`` in force at its start, up to which everything is closed."""
        earlier, start_ms = self._eras.now.standards, following.start_ms
        if start_ms > BEGINNING_MS:
            self._roll_up(start_ms)
        self._eras.turn()
        self.distributions.retention_ms = distribution_retention_ms(following.standards)
        if following.standards.timezone != earlier.timezone:
            grid = Grid(following.standards.timezone)
            self.counts.change_grid(grid)
            self.distributions.change_grid(grid)
        self.reader.start_anew()
        decisions = Decisions(following.standards, following.router.objectives, self.counts)
        changed = list(decisions.succeed(self.decisions, start_ms)) if start_ms > BEGINNING_MS else []
        self.decisions = decisions
        return changed

    def _final(self, limit_ms: int) -> Iterator[OpenSlice]:
        """Take out the slices that end by ``limit_ms``, in order: those that events entered or that probes cover."""
        era = self._eras.now
        while True:
            starts = (era.open.first_start_ms(), self._timelines.next_start_ms)
            start_ms = min((start for start in starts if start is not None), default=limit_ms)
            if start_ms + LENGTH_MS > limit_ms:
                return
            closing = era.open.close(start_ms)
            era.observe(closing, self._timelines)
            yield closing

    def _close(self, run: Sequence[OpenSlice], decisions: list[Decision]) -> list[Slice]:
        """Close consecutive slices: keep their contents, decide at the end of each."""
        closed = [
            Slice(closing.start_ms, closing.end_ms, counts, distributions)
            for closing, counts, distributions in zip(run, *contents(self._eras.now.router, run), strict=True)
            if len(counts.ratios) or len(counts.sums)
        ]
        for one in closed:
            decisions += self.decisions.pass_to(one.end_ms - 1)
            self.counts.append(one.start_ms, one.counts)
            self.distributions.append(one.start_ms, one.distributions)
            decisions += self.decisions.decide(one.end_ms, one.counts)
        self.reader.close(closed)
        self.closed_ms = run[-1].end_ms
        decisions += self.decisions.pass_to(
            self.closed_ms
        )  # before roll-up joins slices that leave windows at different times
        self._roll_up(self.closed_ms)
        return closed

    def _roll_up(self, now_ms: int) -> None:
        self.counts.roll_up(now_ms)
        self.distributions.roll_up(now_ms)
        counts, self.counts.forgotten = self.counts.forgotten, []
        distributions, self.distributions.forgotten = self.distributions.forgotten, []
        if counts or distributions:
            self.beyond = Counts.add([self.beyond[0], *counts]), Distributions.add([self.beyond[1], *distributions])
