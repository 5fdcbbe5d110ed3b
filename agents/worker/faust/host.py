"""What the consumer needs of the Faust app that it reads for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from agents.worker.partitions.owned import OwnedPartitions
    from streams.decoding.batch import SourcePartition


class ConsumerHost(Protocol):
    """The app as the consumer sees it. ``settled``: the last assignment has been sought to its places."""

    settings: Settings
    partitions: OwnedPartitions
    settled: bool

    def on_touch(self, moment: float, /) -> None:
        """Note a moment (`time.monotonic`) at which the group still counted this worker as a member."""

    def on_unknown(self, sources: Sequence[SourcePartition], /) -> None:
        """Recover partitions that have no task."""
