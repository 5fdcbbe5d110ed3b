"""Service levels of one or more partitions, as shown by exposition, status page and replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from operator import attrgetter

from streams.slices.distribution import Distribution
from streams.slices.ratio import Ratio
from streams.standards.model import Objective


@dataclass(frozen=True, slots=True)
class StepLevel:
    """Figures of one step of one service within a window. `step` is "" for events that name none."""

    service: str
    step: str
    ok: int = 0
    failed: int = 0
    abandoned: int = 0
    response: Distribution = field(default_factory=Distribution)  # of served (ok) interactions, microseconds
    failure_points: Mapping[str, int] = field(default_factory=dict)  # failures by fail point
    probes: Ratio = field(default_factory=Ratio)  # milliseconds up / milliseconds observed
    # Milliseconds observed / milliseconds that are final, of the window; a total of 0 where nothing is final, or where
    # the step was never probed.
    coverage: Ratio = field(default_factory=Ratio)

    @property
    def availability(self) -> Ratio:
        """By request: ok / (ok + failed)."""
        return Ratio(self.ok, self.ok + self.failed)

    @property
    def answered(self) -> Ratio:
        """Interactions not abandoned / all. Abandonment is its complement."""
        return Ratio(self.ok + self.failed, self.interactions)

    @property
    def interactions(self) -> int:
        """Ok, failed and abandoned together."""
        return self.ok + self.failed + self.abandoned


@dataclass(frozen=True, slots=True)
class ObjectiveLevel:
    """Ratios of one objective of one service. `views.objectives` derives its standing from them."""

    service: str
    objective: Objective
    window: Ratio = field(default_factory=Ratio)  # over the objective's own window
    cumulative: Ratio = field(default_factory=Ratio)  # since the beginning of the log
    breached_since_ms: int | None = None  # as decided at the last slice end; None: not in breach


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything shown for one window. Covers event time [start_ms, end_ms); None where nothing was read yet."""

    window: str
    start_ms: int | None
    end_ms: int | None
    steps: tuple[StepLevel, ...]  # sorted by service, step
    # Sorted by service, objective: those judged over this window or, since the beginning, all with `cumulative` alone.
    objectives: tuple[ObjectiveLevel, ...] = ()


def merge(readings: Iterable[Reading]) -> Reading:
    """Add readings of several partitions for the same window.

    A service normally lives in one partition; where producers scatter it, its integers are added, which is exact.
    """
    parts = list(readings)
    if len(parts) == 1:
        return parts[0]
    starts = [p.start_ms for p in parts if p.start_ms is not None]
    ends = [p.end_ms for p in parts if p.end_ms is not None]
    return Reading(
        window=parts[0].window if parts else "",
        start_ms=min(starts, default=None),
        end_ms=max(ends, default=None),
        steps=_merge_steps(step for part in parts for step in part.steps),
        objectives=_merge_objectives(level for part in parts for level in part.objectives),
    )


def _merge_steps(steps: Iterable[StepLevel]) -> tuple[StepLevel, ...]:
    key = attrgetter("service", "step")
    return tuple(_add_steps(list(same)) for _, same in groupby(sorted(steps, key=key), key))


def _add_steps(same: list[StepLevel]) -> StepLevel:
    if len(same) == 1:
        return same[0]
    failure_points: Counter[str] = Counter()
    for level in same:
        failure_points.update(level.failure_points)
    return StepLevel(
        service=same[0].service,
        step=same[0].step,
        ok=sum(s.ok for s in same),
        failed=sum(s.failed for s in same),
        abandoned=sum(s.abandoned for s in same),
        response=sum((s.response for s in same), Distribution()),
        failure_points=dict(sorted(failure_points.items())),
        probes=sum((s.probes for s in same), Ratio()),
        coverage=sum((s.coverage for s in same), Ratio()),
    )


def _merge_objectives(levels: Iterable[ObjectiveLevel]) -> tuple[ObjectiveLevel, ...]:
    def key(level: ObjectiveLevel) -> tuple[str, str]:
        return level.service, level.objective.name

    return tuple(_add_objectives(list(same)) for _, same in groupby(sorted(levels, key=key), key))


def _add_objectives(same: list[ObjectiveLevel]) -> ObjectiveLevel:
    if len(same) == 1:
        return same[0]
    since = [s.breached_since_ms for s in same if s.breached_since_ms is not None]
    return ObjectiveLevel(
        service=same[0].service,
        objective=same[0].objective,
        window=sum((s.window for s in same), Ratio()),
        cumulative=sum((s.cumulative for s in same), Ratio()),
        breached_since_ms=min(since, default=None),
    )


def pareto(level: StepLevel) -> list[tuple[str, int, Fraction]]:
    """Fail points of a step with their count and share of all failures, most frequent first (ties by name)."""
    total = sum(level.failure_points.values())
    ordered = sorted(level.failure_points.items(), key=lambda item: (-item[1], item[0]))
    return [(name, count, Fraction(count, total)) for name, count in ordered]
