"""Whether a worker makes progress: what the state on the status page and the end of a stuck process rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.status import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.partitions import Partition, Source


class Stuck(Exception):  # noqa: N818 - says how the worker is
    """Records are left to read, the worker is in its group, and nothing has moved for twice the stall timeout."""

    def __init__(self, source: Source, seconds: float) -> None:
        """Say which partition, and for how long."""
        super().__init__(
            f"{source.topic}/{source.partition} has had unread records and no progress for {seconds:.0f} s; start the"
            " worker again"
        )


@dataclass(slots=True)
class Watch:
    """Times are seconds of a clock that never goes back; the caller reads it."""

    stall_timeout: float
    session_timeout: float
    touched_at: float
    _moved: dict[Source, tuple[int, float]] = field(default_factory=dict)

    def touched(self, moment: float) -> None:
        """Note that at ``moment`` the group counted this worker as a member."""
        self.touched_at = moment

    def look(self, owned: Iterable[Partition], now: float) -> None:
        """Note how far each partition has been read; one that is read to the end has nothing to move for."""
        before, self._moved = self._moved, {}
        for one in owned:
            last = before.get(one.source)
            moved = last is None or last[0] != one.read_to or not one.lag
            self._moved[one.source] = (one.read_to, now if moved or last is None else last[1])

    def in_touch(self, now: float) -> bool:
        """Whether the group cannot have given this worker's partitions to others yet."""
        return now - self.touched_at < self.session_timeout

    def state(self, now: float, *, settled: bool) -> State:
        """What the worker does; ``settled``: its partitions have been assigned and sought."""
        if not settled:
            return State.STARTING
        still = max((now - since for _, since in self._moved.values()), default=0.0)
        return State.STALLED if still >= self.stall_timeout or not self.in_touch(now) else State.RUNNING

    def check(self, now: float) -> None:
        """Refuse to go on where the fault must be here.

        Raises:
            Stuck: a partition has not moved for twice the stall timeout although the worker is a member.
        """
        if not self.in_touch(now):
            return
        for source, (_, since) in self._moved.items():
            if now - since >= 2 * self.stall_timeout:
                raise Stuck(source, now - since)
