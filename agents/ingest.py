"""The agent: each fetched batch is folded into its partition's engine, and what it rejects becomes dead letters."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agents.batches import Fetched
    from agents.partitions import Partition, Partitions, Source
    from streams.engine import DeadLetter

log = logging.getLogger(__name__)


class FoldError(Exception):
    """The program's own fault while folding a batch: nothing that an event contains may lead here."""

    def __init__(self, fetched: Fetched, error: Exception) -> None:
        """Say which records were being folded."""
        batch = fetched.batch
        super().__init__(
            f"internal error at {batch.source}/{batch.partition}, offsets {fetched.first} to {fetched.end - 1}:"
            f" {error!r}; nothing of them was acknowledged"
        )


class LetterBox(Protocol):
    """Takes dead letters; may wait where too many are unsent."""

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """Take ``letters`` over."""
        ...


class Ingest:
    """Folds batches, one at a time.

    Args:
        partitions: where the engines are.
        letters: where rejected events go.
        seek: reads a source on from an offset.
        fail: is told of an error after which nothing may go on; the process ends.
    """

    def __init__(
        self,
        partitions: Partitions,
        letters: LetterBox,
        *,
        seek: Callable[[Source, int], Awaitable[None]],
        fail: Callable[[Exception], None],
    ) -> None:
        self._partitions = partitions
        self._letters = letters
        self._seek = seek
        self._fail = fail
        self.fold_seconds = 0.0

    async def run(self, batches: AsyncIterator[Fetched]) -> None:
        """Fold everything that ``batches`` yields; between two, other tasks have their turn."""
        async for fetched in batches:
            await self.take(fetched)
            await asyncio.sleep(0)

    async def take(self, fetched: Fetched) -> None:
        """Fold what of ``fetched`` continues its log; drop the rest, and seek what is missing."""
        owned = self._partitions.get(fetched.batch.source, fetched.batch.partition)
        if owned is None:
            return
        admitted = owned.admit(fetched)
        if admitted is not None:
            await self._letters.add(await self._fold(owned, admitted))
        elif owned.wants_seek(fetched):
            log.info("%s/%s: offset %d was expected, %d came; seeking.", *owned.source, owned.expected, fetched.first)
            await self._seek(owned.source, owned.expected)

    async def _fold(self, owned: Partition, fetched: Fetched) -> Sequence[DeadLetter]:
        owned.create_time = fetched.create_time
        began = time.perf_counter()
        try:
            letters = owned.engine.fold(fetched.batch)
            owned.engine.advance()
        except Exception as error:
            log.critical("The batch could not be folded.", exc_info=True)
            self._partitions.keep_only(())
            self._fail(FoldError(fetched, error))
            await asyncio.Event().wait()  # never returns: Faust takes an event whose agent returns for processed
            raise
        finally:
            self.fold_seconds += time.perf_counter() - began
        self._partitions.folded(owned)
        return letters
