"""Standards compiled to routes: which series an observation feeds.

A *route* is one combination of kind, service, step, class, fail point and outcome, as far as any series depends on
them. Each route cuts durations at the limits that its indicators judge by, its *profile*; route and band together are
a *cell*. Counting observations by cell is all that is done per event: every ratio is a sum over cells, taken when a
slice is looked at. A new ratio is new rows here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple

import numpy as np

from streams.columns import ABSENT
from streams.distribution import LONGEST_US
from streams.events import Event, Kind
from streams.standards.model import (
    FailureFree,
    Measure,
    Objective,
    ProbeAvailability,
    RequestAvailability,
    ResponseTimeWithin,
    Service,
    Standards,
    Verdict,
)
from streams.tables import IntArray, Table, group

#: Label of failures that name no fail point.
UNSPECIFIED: Final = "unspecified"
#: Durations need 45 bits; an edge is `profile << EDGE_BITS | limit`.
EDGE_BITS: Final = 46
#: Looked-up routes are remembered for so many different combinations. Forgetting them changes nothing but time.
_MOST_REMEMBERED: Final = 65_536


class Indicator(enum.StrEnum):
    """What a ratio or sum series is."""

    AVAILABILITY = "availability"  # ok / (ok + failed)
    ANSWERED = "answered"  # (ok + failed) / all
    PROBES = "probes"  # milliseconds up / milliseconds observed
    OBJECTIVE = "objective"
    FAILURES = "failures"


class RouteKey(NamedTuple):
    """What is common to the observations of one route."""

    kind: str
    service: str
    step: str | None
    class_: str | None
    failure_point: str | None
    outcome: str


_route_key: Final = attrgetter(*RouteKey._fields)


class Feed(NamedTuple):
    """How one ratio judges the observations of a route: a verdict per band, the last for absent durations."""

    ratio: int
    limits: tuple[int, ...]
    verdicts: tuple[Verdict, ...]  # one more than limits, and one for absent

    def at(self, limit: int | None) -> Verdict:
        """Verdict for durations up to and including ``limit`` (None: beyond every limit)."""
        if limit is None:
            return self.verdicts[len(self.limits)]
        return self.verdicts[sum(own < limit for own in self.limits)]


@dataclass(slots=True)
class StepSeries:
    """Ids of the series of one step of one service."""

    availability: int
    answered: int
    probes: int
    distribution: int
    failures: dict[str, int] = field(default_factory=dict)


class Columns:
    """The compiled routes as arrays; made anew when routes were admitted."""

    def __init__(self, router: Router) -> None:
        """Freeze what ``router`` knows now."""
        self.edges = np.array(router.edges, np.int64)
        self.profile = np.array(router.profile, np.int64)
        profiles = self.profile << EDGE_BITS
        self.edge_start = np.searchsorted(self.edges, profiles)  # by route
        self.edge_count = np.searchsorted(self.edges, profiles + (1 << EDGE_BITS)) - self.edge_start
        self.cell_start = np.array(router.cell_start, np.int64)
        self.distribution = np.array(router.distribution_of, np.int64)
        self.feed_start = np.array(router.feed_start, np.int64)
        self.feed_ratio = np.array(router.feed_ratio, np.int64)
        self.feed_good = np.array(router.feed_good, np.int64)
        self.failure_sum = np.array(router.failure_sum, np.int64)


class Router:
    """Routes, cells and series of one source partition. Routes are admitted in the order of the log."""

    def __init__(self, standards: Standards) -> None:
        """Compile ``standards``; their objectives get their series at once, everything else when it occurs."""
        self._standards = standards
        self._remembered: dict[tuple[object, ...], int] = {}  # by what events have
        self._routes: dict[RouteKey, int] = {}
        self._profiles: dict[tuple[int, ...], int] = {}
        self._classes = {service.name: _classes(service) for service in standards.services.values()}
        self._columns: Columns | None = None
        self._probe_cells: dict[tuple[str, str], tuple[int, int]] = {}
        self.steps: dict[tuple[str, str], StepSeries] = {}
        self.objectives: dict[tuple[str, str], int] = {}
        self.ratios = self.sums = self.distributions = 0
        self.edges: list[int] = []
        self.profile: list[int] = []  # by route
        self.cell_start: list[int] = []  # by route
        self.distribution_of: list[int] = []  # by route; −1: none
        self.feed_start: list[int] = [0]  # by cell, into the two below; one more at the end
        self.feed_ratio: list[int] = []
        self.feed_good: list[int] = []
        self.failure_sum: list[int] = []  # by cell; −1: none
        for service in standards.services.values():
            for name in service.objectives:
                self.objectives[service.name, name] = self._new_ratio()

    @property
    def columns(self) -> Columns:
        """The compiled routes as arrays."""
        if self._columns is None:
            self._columns = Columns(self)
        return self._columns

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.failure_sum)

    def routes(self, events: Sequence[Event]) -> IntArray:
        """Route of each event; unknown ones are admitted in order."""
        keys = list(map(_route_key, events))
        found = list(map(self._remembered.get, keys))
        if None in found:
            found = [self._remembered[key] if key in self._remembered else self._route(key) for key in keys]
        return np.array(found, np.int64)

    def cells_of(self, routes: IntArray, durations_us: IntArray) -> IntArray:
        """Cell of each observation: the route's band that its duration (or `ABSENT`) lies in."""
        columns = self.columns
        edges = (columns.profile[routes] << EDGE_BITS) | np.maximum(durations_us, 0)
        bands = np.searchsorted(columns.edges, edges) - columns.edge_start[routes]
        beyond = columns.edge_count[routes] + 1
        cells: IntArray = columns.cell_start[routes] + np.where(durations_us == ABSENT, beyond, bands)
        return cells

    def probe_cells(self, service: str, step: str) -> tuple[int, int]:
        """Cells that milliseconds observed as up, and as down, are counted in, for a step whose probes were routed."""
        return self._probe_cells[service, step]

    def ratios_of(self, cells: Table) -> Table:
        """Rows (good, total) by ratio id, from weights by cell id.

        Where cells of several slices were joined, so are the ratios: slice · number of ratios + ratio id.
        """
        columns = self.columns
        places, ids = np.divmod(cells.keys, self.cells or 1)
        first = columns.feed_start[ids]
        lengths = columns.feed_start[ids + 1] - first
        feeds = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
        weights = np.repeat(cells.values[:, 0], lengths)
        ratios = columns.feed_ratio[feeds] + np.repeat(places * self.ratios, lengths)
        return _summed(ratios, np.stack((weights * columns.feed_good[feeds], weights), axis=1))

    def sums_of(self, cells: Table) -> Table:
        """Rows (sum, count) by sum id, from weights by cell id: failures by fail point. Joined as `ratios_of`."""
        places, ids = np.divmod(cells.keys, self.cells or 1)
        sums = self.columns.failure_sum[ids]
        hit = sums >= 0
        return _summed((sums + places * self.sums)[hit], np.repeat(cells.values[hit], 2, axis=1))

    def _route(self, key: tuple[object, ...]) -> int:
        """Route of events with ``key``, admitted if need be."""
        route = self._significant(RouteKey(*key))  # type: ignore[arg-type]  # as the attribute getter gives it
        number = self._routes.get(route)
        if number is None:
            number = self._routes[route] = self._admit(route)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = number
        return number

    def _significant(self, key: RouteKey) -> RouteKey:
        """``key`` without what no series depends on, so that free texts in events do not multiply routes."""
        step, point = key.step or "", key.failure_point or None
        if key.kind == Kind.INTERACTION:
            class_ = key.class_ if key.class_ in self._classes.get(key.service, ()) else None
            return RouteKey(key.kind, key.service, step, class_, point, key.outcome)
        if key.kind == Kind.PROBE:
            return RouteKey(key.kind, key.service, step, None, None, "ok")
        if key.kind in (Kind.CASE, Kind.CHECK) and point:
            return RouteKey("", key.service, step, None, point, "ok")
        return _NOTHING

    def _admit(self, route: RouteKey) -> int:
        if route.kind == Kind.PROBE:
            return self._admit_probe(route.service, route.step or "")
        feeds = list(self._feeds(route)) if route.kind == Kind.INTERACTION else []
        return self._add_route(feeds, self._failure_sum(route), self._distribution(route))

    def _admit_probe(self, service: str, step: str) -> int:
        """Admit the two routes of observed time, up and down; probes themselves are not counted. Gives the first."""
        ratios = [self._step(service, step).probes]
        ratios += [
            self.objectives[service, objective.name]
            for objective in self._objectives_of(service)
            if isinstance(objective.measure, ProbeAvailability) and objective.measure.step in (None, step)
        ]
        up, down = (
            self._add_route([_regardless(ratio, verdict) for ratio in ratios], -1, -1)
            for verdict in (Verdict.GOOD, Verdict.BAD)
        )
        self._probe_cells[service, step] = self.cell_start[up], self.cell_start[down]
        return up

    def _add_route(self, feeds: Sequence[Feed], failure_sum: int, distribution: int) -> int:
        limits = sorted({min(limit, LONGEST_US) for feed in feeds for limit in feed.limits})
        self.profile.append(self._profile(tuple(limits)))
        self.cell_start.append(self.cells)
        self.distribution_of.append(distribution)
        for band in (*limits, None):
            self._add_cell(((feed.ratio, feed.at(band)) for feed in feeds), failure_sum)
        self._add_cell(((feed.ratio, feed.verdicts[-1]) for feed in feeds), failure_sum)
        self._columns = None
        return len(self.profile) - 1

    def _profile(self, limits: tuple[int, ...]) -> int:
        """Number of the profile that cuts at ``limits``; there are as many as the standards have combinations."""
        number = self._profiles.get(limits)
        if number is None:
            number = self._profiles[limits] = len(self._profiles)
            self.edges.extend(number << EDGE_BITS | limit for limit in limits)
        return number

    def _add_cell(self, verdicts: Iterable[tuple[int, Verdict]], failure_sum: int) -> None:
        for ratio, verdict in verdicts:
            if verdict is not Verdict.EXCLUDED:
                self.feed_ratio.append(ratio)
                self.feed_good.append(int(verdict is Verdict.GOOD))
        self.feed_start.append(len(self.feed_ratio))
        self.failure_sum.append(failure_sum)

    def _feeds(self, route: RouteKey) -> Iterable[Feed]:
        series = self._step(route.service, route.step or "")
        yield _regardless(series.answered, Verdict.BAD if route.outcome == "abandoned" else Verdict.GOOD)
        yield _regardless(series.availability, _AVAILABLE[route.outcome])
        for objective in self._objectives_of(route.service):
            judged = judge(objective.measure, route)
            if judged is not None:
                yield Feed(self.objectives[route.service, objective.name], *judged)

    def _objectives_of(self, service: str) -> Iterable[Objective]:
        declared = self._standards.services.get(service)
        return declared.objectives.values() if declared else ()

    def _failure_sum(self, route: RouteKey) -> int:
        point = route.failure_point or (UNSPECIFIED if route.outcome == "failed" else None)
        if point is None:
            return -1
        failures = self._step(route.service, route.step or "").failures
        if point not in failures:
            failures[point] = self.sums
            self.sums += 1
        return failures[point]

    def _distribution(self, route: RouteKey) -> int:
        if route.kind != Kind.INTERACTION or route.outcome != "ok":
            return -1
        return self._step(route.service, route.step or "").distribution

    def _step(self, service: str, step: str) -> StepSeries:
        series = self.steps.get((service, step))
        if series is None:
            series = StepSeries(self._new_ratio(), self._new_ratio(), self._new_ratio(), self.distributions)
            self.distributions += 1
            self.steps[service, step] = series
        return series

    def _new_ratio(self) -> int:
        self.ratios += 1
        return self.ratios - 1


