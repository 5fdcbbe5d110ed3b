"""How far source partitions may run ahead of each other while they are rekeyed.

Merged records must stay roughly in order of time. If a backlog were rekeyed one partition after the other, the events
of the later partitions would reach the monitor long after its watermark had passed them, and all be late. Therefore a
lane waits while its next record is too much newer than the next record of another lane. Time here is the records' own
timestamps, but no later than now, so that a fast client clock blocks no lane for ever.

This holds among the partitions of one process; processes that share topics do not wait for each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: A lane that has read for this long without finding a record, as while its broker is absent, is not waited for.
PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Head:
    """Position of a lane: no further record is older than ``time_ms``; ``reading_since`` is None if it holds some."""

    time_ms: float | None
    reading_since: float | None


class LanePace:
    """Decides which records the lanes of one process may rekey.

    Times of records are milliseconds since 1970; ``now`` is seconds of a monotonic clock.

    Args:
        ahead_ms: how far a lane may run ahead of the slowest.
    """

    def __init__(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms
        self._heads: dict[object, _Head] = {}

    def reads(self, lane: object, now: float, after_ms: float | None = None) -> None:
        """Note that ``lane`` reads on after a record of ``after_ms``; None: its position is not known."""
        self._heads[lane] = _Head(after_ms, now)

    def holds(self, lane: object, time_ms: float) -> None:
        """Note that ``lane`` has read a record of ``time_ms`` that is not rekeyed yet."""
        self._heads[lane] = _Head(time_ms, None)

    def rests(self, lane: object) -> None:
        """Note that ``lane`` has nothing left to read, or has ended: no lane waits for it."""
        self._heads.pop(lane, None)

    def limit(self, now: float) -> float | None:
        """The latest time of records that may be rekeyed now; None: wait until all positions are known."""
        times = [head.time_ms for head in self._heads.values() if not _is_silent(head, now)]
        known = [time_ms for time_ms in times if time_ms is not None]
        return min(known, default=math.inf) + self._ahead_ms if len(known) == len(times) else None


def _is_silent(head: _Head, now: float) -> bool:
    return head.reading_since is not None and now - head.reading_since > PATIENCE_SECONDS
