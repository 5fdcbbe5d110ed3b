"""What tells events apart that feed different series."""

from __future__ import annotations

from typing import NamedTuple


class EventKey(NamedTuple):
    """What is common to the observations of one route."""

    kind: str
    service: str
    step: str | None
    class_: str | None
    failure_point: str | None
    outcome: str
