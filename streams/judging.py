"""How the measures of objectives judge interactions: a verdict for each band of durations of each route."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from streams.catalogue import UNSPECIFIED
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


class RouteKey(NamedTuple):
    """What is common to the observations of one route."""

    kind: str
    service: str
    step: str | None
    class_: str | None
    failure_point: str | None
    outcome: str


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


#: How the outcome of a request counts in availability.
AVAILABLE: Final = {"ok": Verdict.GOOD, "failed": Verdict.BAD, "abandoned": Verdict.EXCLUDED}


def identity(measure: Measure) -> str:
    """Text that is equal exactly if two measures are."""
    return json.dumps(canonical(measure), sort_keys=True, separators=(",", ":"))


def point_of(route: RouteKey) -> str | None:
    """Fail point that ``route`` counts under; None: it is no failure."""
    return route.failure_point or (UNSPECIFIED if route.outcome == "failed" else None)


def classes_told_apart(service: Service) -> frozenset[str | None]:
    """The classes that objectives of ``service`` tell apart."""
    measures = (objective.measure for objective in service.objectives.values())
    return frozenset(None if isinstance(m, ProbeAvailability) else m.class_ for m in measures)


def regardless(ratio: int, verdict: Verdict) -> Feed:
    """Feed that judges by the route alone, whatever the duration."""
    return Feed(ratio, (), (verdict, verdict))


def judge(measure: Measure, route: RouteKey) -> tuple[tuple[int, ...], tuple[Verdict, ...]] | None:
    """Limits, and verdicts by band, with which ``measure`` judges interactions of ``route``; None: not at all."""
    if isinstance(measure, ProbeAvailability):
        return None
    if measure.step not in (None, route.step or "") or measure.class_ not in (None, route.class_):
        return None
    if isinstance(measure, RequestAvailability):
        return (), (AVAILABLE[route.outcome],) * 2
    if isinstance(measure, FailureFree):
        return (), (_failure_free(measure, route),) * 2
    return _within(measure, route)


def _failure_free(measure: FailureFree, route: RouteKey) -> Verdict:
    point = point_of(route)
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
