"""Recoveries in progress: one asyncio task for each assigned partition that has no `PartitionTask` yet."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from agents.exits import Fault

if TYPE_CHECKING:
    from agents.worker.partitions.recovery import Recovered
    from streams.decoding.batch import SourcePartition

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 0.5


@dataclass(slots=True)
class RecoveryCounts:
    """Recoveries of a process; duration and number of rows are those of the last one."""

    count: int = 0
    last_seconds: float | None = None
    last_rows: int | None = None


class Recoveries:
    """Recovers partitions side by side.

    Args:
        recover: recovers one; raises `KafkaError`, `TimeoutError` or `ConnectionError` if it has to be repeated.
        done: called with what was recovered.
        fail: called with an error after which the process must end.
        clock: gives seconds that never go back.
    """

    def __init__(
        self,
        recover: Callable[[SourcePartition], Awaitable[Recovered]],
        *,
        done: Callable[[SourcePartition, Recovered], Awaitable[None]],
        fail: Callable[[Exception], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recover = recover
        self._clock = clock
        self._done = done
        self._fail = fail
        self._tasks: dict[SourcePartition, asyncio.Task[None]] = {}
        self._troubles: dict[SourcePartition, str] = {}
        self.counts = RecoveryCounts()

    @property
    def in_progress(self) -> list[SourcePartition]:
        """The partitions that are being recovered, sorted."""
        return sorted(self._tasks)

    @property
    def trouble(self) -> str | None:
        """Why a recovery has not succeeded so far; None if none has failed."""
        return next(iter(self._troubles.values()), None)

    def want(self, sources: Iterable[SourcePartition]) -> None:
        """Start recoveries of those of ``sources`` that have none in progress."""
        for source in sources:
            if source not in self._tasks:
                task = asyncio.create_task(self._run(source), name=f"recovery of {source}")
                self._tasks[source] = task

    def keep_only(self, sources: Collection[tuple[str, int]]) -> None:
        """Cancel the recoveries of all other partitions."""
        for source in [source for source in self._tasks if source not in sources]:
            self._tasks.pop(source).cancel()
            self._troubles.pop(source, None)

    async def stop(self) -> None:
        """Cancel every recovery, and wait until all have ended."""
        tasks = list(self._tasks.values())
        self.keep_only(())
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, source: SourcePartition) -> None:
        began = self._clock()
        try:
            recovered = await self._retry(source)
            self.counts.count += 1
            self.counts.last_rows = recovered.rows
            self._tasks.pop(source, None)
            await self._done(source, recovered)
            self.counts.last_seconds = self._clock() - began
        except Exception as error:
            self._tasks.pop(source, None)
            if not isinstance(error, Fault):
                log.critical("%s/%s could not be taken over.", *source, exc_info=True)
            self._fail(error)

    async def _retry(self, source: SourcePartition) -> Recovered:
        while True:
            try:
                recovered = await self._recover(source)
            except (KafkaError, TimeoutError, ConnectionError) as error:
                self._note(source, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._troubles.pop(source, None)
                return recovered

    def _note(self, source: SourcePartition, error: Exception) -> None:
        if source not in self._troubles:
            log.warning("%s/%s cannot be taken over yet (%r); trying on.", *source, error)
        self._troubles[source] = f"{source.topic}/{source.partition}: {error!r}"
