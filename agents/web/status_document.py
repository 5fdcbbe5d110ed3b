"""`/api/status`: all figures of one worker as one JSON document (`schemas/status.v1.schema.json`).

Names carry their units as metrics do: durations and times in seconds, times since 1970, shares as ratios. Without data
a value is null, never 0. Counts are exact integers, so that a reader can form exact ratios of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from fractions import Fraction
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agents.status.readiness import obstacles
from agents.status.readings import Readings, standards_in_force
from agents.status.readings import read as readings_of
from streams.calendars.periods import STANDARD_WINDOWS
from streams.engine.progress import Progress
from streams.mappings.mapping import found_by_none
from streams.standards.model import Service, Standards
from streams.texts.catalogues import phrase, say
from streams.texts.phrase import Language, Text, in_language
from streams.texts.states import States
from streams.views import levels
from streams.views.objectives.standing import ObjectiveState, Standing

if TYPE_CHECKING:
    from agents.status.worker import MonitorView, PartitionStatus, WorkerStatus
    from streams.slices.distribution import Distribution
    from streams.slices.ratio import Ratio
    from streams.views.levels import ObjectiveLevel, Reading, StepLevel

#: Version of the document; it grows when a field changes its meaning or goes away.
VERSION: Final = 1

_QUANTILES: Final = {"p50": Fraction(50, 100), "p95": Fraction(95, 100), "p99": Fraction(99, 100)}
_WORST_FIRST: Final = {ObjectiveState.BREACHED: 0, ObjectiveState.NO_DATA: 1, ObjectiveState.MET: 2}

Document = dict[str, Any]
T = TypeVar("T")


def document(observed: MonitorView, language: Language, now: float) -> Document:
    """The status document of ``observed`` at ``now`` (seconds since 1970), with its texts in ``language``."""
    readings = readings_of(observed)
    standards = standards_in_force(observed)
    status = observed.status()
    progress = [engine.progress for engine in observed.engines()]
    return {
        "version": VERSION,
        "language": language,
        "now": now,
        "worker": _worker(status, language),
        "standards": _standards(standards, observed.standards),
        "events": _events(Progress.total(progress), language),
        "never_found": _never_found(observed, status),
        "partitions": _partitions(status, progress),
        "windows": [_window(window.name, readings.windows[window.name]) for window in STANDARD_WINDOWS],
        "services": _services(readings, standards, language),
    }


def _worker(status: WorkerStatus, language: Language) -> Document:
    waiting_for = obstacles(status)
    return {
        "state": status.state,
        "ready": not waiting_for,
        "waiting_for": [obstacle.say(language) for obstacle in waiting_for],
        "started_at": status.started_at,
        "broker": status.broker,
        "ephemeral": status.ephemeral,
        "fold_seconds": status.fold_seconds,
        "waits": None if status.waits is None else say(status.waits, language),
        "warnings": [{"key": key, "text": say(key, language)} for key in status.warnings],
        "refused_standards": status.refused_standards,
        "ticks": status.ticks,
        "transactions": asdict(status.transactions),
        "recoveries": asdict(status.recoveries),
    }


def _standards(in_force: Standards, own: Standards) -> Document:
    return {
        "declared": bool(in_force.services),
        "digest": in_force.digest,
        "timezone": in_force.timezone,
        "file_digest": own.digest,
    }


def _events(total: Progress, language: Language) -> Document:
    by_count = sorted(total.rejected.items(), key=lambda item: (-item[1], item[0]))
    return {
        "records": total.records,
        "accepted": total.accepted,
        "duplicates": total.duplicates,
        "ignored": total.ignored,
        "unknown_fields": total.unknown_fields,
        "rejected": [{"reason": r, "text": say(r, language), "count": n} for r, n in by_count],
        "left_out": _left_out(total, language),
        "folded": [{"kind": k, "text": _kind(k, language), "count": n} for k, n in sorted(total.overflowed.items())],
    }


def _never_found(observed: MonitorView, status: WorkerStatus) -> list[Document]:
    """Paths of mappings that no record has had, for the topics that are read and those that are rekeyed."""
    engines = [(one.progress.source, one.never_found) for one in observed.engines() if one.progress.mapped]
    rekeyed = status.rekeying.never_found if status.rekeying else {}
    return [{"topic": topic, "paths": paths} for topic, paths in found_by_none([*engines, *rekeyed.items()]).items()]


def _left_out(total: Progress, language: Language) -> list[Document]:
    """Values that could not be read, by field and reason, most first; ``read`` counts those of the field that could."""
    by_count = sorted(total.unreadable.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"field": name, "reason": r, "text": say(r, language), "count": n, "read": total.readable[name]}
        for (name, r), n in by_count
    ]


def _kind(kind: str, language: Language) -> str:
    found = phrase(f"folded-{kind}")
    return kind if found is None else found.say(language)


def _partitions(status: WorkerStatus, progress: Iterable[Progress]) -> list[Document]:
    known = {(p.source, p.partition): p for p in progress}
    ordered = sorted(status.partitions, key=attrgetter("topic", "partition"))
    return [_partition(p, known.get((p.topic, p.partition))) for p in ordered]


def _partition(status: PartitionStatus, progress: Progress | None) -> Document:
    return {
        "topic": status.topic,
        "partition": status.partition,
        "next_offset": None if status.state_unread else status.next_offset,
        "log_end": status.log_end,
        "lag": status.lag,
        "caught_up": status.caught_up,
        "recovering": status.recovering,
        "saved_offset": status.saved_offset,
        "standards": status.standards,
        "pending_standards": status.pending_standards,
        "watermark": _seconds(progress.watermark_ms) if progress else None,
        "newest": _seconds(progress.newest_ms) if progress else None,
        "open_slices": progress.open_slices if progress else 0,
    }


def _window(name: str, reading: Reading) -> Document:
    return {"name": name, "start": _seconds(reading.start_ms), "end": _seconds(reading.end_ms)}


def _services(readings: Readings, standards: Standards, language: Language) -> list[Document]:
    """Services in breach first, then by name; declared ones are there before their first event."""
    shown = {window.name: readings.windows[window.name] for window in STANDARD_WINDOWS}
    steps = {name: {(s.service, s.step): s for s in reading.steps} for name, reading in shown.items()}
    judged = _by_service((level.service, level) for level in readings.objectives)
    places = _by_service((place[0], place) for place in sorted(_places(readings.everything, steps)))
    found = [
        _service(
            standards.services.get(name) or Service(name, Text(name, name)),
            [_step(place, steps, standards, language) for place in places.get(name, ())],
            [
                _objective(level, language)
                for level in _with_declared(judged.get(name, ()), standards.services.get(name))
            ],
            language,
        )
        for name in {*standards.services, *judged, *places}
    ]
    return sorted(found, key=lambda service: (service["state"] != ObjectiveState.BREACHED, service["name"]))


def _with_declared(judged: Iterable[ObjectiveLevel], service: Service | None) -> Iterable[ObjectiveLevel]:
    """``judged``, and the objectives of ``service`` that no partition has data of yet, without data."""
    declared = service.objectives.values() if service else ()
    nothing = {objective.name: levels.ObjectiveLevel(service.name, objective) for objective in declared if service}
    return (nothing | {level.objective.name: level for level in judged}).values()


def _by_service(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    """Values by service, in their order."""
    grouped: dict[str, list[T]] = {}
    for service, value in pairs:
        grouped.setdefault(service, []).append(value)
    return grouped


def _places(everything: Reading, steps: Mapping[str, Mapping[tuple[str, str], StepLevel]]) -> set[tuple[str, str]]:
    """Every (service, step) that ever had an event."""
    return {(s.service, s.step) for s in everything.steps}.union(*steps.values())


def _service(service: Service, steps: list[Document], judged: list[Document], language: Language) -> Document:
    states = {ObjectiveState(objective["state"]) for objective in judged}
    return {
        "name": service.name,
        "title": in_language(service.title, language),
        "owner": service.owner,
        "state": min(states, key=_WORST_FIRST.__getitem__, default=States.NO_OBJECTIVES.key),
        "objectives": sorted(judged, key=lambda o: (o["state"] != ObjectiveState.BREACHED, o["name"])),
        "steps": steps,
    }


def _step(
    place: tuple[str, str],
    steps: Mapping[str, Mapping[tuple[str, str], StepLevel]],
    standards: Standards,
    language: Language,
) -> Document:
    name, step = place
    service = standards.services.get(name)
    declared = service.steps.get(step) if service else None
    nothing = levels.StepLevel(name, step)
    return {
        "name": step,
        "title": in_language(declared.title, language) if declared else step,
        "stage": declared.stage if declared else None,
        "windows": {window: _level(found.get(place, nothing)) for window, found in steps.items()},
    }


def _level(level: StepLevel) -> Document:
    return {
        "ok": level.ok,
        "failed": level.failed,
        "abandoned": level.abandoned,
        "response_seconds": _response(level.response) if level.response.count else None,
        "availability": _ratio(level.availability),
        "probe_milliseconds": _ratio(level.probes),
        "failure_points": [
            {"name": name, "count": count, "share": float(share)} for name, count, share in levels.pareto(level)
        ],
    }


def _response(response: Distribution) -> Document:
    quantiles = {name: response.quantile(share) for name, share in _QUANTILES.items()}
    microseconds = quantiles | {"min": response.min_us, "max": response.max_us, "mean": response.mean_us}
    return {"count": response.count} | {name: us / 1e6 for name, us in microseconds.items() if us is not None}


def _ratio(ratio: Ratio) -> Document:
    return {"good": ratio.good, "total": ratio.total, "ratio": ratio.value}


def _objective(level: ObjectiveLevel, language: Language) -> Document:
    """One objective. An open breach counts as breached, whatever the slices that are still open suggest."""
    objective, standing = level.objective, Standing.of(level.objective, level.window)
    return {
        "name": objective.name,
        "title": in_language(objective.title, language),
        "window": {
            "name": objective.window.name,
            "seconds": _seconds(objective.window.rolling_ms),
            "period": objective.window.period,
        },
        "target": float(objective.target),
        "unit": objective.unit,
        "minimum_total": objective.minimum_total,
        **_ratio(level.window),
        "state": standing.state if level.breached_since_ms is None else ObjectiveState.BREACHED,
        "attained": _float(standing.attained),
        "budget_remaining": _float(standing.budget_remaining),
        "breached_since": _seconds(level.breached_since_ms),
    }


def _float(fraction: Fraction | None) -> float | None:
    return None if fraction is None else float(fraction)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
