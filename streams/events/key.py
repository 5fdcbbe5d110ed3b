"""The key of an event: the fields that decide which series it feeds."""

from __future__ import annotations

from typing import NamedTuple


class EventKey(NamedTuple):
    """Fields that all observations of one route have in common."""

    kind: str
    service: str
    step: str | None
    class_: str | None
    failure_point: str | None
    outcome: str
