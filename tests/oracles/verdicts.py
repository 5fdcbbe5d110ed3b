"""How a measure counts one interaction, by the words of the indicators."""

from __future__ import annotations

from streams.standards.model import FailureFree, RequestAvailability, ResponseTimeWithin, Verdict
from tests.oracles.wire_format import Document, failure_point, microseconds


def judge(measure: object, event: Document) -> Verdict | None:
    """How ``measure`` counts one interaction; None and excluded: not at all."""
    outcome = event.get("outcome", "ok")
    assert isinstance(measure, ResponseTimeWithin | RequestAvailability | FailureFree)
    if measure.step is not None and measure.step != (event.get("step") or ""):
        return None
    if measure.class_ is not None and measure.class_ != event.get("class"):
        return None
    if isinstance(measure, RequestAvailability):
        return {"ok": Verdict.GOOD, "failed": Verdict.BAD, "abandoned": None}[outcome]
    if isinstance(measure, FailureFree):
        point = failure_point(event)
        hit = point is not None and (not measure.failure_points or point in measure.failure_points)
        return Verdict.BAD if hit else Verdict.GOOD
    return _judge_response(measure, outcome, event.get("duration"))


def _judge_response(measure: ResponseTimeWithin, outcome: str, duration: float | None) -> Verdict:
    waited = None if duration is None else microseconds(duration)
    in_time = waited is not None and waited <= measure.within_us
    if outcome == "ok":
        if waited is None:
            return Verdict.EXCLUDED
        return Verdict.GOOD if in_time else Verdict.BAD
    if outcome == "failed":
        return measure.failed
    if waited is not None and waited < measure.abandoned.short_us:
        return Verdict.EXCLUDED
    return measure.abandoned.in_time if in_time else measure.abandoned.otherwise
