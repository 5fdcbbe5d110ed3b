"""Reading a partition: totals over a window, open slices included, turned into service levels by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from streams.history import History
from streams.open_slices import OpenSlices, contents
from streams.router import Router, StepSeries
from streams.slices import Counts, Distributions, slice_ceiling
from streams.standards.model import Standards, Window
from streams.totals import BucketSlots, CountTotals, DistributionTotals, Extremes
from streams.views.levels import ObjectiveLevel, Ratio, Reading, StepLevel
from streams.windows import RunningSum

Breaches = Mapping[tuple[str, str], int]


class _Totals:
    """Totals of one interval, with what open slices add."""

    def __init__(self, counts: CountTotals, distributions: DistributionTotals, extremes: Extremes) -> None:
        self.counts = counts
        self.distributions = distributions
        self.extremes = extremes

    def add(self, counts: Counts, distributions: Distributions) -> None:
        self.counts.add(counts)
        self.distributions.add(distributions)
        self.extremes.add(distributions)

    def copy(self) -> _Totals:
        return _Totals(self.counts.copy(), self.distributions.copy(), self.extremes.copy())

    def step(self, key: tuple[str, str], series: StepSeries) -> StepLevel:
        availability = self.counts.ratio(series.availability)
        answered = self.counts.ratio(series.answered)
        failures = {name: self.counts.sums.row(number)[0] for name, number in sorted(series.failures.items())}
        return StepLevel(
            service=key[0],
            step=key[1],
            ok=availability.good,
            failed=availability.total - availability.good,
            abandoned=answered.total - answered.good,
            response=self.distributions.distribution(series.distribution, self.extremes),
            failure_points={name: count for name, count in failures.items() if count},
            probes=self.counts.ratio(series.probes),
        )


class _Window:
    """The running sums of one window over closed slices."""

    def __init__(self, counts: History[Counts], distributions: History[Distributions], slots: BucketSlots) -> None:
        self.counts = RunningSum(counts, partial(CountTotals))
        self.distributions = RunningSum(distributions, partial(DistributionTotals, slots))
        self._history = distributions
        self._extremes = Extremes()
        self._extremes_of: tuple[int, int] = (0, 0)

    def extremes(self) -> Extremes:
        """Smallest and largest over the interval covered, computed again only when it moved."""
        interval = self.distributions.start_ms, self.distributions.end_ms
        if interval != self._extremes_of:
            self._extremes, self._extremes_of = Extremes(), interval
            for kept in self._history.between(*interval):
                self._extremes.add(kept.content)
        return self._extremes


class Reader:
    """Totals of one partition since the beginning, and over windows."""

    def __init__(
        self,
        standards: Standards,
        router: Router,
        opened: OpenSlices,
        counts: History[Counts],
        distributions: History[Distributions],
    ) -> None:
        """Read what the engine's parts hold; nothing is closed yet."""
        self._standards = standards
        self._router = router
        self._opened = opened
        self._histories = counts, distributions
        self._slots = BucketSlots()
        self._since_beginning = _Totals(CountTotals(), DistributionTotals(self._slots), Extremes())
        self._windows: dict[str, _Window] = {}
        self._first_ms: int | None = None

    def close(self, start_ms: int, counts: Counts, distributions: Distributions) -> None:
        """Take a closed slice into the totals since the beginning."""
        if self._first_ms is None:
            self._first_ms = start_ms
        self._since_beginning.add(counts, distributions)

    def cumulative(self, newest_ms: int | None, breaches: Breaches) -> Reading:
        """Figures since the beginning, up to the end of the slice of the newest event."""
        totals = self._since_beginning.copy()
        self._add_open(totals, None, None)
        end_ms = None if newest_ms is None else slice_ceiling(newest_ms + 1)
        return self._reading("all", self._start_ms(), end_ms, totals, breaches)

    def window(self, window: Window, closed_ms: int | None, frontier_ms: int | None, breaches: Breaches) -> Reading:
        """Figures over ``window`` up to the end of the slice that the believed frontier of event time lies in."""
        if frontier_ms is None:
            totals = _Totals(CountTotals(), DistributionTotals(self._slots), Extremes())
            return self._reading(window.name, None, None, totals, breaches)
        end_ms = slice_ceiling(frontier_ms + 1)
        totals, starts = self._closed(window, closed_ms or 0, end_ms)
        self._add_open(totals, min(starts), end_ms)
        return self._reading(window.name, min(starts), end_ms, totals, breaches)

    def _closed(self, window: Window, closed_ms: int, end_ms: int) -> tuple[_Totals, tuple[int, int]]:
        """Totals over the closed slices of ``window``, and where counts and distributions begin."""
        sums = self._windows.setdefault(window.name, _Window(*self._histories, self._slots))
        counts, distributions = self._histories
        starts = counts.start_of(window, end_ms), distributions.start_of(window, end_ms)
        sums.counts.move(starts[0], max(starts[0], closed_ms))
        sums.distributions.move(starts[1], max(starts[1], closed_ms))
        totals = _Totals(sums.counts.totals.copy(), sums.distributions.totals.copy(), sums.extremes().copy())
        return totals, starts

    def _add_open(self, totals: _Totals, start_ms: int | None, end_ms: int | None) -> None:
        """Add the open slices that lie within [start_ms, end_ms)."""
        for opened in self._opened:
            if (start_ms is None or opened.start_ms >= start_ms) and (end_ms is None or opened.end_ms <= end_ms):
                totals.add(*contents(self._router, opened))

    def _start_ms(self) -> int | None:
        return self._first_ms if self._first_ms is not None else self._opened.first_start_ms()

    def _reading(
        self, name: str, start_ms: int | None, end_ms: int | None, totals: _Totals, breaches: Breaches
    ) -> Reading:
        steps = (totals.step(key, series) for key, series in sorted(self._router.steps.items()))
        return Reading(name, start_ms, end_ms, tuple(steps), tuple(self._objectives(name, totals, breaches)))

    def _objectives(self, name: str, totals: _Totals, breaches: Breaches) -> Iterable[ObjectiveLevel]:
        """Levels of the objectives that are judged over the window ``name``, or since the beginning."""
        for (service, objective_name), number in sorted(self._router.objectives.items()):
            objective = self._standards.services[service].objectives[objective_name]
            ratio = totals.counts.ratio(number)
            since = breaches.get((service, objective_name))
            if name == "all":
                yield ObjectiveLevel(service, objective, Ratio(), ratio, since)
            elif name == objective.window.name:
                yield ObjectiveLevel(service, objective, ratio, Ratio(), since)
