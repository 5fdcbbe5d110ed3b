"""Whether a worker makes progress: what the state on the status page and the end of a stuck process rest on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from streams.decoding.batch import SourcePartition


class Moving(NamedTuple):
    """How far a partition has come; ``waiting``: there is something to do for it; ``why`` it may not move."""

    source: SourcePartition
    position: int
    waiting: bool
    why: str | None = None


class Stuck(Exception):  # noqa: N818 - says how the worker is
    """There is something to do, the worker is in its group, and nothing has moved for twice the stall timeout."""

    def __init__(self, moving: Moving, seconds: float) -> None:
        """Say which partition, for how long, and why, where that is known."""
        source = moving.source
        why = f" ({moving.why})" if moving.why else ""
        super().__init__(
            f"{source.topic}/{source.partition} has had unread records, or an unfinished transaction, and no progress"
            f" for {seconds:.0f} s{why}; start the worker again"
        )


@dataclass(slots=True)
class Liveness:
    """Times are seconds of a clock that never goes back; the caller reads it."""

    stall_timeout: float
    session_timeout: float
    touched_at: float
    _moved: dict[SourcePartition, tuple[Moving, float]] = field(default_factory=dict)

    def touched(self, moment: float) -> None:
        """Note that at ``moment`` the group counted this worker as a member."""
        self.touched_at = max(moment, self.touched_at)

    def look(self, partitions: Iterable[Moving], now: float) -> None:
        """Note how far each partition has come; one that has nothing to do has nothing to move for."""
        before, self._moved = self._moved, {}
        for one in partitions:
            last = before.get(one.source)
            moved = last is None or last[0].position != one.position or not one.waiting
            self._moved[one.source] = (one, now if moved or last is None else last[1])

    def in_touch(self, now: float) -> bool:
        """Whether the group cannot have given this worker's partitions to others yet."""
        return now - self.touched_at < self.session_timeout

    def is_stalled(self, now: float) -> bool:
        """Whether a partition has not moved for the stall timeout."""
        return max((now - since for _, since in self._moved.values()), default=0.0) >= self.stall_timeout

    def check(self, now: float) -> None:
        """Refuse to go on where the fault must be here.

        Raises:
            Stuck: a partition has not moved for twice the stall timeout although the worker is a member.
        """
        if not self.in_touch(now):
            return
        for moving, since in self._moved.values():
            if now - since >= 2 * self.stall_timeout:
                raise Stuck(moving, now - since)
