"""Read a partition: totals over a window, open slices included, as service levels by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from streams.calendars.periods import Window
from streams.derivers.timelines import Timelines
from streams.engine.eras import Era, Eras
from streams.engine.open_slices import contents
from streams.routing.series_catalogue import SeriesCatalogue, StepSeries
from streams.slices.history import NEVER, History
from streams.slices.ratio import Ratio
from streams.slices.running_sum import RunningSum
from streams.slices.slice import Counts, Distributions, Slice, slice_ceiling
from streams.slices.sparse_table import IntArray
from streams.slices.totals import BucketSlots, CountTotals, DistributionTotals, Extremes
from streams.views.levels import ObjectiveLevel, Reading, StepLevel

Breaches = Mapping[tuple[str, str], int]
#: Milliseconds observed by probes / milliseconds that are final, by service and step.
Coverage = Mapping[tuple[str, str], Ratio]


class _Totals:
    """Totals of one interval, including open slices."""

    def __init__(self, counts: CountTotals, distributions: DistributionTotals, extremes: Extremes) -> None:
        self.counts = counts
        self.distributions = distributions
        self.extremes = extremes
        self.coverage: Coverage = {}
        self._ahead: dict[int, CountTotals] = {}  # counted by later standards, by the start of their era in ms

    def add_ahead(self, start_ms: int, counts: Counts) -> None:
        """Add counts of the era that begins at ``start_ms``."""
        self.counts.add(counts)
        self._ahead.setdefault(start_ms, CountTotals()).add(counts)

    def objective(self, number: int, others: Iterable[int]) -> Ratio:
        """Ratio ``number``, without the counts of the eras that begin at ``others``."""
        found = self.counts.ratio(number)
        for ratio in (self._ahead[start_ms].ratio(number) for start_ms in others if start_ms in self._ahead):
            found = Ratio(found.good - ratio.good, found.total - ratio.total)
        return found

    def add(self, counts: Counts, distributions: Distributions) -> None:
        self.counts.add(counts)
        self.distributions.add(distributions)
        self.extremes.add(distributions)

    def copy(self) -> _Totals:
        return _Totals(self.counts.copy(), self.distributions.copy(), self.extremes.copy())

    def steps(self, series: Mapping[tuple[str, str], StepSeries]) -> Iterator[StepLevel]:
        """Levels of all steps, by the names of service and step."""
        ordered = sorted(series.items())
        ratios = self._ratios([number for _, one in ordered for number in one.ratios])
        points = [(name, number) for _, one in ordered for name, number in sorted(one.failures.items())]
        failures = zip(points, self.counts.sums.rows_of(_ids(number for _, number in points)).tolist(), strict=True)
        responses = self.distributions.distributions(_ids(one.distribution for _, one in ordered), self.extremes)
        for ((service, step), one), response in zip(ordered, responses, strict=True):
            availability, answered, probes = itertools.islice(ratios, 3)
            yield StepLevel(
                service,
                step,
                ok=availability[0],
                failed=availability[1] - availability[0],
                abandoned=answered[1] - answered[0],
                response=response,
                failure_points={
                    name: count for (name, _), (count, _) in itertools.islice(failures, len(one.failures)) if count
                },
                probes=Ratio(*probes) if probes[1] else _NO_RATIO,
                coverage=self.coverage.get((service, step), _NO_RATIO),
            )

    def _ratios(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """Good and total of each ratio."""
        return iter(self.counts.ratios.rows_of(_ids(numbers)).tolist())


def _ids(numbers: Iterable[int]) -> IntArray:
    return np.fromiter(numbers, np.int64)


_NO_RATIO: Final = Ratio()


class _Window:
    """The running sums of one window over closed slices."""

    def __init__(self, counts: History[Counts], distributions: History[Distributions], slots: BucketSlots) -> None:
        self.counts = RunningSum(counts, partial(CountTotals))
        self.distributions = RunningSum(distributions, partial(DistributionTotals, slots))
        self._history = distributions
        self._extremes = Extremes()
        self._extremes_of: tuple[int, int] = (0, 0)

    def extremes(self) -> Extremes:
        """Smallest and largest over the interval covered; computed again only when it has moved."""
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
        eras: Eras,
        catalogue: SeriesCatalogue,
        timelines: Timelines,
        counts: History[Counts],
        distributions: History[Distributions],
    ) -> None:
        """Read the engine's parts; nothing is closed yet."""
        self._eras = eras
        self._catalogue = catalogue
        self._timelines = timelines
        self._histories = counts, distributions
        self._slots = BucketSlots()
        self._since_beginning = _Totals(CountTotals(), DistributionTotals(self._slots), Extremes())
        self._windows: dict[str, _Window] = {}

    def close(self, slices: Sequence[Slice]) -> None:
        """Add closed slices to the totals since the beginning."""
        counts = Counts.add([one.counts for one in slices])
        self._since_beginning.add(counts, Distributions.add([one.distributions for one in slices]))

    def restore(self, counts: Counts, distributions: Distributions) -> None:
        """Start with saved totals since the beginning."""
        self._since_beginning.add(counts, distributions)

    def start_anew(self) -> None:
        """Compute every window afresh: boundaries or windows have changed."""
        self._windows.clear()

    def cumulative(
        self, first_ms: int | None, newest_ms: int | None, breaches: Breaches, *, ended: bool = False
    ) -> Reading:
        """Figures since the beginning, from the oldest slice's start up to the end of the newest event's slice.

        ``ended``: see `window`.
        """
        totals = self._since_beginning.copy()
        self._add_open(totals, -NEVER, -NEVER, NEVER)
        if ended:
            self._look_ahead(totals, -NEVER)
        end_ms = None if newest_ms is None else slice_ceiling(newest_ms + 1)
        return self._reading("all", first_ms, end_ms, totals, breaches)

    def window(
        self,
        window: Window,
        closed_ms: int,
        final_ms: int,
        frontier_ms: int | None,
        breaches: Breaches,
        *,
        ended: bool = False,
    ) -> Reading:
        """Figures over ``window`` up to the end of the slice that contains the frontier of event time.

        ``ended``: no more records will come, so probes count from the window's start until they run out, even beyond
        the window's end. Otherwise they count as far as slices are closed. Up to ``final_ms`` slices are final, whether
        or not anything entered them.
        """
        if frontier_ms is None:
            totals = _Totals(CountTotals(), DistributionTotals(self._slots), Extremes())
            return self._reading(window.name, None, None, totals, breaches)
        end_ms = slice_ceiling(frontier_ms + 1)
        counts, distributions = self._histories
        starts = counts.start_of(window, end_ms), distributions.start_of(window, end_ms)
        if starts[1] < distributions.forgotten_ms:  # longer than retention: no figures rather than those of a part
            starts = starts[0], NEVER
        totals = self._closed(window, *starts, closed_ms)
        totals.coverage = self._coverage(totals.counts, final_ms - starts[0])
        self._add_open(totals, *starts, end_ms)
        if ended:
            self._look_ahead(totals, starts[0])
        return self._reading(window.name, min(starts), end_ms, totals, breaches)

    def _closed(self, window: Window, counts_ms: int, distributions_ms: int, closed_ms: int) -> _Totals:
        """Totals over the closed slices of ``window``; counts and distributions begin at the given times."""
        sums = self._windows.get(window.name)
        if sums is None:
            sums = self._windows[window.name] = _Window(*self._histories, self._slots)
        sums.counts.move(counts_ms, max(counts_ms, closed_ms))
        sums.distributions.move(distributions_ms, max(distributions_ms, closed_ms))
        return _Totals(sums.counts.totals.copy(), sums.distributions.totals.copy(), sums.extremes().copy())

    def _coverage(self, closed: CountTotals, final_ms: int) -> Coverage:
        """Share of ``final_ms`` milliseconds of ``closed`` slices that probes observed, by step ever probed."""
        if final_ms <= 0:
            return {}
        steps = self._catalogue.steps
        numbers = _ids(one.probes for one in steps.values())
        ever = self._since_beginning.counts.ratios.rows_of(numbers)[:, 1].tolist()
        observed = closed.ratios.rows_of(numbers)[:, 1].tolist()
        found = zip(steps, observed, ever, strict=True)
        return {place: Ratio(observed_ms, final_ms) for place, observed_ms, ever_ms in found if ever_ms}

    def _add_open(self, totals: _Totals, counts_ms: int, distributions_ms: int, end_ms: int) -> None:
        """Add the open slices that end by ``end_ms``: counts from ``counts_ms`` on, distributions from theirs."""
        for era in self._eras:
            add_counts = self._adding(totals, era)
            opened = [one for one in era.open if one.end_ms <= end_ms]
            for one, counts, distributions in zip(opened, *contents(era.router, opened), strict=True):
                if one.start_ms >= counts_ms:
                    add_counts(counts)
                if one.start_ms >= distributions_ms:
                    totals.distributions.add(distributions)
                    totals.extremes.add(distributions)

    def _look_ahead(self, totals: _Totals, counts_ms: int) -> None:
        """Add what probes will observe after the closed slices, from ``counts_ms`` on until they run out."""
        for era, counts in zip(self._eras, self._eras.look_ahead(self._timelines, counts_ms), strict=True):
            self._adding(totals, era)(counts)

    def _adding(self, totals: _Totals, era: Era) -> Callable[[Counts], None]:
        """Function that adds counts of ``era`` to ``totals``."""
        return totals.counts.add if era is self._eras.now else partial(totals.add_ahead, era.start_ms)

    def _reading(
        self, name: str, start_ms: int | None, end_ms: int | None, totals: _Totals, breaches: Breaches
    ) -> Reading:
        steps = totals.steps(self._catalogue.steps)
        return Reading(name, start_ms, end_ms, tuple(steps), tuple(self._objectives(name, totals, breaches)))

    def _objectives(self, name: str, totals: _Totals, breaches: Breaches) -> Iterable[ObjectiveLevel]:
        """Levels of the objectives that are judged over the window ``name``, or since the beginning."""
        era, *later = self._eras
        for (service, objective_name), number in sorted(era.router.objectives.items()):
            objective = era.standards.services[service].objectives[objective_name]
            # Later standards may use this ratio for another objective, and this name for another ratio.
            others = [one.start_ms for one in later if one.router.objectives.get((service, objective_name)) != number]
            ratio = totals.objective(number, others)
            since = breaches.get((service, objective_name))
            if name == "all":
                yield ObjectiveLevel(service, objective, Ratio(), ratio, since)
            elif name == objective.window.name:
                yield ObjectiveLevel(service, objective, ratio, Ratio(), since)
