"""The fields of an event by the words of the wire format, one record at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

#: Stands for the source of a CloudEvent.
SOURCE = "of a CloudEvent"
#: Optional fields and what they take: texts, or numbers up to the largest.
TEXTS = {"step", "class", "customer", "id", "failure_point", "case"}
LARGEST = {"duration": 34_560_000, "holds": 86_400}
Document = Mapping[str, Any]


def milliseconds(time: object) -> int:
    """Seconds as a number, or RFC 3339, in whole milliseconds, half to even."""
    if isinstance(time, str):
        instant = datetime.fromisoformat(time)
        since = instant - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
        return round(Fraction(since // timedelta(microseconds=1), 1_000))
    return round(Fraction(Decimal(str(time))) * 1_000)


def microseconds(seconds: float) -> int:
    """Seconds as written, in whole microseconds, half to even."""
    return round(Fraction(Decimal(str(seconds))) * 1_000_000)


def unwrapped(document: dict[str, Any]) -> Document:
    """The wire format in a CloudEvent; other documents as they are."""
    if "specversion" not in document:
        return document
    kind = document.get("type", "").split(".")[-1] or "interaction"
    outer = {name: document[name] for name in ("time", "id") if name in document}
    source = document.get("source")
    return {**document.get("data", {}), "kind": kind, **outer, SOURCE: source if isinstance(source, str) else ""}


def is_unreadable(name: str, value: object) -> bool:
    """Whether the optional field ``name`` does not take ``value``."""
    if value is None:
        return False
    if name in TEXTS:
        return not isinstance(value, str) or len(value) > 200
    if name in LARGEST:
        return not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LARGEST[name]
    return False


def failure_point(event: Document) -> str | None:
    return event.get("failure_point") or ("unspecified" if event.get("outcome") == "failed" else None)
