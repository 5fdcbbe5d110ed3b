"""What every peer counts of an event, and how it says what it has found."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, Final

#: Bounds of the histogram, seconds: as many as the monitor exposes.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
WINDOW_SECONDS: Final = 10


def bucket(duration: float) -> int:
    """Place of a duration (seconds) in the histogram."""
    return bisect_left(BOUNDS, duration)


@dataclass
class Stopwatch:
    """Counts events and their durations, and notes when the first and the last came."""

    wanted: int
    events: int = 0
    microseconds: int = 0
    began: float = field(default=0.0)

    def begin(self) -> None:
        """The first event has come."""
        self.began = self.began or time.perf_counter()

    def report(self) -> None:
        """Say what was found."""
        seconds = time.perf_counter() - self.began
        print(json.dumps({"events": self.events, "microseconds": self.microseconds, "seconds": seconds}), flush=True)


def microseconds(event: dict[str, Any]) -> int:
    """Duration of an event."""
    duration: float = event["duration"]
    return round(duration * 1_000_000)
