"""The story of the floor: a lunchtime rush and an outage, early in every cycle.

So one minute shows both, and how the floor recovers. Times are seconds since the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Length of a cycle in seconds, after which the story repeats.
CYCLE: Final = 150.0


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode that comes and goes once per cycle. ``ramp`` is the time that it takes to rise, and to fall."""

    begin: float
    end: float
    ramp: float

    def strength(self, at: float) -> float:
        """Strength from 0 (none) to 1 (full)."""
        moment = at % CYCLE
        rising, falling = (moment - self.begin) / self.ramp, (self.end - moment) / self.ramp
        return max(0.0, min(1.0, rising, falling))


RUSH: Final = Episode(begin=6, end=26, ramp=4)
OUTAGE: Final = Episode(begin=11, end=23, ramp=0.5)
