"""Standards compiled to routes: which series an observation feeds.

A *route* is one combination of kind, service, step, class, fail point and outcome, as far as any series depends on
them. The limits by which its indicators judge cut durations into bands, its *profile*; a route and a band are a *cell*.
Events are only counted by cell: every ratio is a sum over cells, computed when a slice is read. A new ratio is new rows
here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from streams.calendars.periods import DAY_MS
from streams.decoding.columns import ABSENT
from streams.decoding.key_dictionary import KeyDictionary
from streams.derivers.timelines import ProbedTime
from streams.events.event import Kind
from streams.events.key import EventKey
from streams.routing.series_catalogue import LATEST_OFFSET, SeriesCatalogue
from streams.routing.verdicts import (
    AVAILABLE,
    Feed,
    Judgement,
    bands,
    classes_told_apart,
    identity,
    judge,
    point_of,
    regardless,
)
from streams.slices.slice import PAIRS
from streams.slices.sparse_table import IntArray, SparseTable, gather
from streams.standards.model import Objective, ProbeAvailability, Standards, Verdict

#: Durations need 45 bits; an edge is `profile << EDGE_BITS | limit`.
EDGE_BITS: Final = 46
#: Most routes under replaced labels that are cached. Dropping them costs time only.
_MOST_REMEMBERED: Final = 65_536
#: Stands for a code without a known route.
_UNKNOWN: Final = -1


class RouteColumns:
    """The compiled routes as arrays; rebuilt after routes were admitted."""

    def __init__(self, router: Router) -> None:
        """Copy the current routes of ``router``."""
        self.edges = np.array(router.edges, np.int64)
        self.profile = np.array(router.profile, np.int64)
        profiles = self.profile << EDGE_BITS
        self.edge_start = np.searchsorted(self.edges, profiles)  # by route
        self.edge_count = np.searchsorted(self.edges, profiles + (1 << EDGE_BITS)) - self.edge_start
        self.cell_start = np.array(router.cell_start, np.int64)
        self.distribution = np.array(router.distribution_of, np.int64)
        self.probe = np.array([route.kind == Kind.PROBE for route in router.labels], np.bool_)
        self.feed_start = np.array(router.feed_start, np.int64)
        self.feed_ratio = np.array(router.feed_ratio, np.int64)
        self.feed_good = np.array(router.feed_good, np.int64)
        self.failure_sum = np.array(router.failure_sum, np.int64)


class Router:
    """Routes and cells of one source partition under one version of its standards; the catalogue numbers the series.

    ``overflowed`` counts observations whose labels the catalogue's caps replaced, by the kind of label.
    """

    def __init__(
        self, standards: Standards, catalogue: SeriesCatalogue, names: KeyDictionary, before: int = LATEST_OFFSET
    ) -> None:
        """Compile ``standards``. The catalogue has their objectives as they were ``before`` that offset.

        All other series are admitted when they occur.

        Raises:
            KeyError: the catalogue lacks an objective.
        """
        self._standards = standards
        self._names = names
        self._catalogue = catalogue
        self._generation = 0  # of the codes
        self._by_code = np.empty(0, np.int64)  # routes whose labels no cap replaced
        # Routes whose labels a cap replaced, by day and code; valid until the catalogue meets a new name.
        self._overflowed_by_code: dict[tuple[int, int], tuple[int, tuple[str, ...]]] = {}
        self._met = 0
        self._routes: dict[EventKey, int] = {}
        self._profiles: dict[tuple[int, ...], int] = {}
        self._classes = {service.name: classes_told_apart(service) for service in standards.services.values()}
        self._columns: RouteColumns | None = None
        self._probe_cells: dict[tuple[str, str], tuple[int, int]] = {}
        self.overflowed: Counter[str] = Counter()
        self.objectives: dict[tuple[str, str], int] = {}
        self.labels: list[EventKey] = []  # by route, as the catalogue has them
        self.edges: list[int] = []
        self.profile: list[int] = []  # by route
        self.cell_start: list[int] = []  # by route
        self.distribution_of: list[int] = []  # by route; −1: none
        self.feed_start: list[int] = [0]  # by cell, into the two below; one more at the end
        self.feed_ratio: list[int] = []
        self.feed_good: list[int] = []
        self.failure_sum: list[int] = []  # by cell; −1: none
        for service in standards.services.values():
            for name, objective in service.objectives.items():
                measured = identity(objective.measure)
                self.objectives[service.name, name] = catalogue.objective(service.name, name, measured, before)

    @property
    def ratios(self) -> int:
        """Number of ratio series."""
        return self._catalogue.ratios

    @property
    def sums(self) -> int:
        """Number of sum series."""
        return self._catalogue.sums

    @property
    def distributions(self) -> int:
        """Number of distribution series."""
        return self._catalogue.distributions

    @property
    def columns(self) -> RouteColumns:
        """The compiled routes as arrays."""
        if self._columns is None:
            self._columns = RouteColumns(self)
        return self._columns

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.failure_sum)

    def routes(self, codes: IntArray, times_ms: IntArray, offsets: IntArray) -> IntArray:
        """Route of each event, given its code among the names, its time and its record's offset.

        Unknown routes are admitted in order.
        """
        self._keep_up()
        routes = self._by_code[codes]
        unknown = np.flatnonzero(routes == _UNKNOWN)
        if len(unknown):
            columns = (codes[unknown], times_ms[unknown] // DAY_MS, offsets[unknown])
            routes[unknown] = list(map(self._route, *(column.tolist() for column in columns)))
        return routes

    def cells_of(self, routes: IntArray, durations_us: IntArray) -> IntArray:
        """Cell of each observation: the band of its route that contains its duration (or `ABSENT`)."""
        columns = self.columns
        edges = (columns.profile[routes] << EDGE_BITS) | np.maximum(durations_us, 0)
        bands = np.searchsorted(columns.edges, edges) - columns.edge_start[routes]
        beyond = columns.edge_count[routes] + 1
        cells: IntArray = columns.cell_start[routes] + np.where(durations_us == ABSENT, beyond, bands)
        return cells

    def probe_cells(self, service: str, step: str) -> tuple[int, int]:
        """Cells that count the milliseconds observed up, and down, at a step of the catalogue."""
        if (service, step) not in self._probe_cells:
            self._probe_cells[service, step] = self._admit_observed(service, step)
        return self._probe_cells[service, step]

    def ratios_of_observed(self, observed: Iterable[ProbedTime]) -> SparseTable:
        """Rows (good, total) by ratio id, from milliseconds observed. Admits no route, unlike `probe_cells`."""
        rows = [
            (ratio, one.up_ms, one.up_ms + one.down_ms)
            for one in observed
            if one.up_ms or one.down_ms
            for ratio in self._observed_ratios(one.service, one.step)
        ]
        columns = np.array(rows, np.int64).reshape(-1, 3)
        return gather(columns[:, 0], columns[:, 1:], PAIRS)

    def ratios_of(self, cells: SparseTable) -> SparseTable:
        """Rows (good, total) by ratio id, from weights by cell id.

        Where keys of several slices were joined, so are the results: slice · number of ratios + ratio id.
        """
        columns = self.columns
        places, ids = np.divmod(cells.keys, self.cells or 1)
        first = columns.feed_start[ids]
        lengths = columns.feed_start[ids + 1] - first
        feeds = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
        weights = np.repeat(cells.values[:, 0], lengths)
        ratios = columns.feed_ratio[feeds] + np.repeat(places * self.ratios, lengths)
        return gather(ratios, np.stack((weights * columns.feed_good[feeds], weights), axis=1), PAIRS)

    def sums_of(self, cells: SparseTable) -> SparseTable:
        """Rows (sum, count) by sum id, from weights by cell id: failures by fail point. Joined as `ratios_of`."""
        places, ids = np.divmod(cells.keys, self.cells or 1)
        sums = self.columns.failure_sum[ids]
        hit = sums >= 0
        return gather((sums + places * self.sums)[hit], np.repeat(cells.values[hit], 2, axis=1), PAIRS)

    def _keep_up(self) -> None:
        """Make room for all codes of the names; drop those of an earlier generation."""
        names = self._names
        if names.generation != self._generation:
            self._generation, self._by_code = names.generation, np.empty(0, np.int64)
            self._overflowed_by_code.clear()
        if len(self._by_code) < len(names.keys):
            more = max(len(names.keys), 2 * len(self._by_code)) - len(self._by_code)
            self._by_code = np.concatenate((self._by_code, np.full(more, _UNKNOWN)))

    def _route(self, code: int, day: int, offset: int) -> int:
        """Route of the event with ``code`` on ``day`` in the record at ``offset``, admitted if need be."""
        if (known := self._by_code.item(code)) != _UNKNOWN:
            return known
        self._catalogue.go_to(offset)
        if self._met != self._catalogue.met:
            self._overflowed_by_code.clear()
            self._met = self._catalogue.met
        number, overflowed = self._overflowed_by_code.get((day, code)) or self._look_up(self._names.keys[code], day)
        if overflowed:
            if len(self._overflowed_by_code) >= _MOST_REMEMBERED:
                self._overflowed_by_code.clear()
            self._overflowed_by_code[day, code] = number, overflowed
        else:
            self._by_code[code] = number
        self.overflowed.update(overflowed)
        return number

    def _look_up(self, key: EventKey, day: int) -> tuple[int, tuple[str, ...]]:
        """Route of ``key`` on ``day``, and the kinds of its labels that the caps replaced."""
        route = self._significant(key)
        placed = self._placed(route, day)
        number = self._routes.get(placed)
        if number is None:
            number = self._routes[placed] = self._admit(placed)
        if placed == route:
            return number, ()
        foldable = _FOLDABLE_OF_PROBES if route.kind == Kind.PROBE else _FOLDABLE
        return number, tuple(name for name, field_ in foldable if getattr(placed, field_) != getattr(route, field_))

    def _placed(self, route: EventKey, day: int) -> EventKey:
        """``route`` with the labels that the catalogue gives it."""
        if route is _NOTHING:
            return route
        declared = self._standards.services.get(route.service)
        step = declared.steps.get(route.step or "") if declared else None
        known = (declared is not None, step is not None)
        labels = self._catalogue.place(route.service, route.step or "", day, declared=known)
        class_ = route.class_ if labels[0] == route.service else None
        if route.kind == Kind.PROBE:
            class_ = self._catalogue.source(*labels, route.class_ or "", day)
        point = point_of(route)
        if point is not None:
            known_point = step is not None and point in step.failure_points
            placed = self._catalogue.point(*labels, point, day, declared=known_point)
            point = placed if route.failure_point else None
        return EventKey(route.kind, *labels, class_, point, route.outcome)

    def _significant(self, key: EventKey) -> EventKey:
        """``key`` without parts that no series depends on, so that free text in events does not multiply routes."""
        step, point = key.step or "", key.failure_point or None
        if key.kind == Kind.INTERACTION:
            class_ = key.class_ if key.class_ in self._classes.get(key.service, ()) else None
            return EventKey(key.kind, key.service, step, class_, point, key.outcome)
        if key.kind == Kind.PROBE:
            return EventKey(key.kind, key.service, step, key.class_ or "", None, "ok")
        if key.kind in (Kind.CASE, Kind.CHECK) and point:
            return EventKey("", key.service, step, None, point, "ok")
        return _NOTHING

    def _admit(self, route: EventKey) -> int:
        feeds = list(self._feeds(route)) if route.kind == Kind.INTERACTION else []
        return self._add_route(route, feeds, self._failure_sum(route), self._distribution(route))

    def _admit_observed(self, service: str, step: str) -> tuple[int, int]:
        """Admit the two routes of observed time, up and down, and return their cells. Probes are not counted."""
        ratios = self._observed_ratios(service, step)
        route = EventKey("", service, step, None, None, "ok")
        up, down = (
            self._add_route(route, [Feed(ratio, regardless(verdict)) for ratio in ratios], -1, -1)
            for verdict in (Verdict.GOOD, Verdict.BAD)
        )
        return self.cell_start[up], self.cell_start[down]

    def _observed_ratios(self, service: str, step: str) -> list[int]:
        """Ratios that the observed time of a step of the catalogue feeds, each once."""
        judged = {
            self.objectives[service, objective.name]: None
            for objective in self._objectives_of(service)
            if isinstance(objective.measure, ProbeAvailability) and objective.measure.step in (None, step)
        }
        return [self._catalogue.steps[service, step].probes, *judged]

    def _add_route(self, route: EventKey, feeds: Sequence[Feed], failure_sum: int, distribution: int) -> int:
        limits, counted = bands(tuple(feed.judgement for feed in feeds))
        self.labels.append(route)
        self.profile.append(self._profile(limits))
        self.cell_start.append(self.cells)
        self.distribution_of.append(distribution)
        for counted_by in counted:
            self.feed_ratio += [feeds[place].ratio for place in counted_by.places]
            self.feed_good += counted_by.good
            self.feed_start.append(len(self.feed_ratio))
        self.failure_sum += [failure_sum] * len(counted)
        self._columns = None
        return len(self.profile) - 1

    def _profile(self, limits: tuple[int, ...]) -> int:
        """Number of the profile that cuts at ``limits``; there is one per combination of limits in the standards."""
        number = self._profiles.get(limits)
        if number is None:
            number = self._profiles[limits] = len(self._profiles)
            self.edges.extend(number << EDGE_BITS | limit for limit in limits)
        return number

    def _feeds(self, route: EventKey) -> Iterable[Feed]:
        series = self._catalogue.steps[route.service, route.step or ""]
        yield Feed(series.answered, regardless(Verdict.BAD if route.outcome == "abandoned" else Verdict.GOOD))
        yield Feed(series.availability, regardless(AVAILABLE[route.outcome]))
        yield from (Feed(ratio, judgement) for ratio, judgement in self._judgements(route).items())

    def _judgements(self, route: EventKey) -> dict[int, Judgement]:
        """Judgement on ``route`` by each objective's ratio, each ratio once."""
        judged = (
            (self.objectives[route.service, objective.name], judge(objective.measure, route))
            for objective in self._objectives_of(route.service)
        )
        return {ratio: judgement for ratio, judgement in judged if judgement is not None}

    def _objectives_of(self, service: str) -> Iterable[Objective]:
        declared = self._standards.services.get(service)
        return declared.objectives.values() if declared else ()

    def _failure_sum(self, route: EventKey) -> int:
        point = point_of(route)
        return -1 if point is None else self._catalogue.steps[route.service, route.step or ""].failures[point]

    def _distribution(self, route: EventKey) -> int:
        if route.kind != Kind.INTERACTION or route.outcome != "ok":
            return -1
        return self._catalogue.steps[route.service, route.step or ""].distribution


#: Route of events that feed no series.
_NOTHING: Final = EventKey("", "", None, None, None, "ok")
#: Labels that caps can replace: the name under which replacements are counted, and the field of the key.
_FOLDABLE: Final = (("service", "service"), ("step", "step"), ("failure-point", "failure_point"))
_FOLDABLE_OF_PROBES: Final = (("service", "service"), ("step", "step"), ("source", "class_"))
