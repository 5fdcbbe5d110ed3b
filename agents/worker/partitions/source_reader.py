"""The consumer of the source logs as the parts around partitions see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agents.kafka.bounds import LogBounds
    from streams.decoding.batch import SourcePartition


class SourceReader(Protocol):
    """Reads source partitions from given offsets, and knows the group and the bounds of logs."""

    async def begin(self, source: SourcePartition, offset: int) -> None:
        """Read ``source``, which has been recovered, from ``offset`` on."""

    async def seek_again(self, source: SourcePartition, offset: int) -> None:
        """Continue reading ``source`` at ``offset``; do nothing if a rebalance has revoked it."""

    def leave_alone(self, source: SourcePartition) -> None:
        """Read nothing of ``source`` until `begin` is called for it."""

    def membership(self) -> tuple[str, int]:
        """This member's id in its group, and the group's generation."""
        ...

    def topic_partitions(self, topic: str) -> int | None:
        """The number of partitions of ``topic``; None while it is not known."""
        ...

    async def bounds(self, sources: Sequence[SourcePartition]) -> dict[SourcePartition, LogBounds]:
        """Ask the broker where logs begin and end now.

        Raises:
            KafkaError, TimeoutError: it did not answer.
        """
        ...
