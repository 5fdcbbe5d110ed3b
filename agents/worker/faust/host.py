"""The Faust app as its consumer sees it; apart, so that app and consumer form no circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from agents.worker.partitions.assignment import Assignment


class ConsumerHost(Protocol):
    """The app as the consumer sees it.

    ``settled``: the consumer has sought the offsets of the last assignment, or that brought nothing new.
    """

    settings: Settings
    assignment: Assignment
    settled: bool

    def on_touch(self, moment: float, /) -> None:
        """Note a moment (`time.monotonic`) at which the group still counted this worker as a member."""
