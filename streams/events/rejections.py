"""Why a record is rejected: every reason by name, and how msgspec's messages are translated into one."""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring
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
    """Raised for a record that is no event, as ``BadEvent(reason, detail)``."""

    @property
    def reason(self) -> Reason:
        """Why it is no event."""
        reason: Reason = self.args[0]
        return reason

    @property
    def detail(self) -> str:
        """The field, what was found and what to write instead, in one line."""
        detail: str = self.args[1]
        return detail

    def __str__(self) -> str:
        """One line."""
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value of an optional field that cannot be read and is left out: the reason, and one line of text."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        """The line of text, which replaces the value in messages."""
        return self.detail


#: Longest excerpt of a value, and longest part of a decoder's message, in characters.
_EXCERPT: Final = 80
_LONGEST_MESSAGE: Final = 160
#: Longest text of digits that is read as an integer; longer ones may not fit a float.
_MOST_DIGITS: Final = 300
_TOO_LARGE: Final = Unreadable(Reason.OUT_OF_RANGE, "a number is too large; write one that fits")
_encode: Final = json.JSONEncoder(ensure_ascii=False, default=str).encode


def excerpt(value: object) -> str:
    """``value`` as JSON-like text, short enough for one line."""
    text = encode_basestring(value) if isinstance(value, str) else _encode(value)
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


#: How msgspec's messages begin, behind the field that they are about, with the reason that each stands for and what to
#: write instead. The first match wins. Only beginnings count, because the rest may repeat values of the event.
_MESSAGES: Final[tuple[tuple[str, Reason, str], ...]] = (
    (r"Object missing required field `service`", Reason.MISSING_SERVICE, "every event names its service"),
    (r"Object missing required field `time`", Reason.MISSING_TIME, "say when it was finished or observed"),
    (r"Object missing required field", Reason.MISSING_FIELD, "add the field"),
    (r"kind: Invalid enum value", Reason.UNKNOWN_KIND, "see the wire format for the kinds there are"),
    (r"\w+: Invalid enum value", Reason.INVALID_VALUE, "see the wire format for the values there are"),
    (
        r"\w+: Expected `datetime` with",
        Reason.TIME_WITHOUT_OFFSET,
        "write an offset, as in 2026-03-01T09:30:00+08:00",
    ),
    (
        r"\w+: Invalid RFC3339",
        Reason.INVALID_TIME,
        "write seconds since 1970 or RFC 3339, as in 2026-03-01T09:30:00Z",
    ),
    (r"\w+: Expected `str.*` of length >=", Reason.EMPTY, "write at least one character"),
    (r"\w+: Expected `str.*` of length <=", Reason.TOO_LONG, "write at most 200 characters"),
    (r"\w+: Expected `float.*` >=", Reason.NEGATIVE, "write a number that is not negative"),
    (r"\w+: Expected `float.*` <=", Reason.OUT_OF_RANGE, "write a smaller number; durations are seconds"),
    (r"\w+: Number out of range", Reason.OUT_OF_RANGE, "write a number that fits"),
    (r"\w+: Expected `", Reason.WRONG_TYPE, "see the wire format for the type"),
)
_ANY_MESSAGE: Final = re.compile("|".join(f"({pattern})" for pattern, _, _ in _MESSAGES))


def classify(message: str, document: Mapping[str, object]) -> BadEvent:
    """Translate the decoder's ``message`` about ``document`` into a reason and a line that says what to write."""
    ((reason, detail),) = classify_all(message, [document])
    return BadEvent(reason, detail)


def classify_all(message: str, documents: Iterable[Mapping[str, object]]) -> list[tuple[Reason, str]]:
    """Reason and detail, as of `classify`, for each of ``documents`` that the decoder refused with ``message``."""
    # Short messages repeat from record to record; long ones quote the value, so that a cache would never hit.
    read = _read_cached if len(message) <= _LONGEST_MESSAGE else _read
    reason, field, line, remedy = read(message)
    return [
        (reason, f"{line} (found {excerpt(one[field])}){remedy}" if field in one else line + remedy)
        for one in documents
    ]


def _read(message: str) -> tuple[Reason, str, str, str]:
    """Reason, field, text and remedy of ``message``."""
    field = refused_field(message)
    said = message.rpartition(" - at `$.")[0] if field else message
    text = f"{field}: {said}" if field else said
    line = text[:_LONGEST_MESSAGE]  # some messages repeat what was found, however long
    match = _ANY_MESSAGE.match(text)
    if match is None or match.lastindex is None:
        return Reason.INVALID_VALUE, field, line, ""
    _, reason, remedy = _MESSAGES[match.lastindex - 1]
    return reason, field, line, f"; {remedy}"


_read_cached: Final = lru_cache(maxsize=256)(_read)


def refused_field(message: str) -> str:
    """The field that the decoder's ``message`` is about; "" where it is about the event as a whole."""
    return message.rpartition(" - at `$.")[2].rstrip("`") if " - at `$." in message else ""


def explain_malformed(raw: bytes, error: Exception) -> BadEvent:
    """Why ``raw`` is not JSON: not UTF-8, a number that is not finite or too large, or malformed."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as bad:
        return BadEvent(Reason.INVALID_UTF8, f"byte {bad.start} is {raw[bad.start]:#04x}; events are UTF-8")
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
    except ValueError:
        return False
    return True


def json_with_constants(raw: bytes, error: Exception) -> dict[str, object] | None:
    """The JSON object in ``raw``, which a decoder refused with ``error``, if only its numbers are wrong.

    NaN, infinities and numbers beyond the range of floats are `Unreadable` in it. None where anything else is wrong.
    """
    if b"NaN" not in raw and b"Infinity" not in raw and "out of range" not in str(error):
        return None
    try:
        document = _decode_generously(raw.decode())
        _encode(document).encode()  # a lone surrogate, which no UTF-8 has
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _number(text: str) -> float | Unreadable:
    return number if math.isfinite(number := float(text)) else _TOO_LARGE


def _whole_number(text: str) -> int | Unreadable:
    return int(text) if len(text) <= _MOST_DIGITS else _TOO_LARGE


def _constant(name: str) -> Unreadable:
    return Unreadable(Reason.NOT_FINITE, f"{name} is no JSON number; leave the field out")


_decode_generously: Final[Callable[[str], object]] = json.JSONDecoder(
    parse_float=_number, parse_int=_whole_number, parse_constant=_constant
).decode
