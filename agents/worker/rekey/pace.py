"""How far source partitions may run ahead of each other while they are rekeyed.

What is merged must stay about in order of time. Were a backlog rekeyed one partition after the other, the events of
the later ones would come to the monitor long after its watermark had passed them, and all be late. So a lane waits
while its next record is more than a little younger than the next record of any other lane. Time here is the records'
own timestamps, but no later than now, so that a client's fast clock holds nobody up for ever.

This holds among the partitions of one process; processes that share topics do not wait for each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: A lane that reads for so long without finding anything, as while its broker is away, is not waited for.
PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Head:
    """Where a lane stands: no record to come is older than ``time_ms``; since when it has been reading, if it is."""

    time_ms: float | None
    reading_since: float | None


class LanePace:
    """The lanes of one process.

    Times of records are milliseconds since 1970; ``now`` is seconds of a steady clock.

    Args:
        ahead_ms: how far a lane may run ahead.
    """

    def __init__(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms
        self._heads: dict[object, _Head] = {}

    def reads(self, lane: object, now: float, after_ms: float | None = None) -> None:
        """``lane`` reads on, behind records of ``after_ms``; None: where it stands is not known."""
        self._heads[lane] = _Head(after_ms, now)

    def holds(self, lane: object, time_ms: float) -> None:
        """``lane`` has read a record of this time, which is not rekeyed yet."""
        self._heads[lane] = _Head(time_ms, None)

    def rests(self, lane: object) -> None:
        """``lane`` has nothing more to read, or is no more: nobody waits for it."""
        self._heads.pop(lane, None)

    def limit(self, now: float) -> float | None:
        """Up to which time records may be rekeyed now; None: wait until more is known."""
        times = [head.time_ms for head in self._heads.values() if not _is_lost(head, now)]
        known = [time_ms for time_ms in times if time_ms is not None]
        return min(known, default=math.inf) + self._ahead_ms if len(known) == len(times) else None


def _is_lost(head: _Head, now: float) -> bool:
    return head.reading_since is not None and now - head.reading_since > PATIENCE_SECONDS
