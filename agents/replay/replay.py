"""Replay: event logs through the engine, without a broker; the same figures as a live worker's, from the same log."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from agents.files.event_log import EventLog
from streams.decisions.breaches import Change, Decision
from streams.decoding.dead_letters import DeadLetter
from streams.engine.engine import Engine
from streams.engine.progress import Progress
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.events.rejections import Reason
from streams.mappings.mapping import found_by_none
from streams.standards.model import Standards
from streams.views.levels import ObjectiveLevel, Reading, StepLevel, merge
from streams.views.objectives.standing import Standing

#: Version of the JSON document; it grows when a field changes its meaning or goes away.
VERSION: Final = 1


@dataclass(slots=True)
class Replay:
    """The result of a replay.

    ``examples`` holds the first dead letter of each reason, ``left_out`` by field and reason the place of the first
    value that was left out of its event, and what is wrong with it.
    """

    standards: Standards
    engines: tuple[Engine, ...]
    decisions: list[Decision] = field(default_factory=list)
    examples: dict[Reason, DeadLetter] = field(default_factory=dict)
    left_out: dict[tuple[str, Reason], str] = field(default_factory=dict)

    def cumulative(self) -> Reading:
        """Figures over the whole of the logs, at whose end probes end too."""
        return merge(engine.cumulative(ended=True) for engine in self.engines)

    def objectives(self) -> tuple[ObjectiveLevel, ...]:
        """Objectives over their own windows at the end of the logs, by service and name."""
        windows = {o.window.name: o.window for s in self.standards.services.values() for o in s.objectives.values()}
        levels = [
            level
            for window in windows.values()
            for level in merge(engine.read(window, ended=True) for engine in self.engines).objectives
        ]
        return tuple(sorted(levels, key=lambda level: (level.service, level.objective.name)))

    def breaches(self) -> dict[str, int]:
        """How often each objective was breached, by "service objective"; those never breached are left out."""
        opened = (d for d in self.decisions if d.change is Change.OPENED)
        return dict(Counter(f"{d.service} {d.objective}" for d in opened))

    def never_found(self) -> list[str]:
        """Paths of the mapping that no record of any log has."""
        by_source = [(one.progress.source, one.never_found) for one in self.engines if one.progress.mapped]
        return [path for paths in found_by_none(by_source).values() for path in paths]

    def progress(self) -> Progress:
        """Counters of all records."""
        return Progress.total(engine.progress for engine in self.engines)


def replay(
    logs: Sequence[EventLog],
    standards: Standards,
    *,
    topic: str,
    policy: TimePolicy,
    separate: bool = False,
    on_records: Callable[[int], None] = lambda _: None,
    on_dead_letters: Callable[[list[DeadLetter]], None] = lambda _: None,
) -> Replay:
    """Read ``logs`` one after the other as one log, or each as a partition of its own if ``separate``.

    ``topic`` chooses mapping and lateness from the standards. ``on_records`` is called with the number of
    records of each batch, ``on_dead_letters`` with its rejected records.

    Raises:
        Fault: a log cannot be read.
    """
    count = len(logs) if separate else 1
    engines = tuple(Engine(Start(topic, i, standards, policy=policy)) for i in range(count))
    result = Replay(standards, engines)
    for number, log in enumerate(logs):
        engine = engines[number if separate else 0]
        behind = engine.progress.next_offset or 0  # lines of earlier files of the same log
        for batch in log.batches():
            letters = engine.fold(dataclasses.replace(batch, offsets=batch.offsets + behind))
            letters = [msgspec.structs.replace(letter, offset=letter.offset - behind) for letter in letters]
            result.decisions += engine.advance().decisions
            for letter in letters:
                result.examples.setdefault(letter.reason, letter)
            for what, (offset, detail) in engine.progress.examples.items():
                result.left_out.setdefault(what, f"{log.name}:{offset - behind}: {detail}")
            on_records(len(batch))
            on_dead_letters(letters)
    return result


def document(result: Replay) -> dict[str, Any]:
    """The result as JSON (`schemas/replay.v1.schema.json`): seconds, exact counts, null where there is no data."""
    progress, reading = result.progress(), result.cumulative()
    return {
        "version": VERSION,
        "kind": "replay",
        "standards": result.standards.digest,
        "start": _seconds(reading.start_ms),
        "end": _seconds(reading.end_ms),
        "guarded": not progress.unguarded,
        "records": {
            "read": progress.records,
            "accepted": progress.accepted,
            "duplicates": progress.duplicates,
            "ignored": progress.ignored,
            "rejected": {str(reason): n for reason, n in sorted(progress.rejected.items())},
            "unknown_fields": progress.unknown_fields,
            "left_out": [
                {"field": name, "reason": reason, "count": count}
                for (name, reason), count in sorted(progress.unreadable.items())
            ],
            "never_found": result.never_found(),
        },
        "steps": [_step(level) for level in reading.steps],
        "objectives": _objectives(result.objectives(), reading.objectives),
        "decisions": [_decision(decision) for decision in result.decisions],
    }


_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def _step(level: StepLevel) -> dict[str, Any]:
    response = level.response
    microseconds = {name: response.quantile(share) for name, share in _QUANTILES.items()}
    microseconds |= {"min": response.min_us, "max": response.max_us, "sum": response.sum_us}
    return {
        "service": level.service,
        "step": level.step,
        "ok": level.ok,
        "failed": level.failed,
        "abandoned": level.abandoned,
        "availability": level.availability.value,
        "failure_points": dict(level.failure_points),
        "probe_milliseconds": {"up": level.probes.good, "observed": level.probes.total},
        "response_microseconds": {"count": response.count, **microseconds} if response.count else None,
    }


def _objectives(windowed: Sequence[ObjectiveLevel], cumulative: Sequence[ObjectiveLevel]) -> list[dict[str, Any]]:
    whole = {(level.service, level.objective.name): level.cumulative for level in cumulative}
    return [
        {
            "service": level.service,
            "objective": level.objective.name,
            "target": float(level.objective.target),
            "window": level.objective.window.name,
            "unit": level.objective.unit,
            "good": level.window.good,
            "total": level.window.total,
            "state": Standing.of(level.objective, level.window).state,
            "good_in_log": whole[level.service, level.objective.name].good,
            "total_in_log": whole[level.service, level.objective.name].total,
        }
        for level in windowed
    ]


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "service": decision.service,
        "objective": decision.objective,
        "change": decision.change,
        "at": _seconds(decision.at_ms),
        "good": decision.ratio.good,
        "total": decision.ratio.total,
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1_000