#: Route of what feeds no series.
_NOTHING: Final = RouteKey("", "", None, None, None, "ok")
_AVAILABLE: Final = {"ok": Verdict.GOOD, "failed": Verdict.BAD, "abandoned": Verdict.EXCLUDED}


def _classes(service: Service) -> frozenset[str | None]:
    """The classes that objectives of ``service`` tell apart."""
    measures = (objective.measure for objective in service.objectives.values())
    return frozenset(None if isinstance(m, ProbeAvailability) else m.class_ for m in measures)


def _regardless(ratio: int, verdict: Verdict) -> Feed:
    """Feed that judges by the route alone, whatever the duration."""
    return Feed(ratio, (), (verdict, verdict))


def judge(measure: Measure, route: RouteKey) -> tuple[tuple[int, ...], tuple[Verdict, ...]] | None:
    """Limits, and verdicts by band, with which ``measure`` judges interactions of ``route``; None: not at all."""
    if isinstance(measure, ProbeAvailability):
        return None
    if measure.step not in (None, route.step or "") or measure.class_ not in (None, route.class_):
        return None
    if isinstance(measure, RequestAvailability):
        return (), (_AVAILABLE[route.outcome],) * 2
    if isinstance(measure, FailureFree):
        return (), (_failure_free(measure, route),) * 2
    return _within(measure, route)


