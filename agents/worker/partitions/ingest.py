"""The agent: hands each fetched batch to its partition's task, in log order and each record once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from agents.exits import Fault

if TYPE_CHECKING:
    from agents.kafka.batches import Fetched
    from agents.worker.partitions.owned import OwnedPartition, OwnedPartitions
    from agents.worker.partitions.recovery import AskBounds
    from streams.decoding.batch import SourcePartition

log = logging.getLogger(__name__)


class FoldError(Exception):
    """A bug met while folding a batch: no content of an event may lead here."""

    def __init__(self, fetched: Fetched, error: Exception) -> None:
        """Name the records that were being folded."""
        batch = fetched.batch
        super().__init__(
            f"internal error at {batch.source}/{batch.partition}, offsets {fetched.first} to {fetched.end - 1}:"
            f" {error!r}; nothing of them was acknowledged"
        )


class Ingest:
    """Folds batches, one at a time.

    Args:
        partitions: the owned ones.
        seek: continues reading a source at an offset.
        ask_bounds: asks where logs begin and end.
        fail: called with an error after which nothing may go on; the process ends.
    """

    def __init__(
        self,
        partitions: OwnedPartitions,
        *,
        seek: Callable[[SourcePartition, int], Awaitable[None]],
        ask_bounds: AskBounds,
        fail: Callable[[Exception], None],
    ) -> None:
        self._partitions = partitions
        self._seek = seek
        self._ask_bounds = ask_bounds
        self._fail = fail

    async def run(self, batches: AsyncIterable[Fetched]) -> None:
        """Fold everything that ``batches`` yields, and let other asyncio tasks run after each batch."""
        async for fetched in batches:
            await self.take(fetched)
            await asyncio.sleep(0)

    async def take(self, fetched: Fetched) -> None:
        """Fold the part of ``fetched`` that continues its log, drop the rest, and seek what is missing."""
        owned = self._partitions.get(fetched.batch.source, fetched.batch.partition)
        if owned is None:
            return
        if owned.misses(fetched):
            await self._pass_lost(owned, fetched)
            if self._partitions.get(*owned.source) is not owned:
                return  # it was lost, and perhaps recovered, in the meantime
        if owned.misses(fetched):
            log.info("%s/%s: offset %d was expected, %d came; seeking.", *owned.source, owned.expected, fetched.first)
            await self._seek(owned.source, owned.expected)
        elif admitted := owned.admit(fetched):
            await self._fold(owned, admitted)

    async def _pass_lost(self, owned: OwnedPartition, fetched: Fetched) -> None:
        """If the log itself has lost records before ``fetched``, audit the gap and continue after it."""
        try:
            bounds = (await self._ask_bounds([owned.source]))[owned.source]
        except (KafkaError, TimeoutError):
            return
        if bounds.beginning > owned.expected:
            owned.missing = True
            await owned.task.skip_to(min(bounds.beginning, fetched.reads_from))

    async def _fold(self, owned: OwnedPartition, fetched: Fetched) -> None:
        owned.create_time = fetched.create_time
        try:
            await owned.task.fold(fetched.batch)
        except Exception as error:
            self._partitions.keep_only(())
            self._fail(_as_fatal(fetched, error))
            await asyncio.Event().wait()  # never return: Faust would take the event for processed
            raise
        self._partitions.folded(owned)


def _as_fatal(fetched: Fetched, error: Exception) -> Exception:
    """The error to end the process with: a fault as it is, anything else as a `FoldError`."""
    if isinstance(error, Fault):
        return error
    log.critical("The batch could not be folded.", exc_info=error)
    return FoldError(fetched, error)
