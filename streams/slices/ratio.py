"""Ratios: good out of total."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """Good out of total, two integers with 0 ≤ good ≤ total. A total of 0 means no data, not a ratio of 0 or 1."""

    good: int = 0
    total: int = 0

    def __add__(self, other: Ratio) -> Ratio:
        """Exact, associative and commutative."""
        return Ratio(self.good + other.good, self.total + other.total)

    @property
    def value(self) -> float | None:
        """Share of good for display; None without data. Decisions use the integers."""
        return self.good / self.total if self.total else None


class RatioUnit(enum.StrEnum):
    """Unit of good and total."""

    EVENTS = "events"
    MILLISECONDS = "milliseconds"
