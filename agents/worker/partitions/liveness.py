"""Whether a worker makes progress: the basis of the state on the status page, and of the end of a stuck process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from streams.decoding.batch import SourcePartition


class Moving(NamedTuple):
    """Progress of a partition; ``waiting``: it has something to do; ``why``: a known reason for not moving."""

    source: SourcePartition
    position: int
    waiting: bool
    why: str | None = None


class Stuck(Exception):  # noqa: N818 - says how the worker is
    """A partition of a group member has something to do and has not moved for twice the stall timeout."""

    def __init__(self, moving: Moving, seconds: float) -> None:
        """Name the partition, the ``seconds`` without progress, and the reason if it is known."""
        source = moving.source
        why = f" ({moving.why})" if moving.why else ""
        super().__init__(
            f"{source.topic}/{source.partition} has had unread records, or an unfinished transaction, and no progress"
            f" for {seconds:.0f} s{why}; start the worker again"
        )


@dataclass(slots=True)
class Liveness:
    """Watches partitions and group membership. Times are seconds of a monotonic clock, which the caller reads."""

    stall_timeout: float
    session_timeout: float
    touched_at: float
    _moved: dict[SourcePartition, tuple[Moving, float]] = field(default_factory=dict)

    def touched(self, moment: float) -> None:
        """Note that at ``moment`` the group counted this worker as a member."""
        self.touched_at = max(moment, self.touched_at)

    def look(self, partitions: Iterable[Moving], now: float) -> None:
        """Note the progress of each partition; one without anything to do counts as moving."""
        before, self._moved = self._moved, {}
        for one in partitions:
            last = before.get(one.source)
            moved = last is None or last[0].position != one.position or not one.waiting
            self._moved[one.source] = (one, now if moved or last is None else last[1])

    def in_touch(self, now: float) -> bool:
        """Whether the group counted this worker as a member less than a session timeout ago.

        Until then it cannot have given its partitions to others.
        """
        return now - self.touched_at < self.session_timeout

    def is_stalled(self, now: float) -> bool:
        """Whether a partition has not moved for the stall timeout."""
        return max((now - since for _, since in self._moved.values()), default=0.0) >= self.stall_timeout

    def check(self, now: float) -> None:
        """End a worker that is stuck although it is a member of its group.

        Raises:
            Stuck: a partition has not moved for twice the stall timeout.
        """
        if not self.in_touch(now):
            return
        for moving, since in self._moved.values():
            if now - since >= 2 * self.stall_timeout:
                raise Stuck(moving, now - since)
