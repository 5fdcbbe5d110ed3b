"""What happens on the floor: a lunchtime rush and an outage, early in every cycle.

A minute of watching therefore shows both, and how the floor recovers. Times are seconds since the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The story begins anew so often.
CYCLE: Final = 150.0


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that comes, holds on and goes, once a cycle. ``ramp`` is how long it takes to come, and to go."""

    begin: float
    end: float
    ramp: float

    def strength(self, at: float) -> float:
        """From 0, nothing of it, to 1, all of it."""
        moment = at % CYCLE
        rising, falling = (moment - self.begin) / self.ramp, (self.end - moment) / self.ramp
        return max(0.0, min(1.0, rising, falling))


RUSH: Final = Episode(begin=6, end=26, ramp=4)
OUTAGE: Final = Episode(begin=11, end=23, ramp=0.5)
