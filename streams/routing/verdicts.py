"""Judge interactions by the measures of objectives: a verdict for each route and band of durations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from streams.events.key import EventKey
from streams.routing.series_catalogue import UNSPECIFIED
from streams.slices.distribution import LONGEST_US
from streams.standards.digest import canonical
from streams.standards.model import (
    FailureFree,
    Measure,
    ProbeAvailability,
    RequestAvailability,
    ResponseTimeWithin,
    Service,
    Verdict,
)


class Judgement(NamedTuple):
    """Verdicts by duration: one for each band between ``limits`` (microseconds), and one for absent durations."""

    limits: tuple[int, ...]
    verdicts: tuple[Verdict, ...]  # two more than limits: beyond the last, and absent

    def at(self, limit: int | None) -> Verdict:
        """Verdict for durations up to and including ``limit`` (None: beyond every limit)."""
        if limit is None:
            return self.verdicts[len(self.limits)]
        return self.verdicts[sum(own < limit for own in self.limits)]


class Feed(NamedTuple):
    """A ratio's id, and how it judges the observations of a route."""

    ratio: int
    judgement: Judgement


class CountedBy(NamedTuple):
    """Indexes of the judgements that count an observation, and for each of these 1 if it is good, else 0."""

    places: tuple[int, ...]
    good: tuple[int, ...]


class Bands(NamedTuple):
    """Bands that several judgements distinguish: what counts each band between ``limits``, and of absent durations."""

    limits: tuple[int, ...]
    counted: tuple[CountedBy, ...]


@lru_cache(maxsize=1_024)  # most routes are judged like others
def bands(judgements: tuple[Judgement, ...]) -> Bands:
    """The bands that ``judgements`` distinguish."""
    limits = sorted({min(limit, LONGEST_US) for judgement in judgements for limit in judgement.limits})
    verdicts = [[judgement.at(limit) for judgement in judgements] for limit in (*limits, None)]
    verdicts.append([judgement.verdicts[-1] for judgement in judgements])
    return Bands(tuple(limits), tuple(map(_counted_by, verdicts)))


def _counted_by(verdicts: Sequence[Verdict]) -> CountedBy:
    places = tuple(place for place, verdict in enumerate(verdicts) if verdict is not Verdict.EXCLUDED)
    return CountedBy(places, tuple(int(verdicts[place] is Verdict.GOOD) for place in places))


#: Verdict on each outcome in availability by request.
AVAILABLE: Final = {"ok": Verdict.GOOD, "failed": Verdict.BAD, "abandoned": Verdict.EXCLUDED}


@lru_cache(maxsize=1_024)  # many services promise the same
def identity(measure: Measure) -> str:
    """Canonical text of ``measure``: equal exactly for equal measures."""
    return json.dumps(canonical(measure), sort_keys=True, separators=(",", ":"))


def point_of(route: EventKey) -> str | None:
    """Fail point under which ``route`` counts; None: no failure."""
    return route.failure_point or (UNSPECIFIED if route.outcome == "failed" else None)


def classes_told_apart(service: Service) -> frozenset[str | None]:
    """Classes that objectives of ``service`` distinguish."""
    measures = (objective.measure for objective in service.objectives.values())
    return frozenset(None if isinstance(m, ProbeAvailability) else m.class_ for m in measures)


def regardless(verdict: Verdict) -> Judgement:
    """Judgement by the route alone, for every duration."""
    return Judgement((), (verdict, verdict))


def judge(measure: Measure, route: EventKey) -> Judgement | None:
    """Judgement of ``measure`` on interactions of ``route``; None: it does not count them."""
    if isinstance(measure, ProbeAvailability):
        return None
    if measure.step not in (None, route.step or "") or measure.class_ not in (None, route.class_):
        return None
    if isinstance(measure, RequestAvailability):
        return regardless(AVAILABLE[route.outcome])
    if isinstance(measure, FailureFree):
        return regardless(_failure_free(measure, route))
    return _within(measure, route)


def _failure_free(measure: FailureFree, route: EventKey) -> Verdict:
    point = point_of(route)
    hit = point is not None and (not measure.failure_points or point in measure.failure_points)
    return Verdict.BAD if hit else Verdict.GOOD


def _within(measure: ResponseTimeWithin, route: EventKey) -> Judgement:
    if route.outcome == "ok":
        return Judgement((measure.within_us,), (Verdict.GOOD, Verdict.BAD, Verdict.EXCLUDED))
    if route.outcome == "failed":
        return regardless(measure.failed)
    abandoned = measure.abandoned
    if not abandoned.short_us:
        return Judgement((measure.within_us,), (abandoned.in_time, abandoned.otherwise, abandoned.otherwise))
    shortest = abandoned.short_us - 1  # whole microseconds: shorter than the limit is at most one less
    if shortest >= measure.within_us:
        return Judgement((shortest,), (Verdict.EXCLUDED, abandoned.otherwise, abandoned.otherwise))
    verdicts = (Verdict.EXCLUDED, abandoned.in_time, abandoned.otherwise, abandoned.otherwise)
    return Judgement((shortest, measure.within_us), verdicts)