def _failure_free(measure: FailureFree, route: RouteKey) -> Verdict:
    point = route.failure_point or (UNSPECIFIED if route.outcome == "failed" else None)
    hit = point is not None and (not measure.failure_points or point in measure.failure_points)
    return Verdict.BAD if hit else Verdict.GOOD


def _within(measure: ResponseTimeWithin, route: RouteKey) -> tuple[tuple[int, ...], tuple[Verdict, ...]]:
    if route.outcome == "ok":
        return (measure.within_us,), (Verdict.GOOD, Verdict.BAD, Verdict.EXCLUDED)
    if route.outcome == "failed":
        return (), (measure.failed,) * 2
    abandoned = measure.abandoned
    if not abandoned.short_us:
        return (measure.within_us,), (abandoned.in_time, abandoned.otherwise, abandoned.otherwise)
    shortest = abandoned.short_us - 1  # whole microseconds: shorter than the limit is at most one less
    if shortest >= measure.within_us:
        return (shortest,), (Verdict.EXCLUDED, abandoned.otherwise, abandoned.otherwise)
    verdicts = (Verdict.EXCLUDED, abandoned.in_time, abandoned.otherwise, abandoned.otherwise)
    return (shortest, measure.within_us), verdicts


def _summed(ids: IntArray, values: IntArray) -> Table:
    order = np.argsort(ids, kind="stable")
    return group(ids[order], values[order], (np.add, np.add))
