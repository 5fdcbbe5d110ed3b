"""Progress of event time in one source partition: a function of its log alone.

The watermark is the largest, over the records so far, of min(event time, record timestamp), minus the allowed
lateness. A client clock that runs fast therefore cannot close slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from streams.tables import IntArray

#: Stands for "this record has no timestamp" (plain files; topics with none).
NO_TIMESTAMP: Final = -1


@dataclass(frozen=True, slots=True)
class TimePolicy:
    """How long to wait for stragglers, and how far ahead of its record an event may claim to be; milliseconds."""

    lateness_ms: int = 60_000
    max_ahead_ms: int = 300_000


class Watermark:
    """The watermark of one source partition. It only ever moves forward."""

    def __init__(self, policy: TimePolicy) -> None:
        """Start before the first record."""
        self.policy = policy
        self.frontier_ms: int | None = None  # largest min(event time, record timestamp) so far

    @property
    def value_ms(self) -> int | None:
        """Event time up to which slices are final; None before the first event."""
        return None if self.frontier_ms is None else self.frontier_ms - self.policy.lateness_ms

    def is_future(self, times: IntArray, stamps: IntArray) -> npt.NDArray[np.bool_]:
        """Which events claim a time too far beyond their record's timestamp."""
        # Times are bounded, stamps are not where producers set them: adding to those could overflow.
        future: npt.NDArray[np.bool_] = (stamps != NO_TIMESTAMP) & (times - self.policy.max_ahead_ms > stamps)
        return future

    def advance(self, times: IntArray, stamps: IntArray) -> IntArray:
        """Take in events in log order; the watermark in milliseconds as each of them left it."""
        believed = np.where(stamps == NO_TIMESTAMP, times, np.minimum(times, stamps))
        if self.frontier_ms is not None and len(believed):
            believed[0] = max(int(believed[0]), self.frontier_ms)
        frontier: IntArray = np.maximum.accumulate(believed)
        if len(frontier):
            self.frontier_ms = int(frontier[-1])
        return frontier - self.policy.lateness_ms
