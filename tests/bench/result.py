"""What a benchmark has found: ours, the baseline of the same run, and their ratio."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Target:
    """What a ratio is to be: at least, or at most, so much."""

    least: float | None = None
    most: float | None = None

    def is_met(self, ratio: float) -> bool:
        """Whether ``ratio`` is as it is to be."""
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)

    def __str__(self) -> str:
        """The target as words."""
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"


@dataclass(frozen=True)
class Measured:
    """Several measurements of the same, and their unit."""

    values: Sequence[float]
    unit: str

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Largest less smallest, as a share of the median."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0


@dataclass(frozen=True)
class Result:
    """One figure. ``peer``: None where there is no baseline, and the ratio is ours itself."""

    figure: str
    ours: Measured
    peer: Measured | None
    target: Target
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Ours by the baseline's; for durations, too."""
        return self.ours.median / self.peer.median if self.peer else self.ours.median

    @property
    def met(self) -> bool:
        """Whether the target is."""
        return self.target.is_met(self.ratio)

    def line(self) -> str:
        """The result as one line of JSON."""
        peer = None if self.peer is None else _rounded(self.peer.median)
        document = {
            "figure": self.figure,
            "ours": _rounded(self.ours.median),
            "peer": peer,
            "ratio": _rounded(self.ratio),
        }
        spread = {"ours": round(self.ours.spread, 3)} | ({"peer": round(self.peer.spread, 3)} if self.peer else {})
        further = {"unit": self.ours.unit, "target": str(self.target), "met": self.met, "spread": spread}
        return json.dumps(document | further | self.more)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
