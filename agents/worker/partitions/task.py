"""The task of one source partition: folds what is read, and writes what follows from it in transactions.

Folding goes on during a transaction; its results go into the next. When a transaction is made never changes the content
of its records.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agents.worker.transactions.outputs import outputs
from streams.engine.standards_log import StandardsNeeded
from streams.state.processor import RebuildLost
from streams.texts.states import States

if TYPE_CHECKING:
    from agents.control.topic import ControlTopic
    from agents.settings.settings import Settings
    from agents.worker.transactions.writer import OutputWriter
    from streams.decoding.batch import Batch, SourcePartition
    from streams.engine.engine import Engine
    from streams.state.processor import PartitionProcessor

#: Seconds that dead letters may wait for a transaction.
LINGER_SECONDS: Final = 1.0
#: Seconds that a due transaction waits to gather more.
_GATHER_SECONDS: Final = 0.05
#: Folding waits beyond this many bytes of dead letters, or closed slices, that no transaction has taken yet.
MOST_LETTER_BYTES: Final = 8 * 1024 * 1024
MOST_SLICES: Final = 2_000
#: A transaction that takes longer is shown as the reason for waiting.
_LONG_SECONDS: Final = 3.0


@dataclass(slots=True)
class TaskTotals:
    """Totals over all partition tasks of a process; ``seconds`` were spent in transactions, failed ones included."""

    fold_seconds: float = 0.0
    committed: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_seconds: float | None = None


class PartitionTask:
    """Owns one source partition until the task is dropped or ends by itself.

    Args:
        source: the partition.
        settings: name the topics that are written to.
        processor: with the engine, as recovered.
        writer: opened for this partition before its state was read.
        control: looks up standards that the log names.
        totals: are added to.
        on_end: called once, with the error that ended this task.
        clock: gives seconds that never go back.
    """

    def __init__(
        self,
        source: SourcePartition,
        settings: Settings,
        processor: PartitionProcessor,
        writer: OutputWriter,
        *,
        control: ControlTopic,
        totals: TaskTotals,
        on_end: Callable[[PartitionTask, Exception], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.processor = processor
        self.source = source
        self._settings = settings
        self._writer = writer
        self._control = control
        self._totals = totals
        self._on_end = on_end
        self._clock = clock
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()
        self._letters_since: float | None = None
        self._transaction_since: float | None = None
        self._closing = False
        self._looking_up = False
        self._full = False
        saved = processor.engine.saved
        self.saved_offset = None if saved is None else saved.offset + 1
        self.ended = False
        self._task = asyncio.create_task(self._run(), name=f"task of {'/'.join(map(str, source))}")

    @property
    def engine(self) -> Engine:
        """The engine of its processor."""
        return self.processor.engine

    @property
    def waits(self) -> str | None:
        """Why folding waits: a key of `States`; None if it does not."""
        if self._looking_up:
            return States.WAITS_FOR_STANDARDS.key
        if self._full:
            return States.WAITS_FOR_OUTPUT.key
        return States.WAITS_FOR_TRANSACTION.key if self.transaction_seconds > _LONG_SECONDS else None

    @property
    def transaction_seconds(self) -> float:
        """Seconds since the current transaction began; 0 if there is none."""
        return 0.0 if self._transaction_since is None else self._clock() - self._transaction_since

    # -- folding ------------------------------------------------------------------------------------------------------

    async def fold(self, batch: Batch) -> None:
        """Fold ``batch``, once there is room for its results; do nothing after the end."""
        await self._room()
        while not self.ended:
            began = time.perf_counter()
            try:
                self.processor.fold(batch)
            except StandardsNeeded as needed:
                await self._look_up(needed.hash)
            else:
                break
            finally:
                self._totals.fold_seconds += time.perf_counter() - began
        self._notice_letters()
        self._wake.set()

    async def skip_to(self, offset: int) -> None:
        """Continue at ``offset``, since the log has lost the records before it."""
        if self.ended:
            return
        try:
            self.processor.skip_to(offset)
        except RebuildLost as error:
            await self._end(ConnectionError(f"{error}"))
        self._wake.set()

    async def _room(self) -> None:
        self._full = not self._has_room()
        async with self._progress:
            await self._progress.wait_for(self._has_room)
        self._full = False

    def _has_room(self) -> bool:
        pending = self.processor
        return self.ended or (pending.letter_bytes < MOST_LETTER_BYTES and pending.slices < MOST_SLICES)

    async def _look_up(self, digest: str) -> None:
        self._looking_up = True
        try:
            await self._control.look_up(digest)
        finally:
            self._looking_up = False

    def _notice_letters(self) -> None:
        if self.processor.letter_bytes and self._letters_since is None:
            self._letters_since = self._clock()

    # -- transactions -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._closing:
                await self._until_due()
                if self._has_something():
                    await self._commit()
        except Exception as error:  # noqa: BLE001 - `on_end` decides what follows
            await self._end(error)

    async def _until_due(self) -> None:
        while not (self._closing or self._is_due()):
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience()):
                    await self._wake.wait()
        if not self._closing:
            await asyncio.sleep(_GATHER_SECONDS)

    def _is_due(self) -> bool:
        patience = self._patience()
        return self.processor.due or (patience is not None and patience <= 0)

    def _patience(self) -> float | None:
        """Seconds that dead letters may go on waiting; None if there are none."""
        if self._letters_since is None:
            return None
        if self.processor.letter_bytes >= MOST_LETTER_BYTES:
            return 0.0
        return self._letters_since + LINGER_SECONDS - self._clock()

    def _has_something(self) -> bool:
        return self.processor.due or self.processor.letter_bytes > 0

    async def _commit(self) -> None:
        self._transaction_since = began = self._clock()
        self._letters_since = None
        commit = self.processor.take()
        reached = self.engine.progress.next_offset
        await self._notify_progress()
        try:
            await self._writer.write(outputs(self._settings, self.source, commit))
        except BaseException:
            self._totals.failed += 1
            raise
        else:
            self._totals.committed += 1
            self.saved_offset = reached
        finally:
            self._transaction_since = None
            self._totals.last_seconds = self._clock() - began
            self._totals.seconds += self._totals.last_seconds
        self._notice_letters()
        await self._notify_progress()

    async def _notify_progress(self) -> None:
        async with self._progress:
            self._progress.notify_all()

    # -- the end ------------------------------------------------------------------------------------------------------

    async def finish(self, seconds: float) -> None:
        """Write what is left, for at most ``seconds``, and end."""
        self._closing = True
        self._wake.set()
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        if done and not self.ended and self._has_something() and not self.engine.restoring:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(seconds):
                    await self._commit()
        await self.drop()

    async def drop(self) -> None:
        """End at once, without writing what is left: the partition is no longer owned, or the process ends."""
        self.ended = True
        await self._notify_progress()
        if asyncio.current_task() is not self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._writer.close()

    async def _end(self, error: Exception) -> None:
        if not self.ended:
            self.ended = True
            self._on_end(self, error)
        await self._notify_progress()
