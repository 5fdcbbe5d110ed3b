"""Why an event is bad: every reason by name, and how a decoder's complaint becomes one."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from typing import Final


class Reason(enum.StrEnum):
    """Every reason for which a record becomes a dead letter; the value is the metric's `reason` label."""

    TOMBSTONE = "tombstone"
    TOO_LARGE = "too-large"
    INVALID_UTF8 = "invalid-utf8"
    NOT_JSON = "not-json"
    NOT_FINITE = "not-finite"
    NOT_AN_OBJECT = "not-an-object"
    MISSING_SERVICE = "missing-service"
    MISSING_TIME = "missing-time"
    MISSING_FIELD = "missing-field"
    UNKNOWN_KIND = "unknown-kind"
    INVALID_VALUE = "invalid-value"
    WRONG_TYPE = "wrong-type"
    EMPTY = "empty"
    TOO_LONG = "too-long"
    NEGATIVE = "negative"
    OUT_OF_RANGE = "out-of-range"
    INVALID_TIME = "invalid-time"
    TIME_WITHOUT_OFFSET = "time-without-offset"
    TIME_OUT_OF_RANGE = "time-out-of-range"
    UNMAPPED = "unmapped"
    FUTURE = "future"
    LATE = "late"


class BadEvent(Exception):  # noqa: N818 - named for what it says of the event, not of the program
    """A record that is no event. ``detail`` names the field, what was found and what to write instead."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Keep the enumerable ``reason`` and the ``detail`` for people."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


_EXCERPT: Final = 80


def excerpt(value: object) -> str:
    """``value`` as JSON-like text, short enough for one line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


#: Patterns of msgspec's messages, with the reason each stands for and what to write instead. First match wins.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], Reason, str], ...]] = tuple(
    (re.compile(pattern), reason, remedy)
    for pattern, reason, remedy in (
        (r"missing required field `service`", Reason.MISSING_SERVICE, "every event names its service"),
        (r"missing required field `time`", Reason.MISSING_TIME, "every event says when it was finished or observed"),
        (r"missing required field", Reason.MISSING_FIELD, "add the field"),
        (r"Invalid enum value .* `\$\.kind`", Reason.UNKNOWN_KIND, "see the wire format for the kinds there are"),
        (r"Invalid enum value", Reason.INVALID_VALUE, "see the wire format for the values there are"),
        (r"with a timezone component", Reason.TIME_WITHOUT_OFFSET, "write an offset, as in 2026-03-01T09:30:00+08:00"),
        (r"RFC3339", Reason.INVALID_TIME, "write seconds since 1970 or RFC 3339, as in 2026-03-01T09:30:00Z"),
        (r"of length >= 1", Reason.EMPTY, "write at least one character"),
        (r"of length <=", Reason.TOO_LONG, "write at most 200 characters"),
        (r"Expected `float.*` >= 0", Reason.NEGATIVE, "write a number that is not negative"),
        (r"Expected `float.*` <=", Reason.OUT_OF_RANGE, "write a smaller number; durations are seconds"),
        (r"out of range", Reason.OUT_OF_RANGE, "write a number that fits"),
        (r"Expected `", Reason.WRONG_TYPE, "see the wire format for the type"),
    )
)
_PATH: Final = re.compile(r"`\$\.?([^`]*)`")


def classify(message: str, document: Mapping[str, object]) -> BadEvent:
    """Turn the decoder's ``message`` about ``document`` into a reason and a line that helps."""
    path = _PATH.search(message)
    field = path.group(1) if path else ""
    where = f"{field}: " if field else ""
    found = f" (found {excerpt(document[field])})" if field in document else ""
    for pattern, reason, remedy in _PATTERNS:
        if pattern.search(message):
            return BadEvent(reason, f"{where}{message.partition(' - at ')[0]}{found}; {remedy}")
    return BadEvent(Reason.INVALID_VALUE, f"{where}{message}{found}")


def explain_malformed(raw: bytes, error: Exception) -> BadEvent:
    """Say why ``raw`` is not JSON: not UTF-8, a number that is not finite, or plainly malformed."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as bad:
        return BadEvent(Reason.INVALID_UTF8, f"byte {bad.start} is {raw[bad.start]:#04x}; events are UTF-8")
    if isinstance(error, RecursionError):
        return BadEvent(Reason.NOT_JSON, "nested too deeply; an event is a flat JSON object")
    if "out of range" in str(error):
        return BadEvent(Reason.OUT_OF_RANGE, "a number is too large; write one that fits")
    if _has_constant(text):
        return BadEvent(Reason.NOT_FINITE, "NaN and Infinity are no JSON numbers; leave the field out")
    return BadEvent(Reason.NOT_JSON, f"{error}; an event is one JSON object")


def _has_constant(text: str) -> bool:
    if "NaN" not in text and "Infinity" not in text:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
