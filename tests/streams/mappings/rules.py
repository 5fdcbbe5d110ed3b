"""Rules of mappings in short form, and a value that none of them can read."""

from __future__ import annotations

from typing import Final

from streams.events.rejections import Reason, Unreadable
from streams.mappings.condition_parser import parse_condition, parse_path
from streams.mappings.conditions import Scalar
from streams.mappings.mapping import Choice, Summed, Taken, TimeUnit

A: Final = parse_path("a")


def summed(path: str, unit: TimeUnit | None = None, otherwise: Scalar = None) -> Summed:
    return Summed(parse_path(path), unit, otherwise)


def taken(path: str, unit: TimeUnit | None = None, otherwise: Scalar = None) -> Taken:
    return Taken(parse_path(path), unit, otherwise)


NO_NUMBER = Unreadable(Reason.NOT_FINITE, "NaN is no JSON number")
FAILED_FROM_500 = Choice(((parse_condition("s >= 500"), "failed"),))
