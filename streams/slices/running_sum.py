"""Rolling windows and calendar periods: running sums over closed slices that equal the sum over the kept ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from streams.slices.history import History
from streams.slices.slice import Counts, Distributions

Content = TypeVar("Content", Counts, Distributions)
Content_contra = TypeVar("Content_contra", contravariant=True)


class Sums(Protocol[Content_contra]):
    """What slices can be added to and taken from."""

    @property
    def saturated(self) -> bool:
        """Whether a sum has overflowed, so that nothing can be taken out again."""

    def add(self, content: Content_contra, /) -> None:
        """Take in."""

    def subtract(self, content: Content_contra, /) -> None:
        """Take out."""


Totals = TypeVar("Totals", bound=Sums)  # type: ignore[type-arg]  # of whatever content the history has


class RunningSum(Generic[Content, Totals]):
    """Totals over the closed slices in [start_ms, end_ms), moved along by adding and taking out what differs."""

    def __init__(self, history: History[Content], new: Callable[[], Totals]) -> None:
        """Start with an empty interval; ``new`` makes empty totals."""
        self._history: History[Content] = history
        self._new = new
        self.totals = new()
        self.start_ms = self.end_ms = 0

    def move(self, start_ms: int, end_ms: int) -> None:
        """Cover [start_ms, end_ms) of the history."""
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
        """Whether what was added can still be taken out.

        Not if it overflowed, nor if roll-up has joined slices across an end of the old interval, or of the new one
        whose boundaries another time zone has moved, nor if some of the old interval's slices are forgotten.
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
