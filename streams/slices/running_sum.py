"""Running sums over rolling windows and calendar periods: always equal to the sum over the slices kept in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from streams.slices.history import History
from streams.slices.slice import Counts, Distributions

Content = TypeVar("Content", Counts, Distributions)
Content_contra = TypeVar("Content_contra", contravariant=True)


class Sums(Protocol[Content_contra]):
    """Totals that the contents of slices are added to and subtracted from."""

    @property
    def saturated(self) -> bool:
        """Whether a sum has overflowed, so that subtracting would be wrong."""

    def add(self, content: Content_contra, /) -> None:
        """Add a slice's content."""

    def subtract(self, content: Content_contra, /) -> None:
        """Subtract the content of a slice that was added."""


Totals = TypeVar("Totals", bound=Sums)  # type: ignore[type-arg]  # of whatever content the history has


class RunningSum(Generic[Content, Totals]):
    """Totals over the closed slices in [start_ms, end_ms), moved by adding and subtracting only the difference."""

    def __init__(self, history: History[Content], new: Callable[[], Totals]) -> None:
        """Start with an empty interval; ``new`` makes empty totals."""
        self._history: History[Content] = history
        self._new = new
        self.totals = new()
        self.start_ms = self.end_ms = 0

    def move(self, start_ms: int, end_ms: int) -> None:
        """Move the interval to [start_ms, end_ms)."""
        old_start, old_end = self.start_ms, self.end_ms
        self.start_ms, self.end_ms = start_ms, end_ms
        if start_ms >= old_end or end_ms <= old_start or not self._intact(old_start, old_end, start_ms, end_ms):
            self.totals = self._new()
            self._add(start_ms, end_ms)
            return
        self._subtract(old_start, start_ms)
        self._add(start_ms, old_start)
        self._add(old_end, end_ms)
        self._subtract(end_ms, old_end)

    def _intact(self, old_start: int, *others: int) -> bool:
        """Whether all that was added can still be subtracted slice by slice.

        It cannot after an overflow, where a slice kept now lies across an end of the old or new interval (roll-up
        joined slices, or another time zone moved boundaries), or where slices of the old interval are forgotten.
        """
        history = self._history
        return (
            not self.totals.saturated
            and old_start >= history.forgotten_ms
            and all(map(history.is_boundary, (old_start, *others)))
        )

    def _add(self, start_ms: int, end_ms: int) -> None:
        for kept in self._history.between(start_ms, end_ms):
            self.totals.add(kept.content)

    def _subtract(self, start_ms: int, end_ms: int) -> None:
        for kept in self._history.between(start_ms, end_ms):
            self.totals.subtract(kept.content)
