"""Composition root of the worker: settings and standards in, a running monitor out.

`build` makes it, `MonitorApp.run` runs it until it is stopped; `start` and `stop` serve a process that runs other tasks
beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agents.control.topic import ControlTopic
from agents.kafka.appender import Appender
from agents.status.worker import RecoveryStatus, State, TransactionStatus, WorkerStatus
from agents.web.routes import address, mount
from agents.worker.faults import fault_of
from agents.worker.faust.app import Worker
from agents.worker.partitions.assignment import Assignment
from agents.worker.partitions.control_records import Upkeep
from agents.worker.partitions.ingest import Ingest
from agents.worker.partitions.liveness import Liveness
from agents.worker.partitions.log_ends import LogEnds
from agents.worker.partitions.recovery import Recovery
from agents.worker.transactions.writer import PlainWriter, TransactionalWriter
from streams.engine.watermark import TimePolicy
from streams.texts.warnings import Warnings

if TYPE_CHECKING:
    from agents.files.standards_file import StandardsFile
    from agents.settings.settings import Settings
    from agents.worker.partitions.source_reader import SourceReader
    from agents.worker.rekey.rekeyer import Rekeyer
    from streams.engine.engine import Engine
    from streams.standards.model import Standards

log = logging.getLogger(__name__)

_OBSERVE_SECONDS: Final = 1.0
#: Pause before a task that has not ended is cancelled again.
_CANCEL_AGAIN_SECONDS: Final = 0.5
#: Longest time for each part to end; the process does not wait for an absent broker.
_STOP_SECONDS: Final = 4.0
#: Longest time for a partition's last transaction.
_FINISH_SECONDS: Final = 3.0


def build(settings: Settings, file: StandardsFile, *, ephemeral: bool = False) -> MonitorApp:
    """Make a worker, not yet started. Call it in the event loop that will run it.

    Args:
        settings: as resolved.
        file: the standards file; partitions without saved state begin with its standards, to others they are
            proposed.
        ephemeral: the broker runs inside this process and keeps nothing.
    """
    return MonitorApp(settings, file, ephemeral=ephemeral)


def _new_rekeyer(settings: Settings, standards: Standards) -> Rekeyer:
    # Few workers rekey; the others start faster without these modules.
    from agents.worker.rekey.rekeyer import Rekeyer  # noqa: PLC0415

    return Rekeyer(settings, standards)


class MonitorApp:
    """One worker; it implements `agents.status.worker.MonitorView`."""

    def __init__(self, settings: Settings, file: StandardsFile, *, ephemeral: bool = False) -> None:
        self.settings = settings
        self.file = file
        self.refused_standards: str | None = None
        self._ephemeral = ephemeral
        self._started_at = time.time()
        self._was_settled = False
        self._failure: asyncio.Future[None] | None = None
        self._start_task: asyncio.Task[None]
        self._observe_task: asyncio.Task[None]
        self._upkeep_task: asyncio.Task[None]
        self._liveness = Liveness(settings.stall_timeout, settings.session_timeout, time.monotonic())
        self._append = Appender(settings)
        self._rekeyer = _new_rekeyer(settings, file.standards) if settings.rekey else None
        self.control = ControlTopic(settings, None if ephemeral else self._append)
        self._worker = Worker(
            settings,
            mount=partial(mount, observed=self, bounds_us=settings.bounds_us),
            on_touch=self._liveness.touched,
        )
        reader = self._worker.reader
        self.assignment = Assignment(
            settings,
            control=self.control,
            recovery=self._new_recovery(reader),
            liveness=self._liveness,
            reader=reader,
            fail=self._fail,
        )
        partitions = self.assignment.partitions
        self._worker.follow(self.assignment)
        self._worker.feed(Ingest(partitions, seek=reader.seek_again, ask_bounds=reader.bounds, fail=self._fail).run)
        self._log_ends = LogEnds(settings, partitions, self.control, reader)
        self._upkeep = Upkeep(self._append, self.control, lambda: self.file, settings.tick_interval)

    def _new_recovery(self, reader: SourceReader) -> Recovery:
        settings = self.settings
        return Recovery(
            settings,
            self.control,
            lambda: self.standards,
            TimePolicy(settings.lateness_ms, settings.max_ahead_ms),
            partial(PlainWriter.open if self._ephemeral else TransactionalWriter.open, settings),
            reader.bounds,
            keeps_state=not self._ephemeral,
        )

    # -- view ---------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Address of the status page."""
        return address(self.settings)

    @property
    def standards(self) -> Standards:
        """The standards of this worker's own file."""
        return self.file.standards

    def engines(self) -> Sequence[Engine]:
        """Engines with complete figures, of partitions that no other worker can own yet."""
        return [owned.engine for owned in self.assignment.certain() if not owned.engine.restoring]

    def status(self) -> WorkerStatus:
        """The state of this worker now."""
        totals, recoveries = self.assignment.totals, self.assignment.recoveries.counts
        return WorkerStatus(
            state=self._state(),
            started_at=self._started_at,
            broker=self.settings.broker,
            partitions=tuple(self.assignment.status() if self._in_touch else ()),
            warnings=tuple(self._warnings()),
            fold_seconds=totals.fold_seconds,
            ephemeral=self._ephemeral,
            transactions=TransactionStatus(totals.committed, totals.failed, totals.seconds, totals.last_seconds),
            recoveries=RecoveryStatus(recoveries.count, recoveries.last_seconds, recoveries.last_rows),
            ticks=self._upkeep.ticks,
            waits=self.assignment.waits(),
            refused_standards=self.refused_standards,
            rekeying=self._rekeyer.status() if self._rekeyer else None,
        )

    @property
    def _in_touch(self) -> bool:
        return self._liveness.in_touch(time.monotonic())

    def _state(self) -> State:
        if self.assignment.evicted or (self._was_settled and not self._in_touch):
            return State.EVICTED
        if self._liveness.is_stalled(time.monotonic()):
            return State.STALLED
        if not (self._worker.settled and self._in_touch):
            return State.STARTING
        return State.RECOVERING if self.assignment.recovering else State.RUNNING

    def _warnings(self) -> Iterator[str]:
        owned = self.assignment.partitions.owned()
        found = {
            Warnings.BROKER_SILENT: not self._log_ends.answered,
            Warnings.EMBEDDED_BROKER: self._ephemeral,
            Warnings.NO_STANDARDS: not self.standards.services,
            Warnings.STANDARDS_REJECTED: self.refused_standards is not None,
            Warnings.STANDARDS_DIFFER: any(one.engine.standards.digest != self.standards.digest for one in owned),
            Warnings.CREATE_TIME_TOPIC: not self._ephemeral and any(one.create_time for one in owned),
            Warnings.TIMESTAMPS_MISSING: any(one.engine.progress.unguarded for one in owned),
            Warnings.GAP_IN_LOG: any(one.missing for one in owned),
            Warnings.STATE_DAMAGED: self.assignment.damaged,
            Warnings.TICKS_REFUSED: self._upkeep.refused,
            Warnings.VALUES_UNREADABLE: any(one.engine.progress.hardly_readable for one in owned),
            Warnings.LABELS_FOLDED: any(one.engine.progress.overflowed for one in owned),
        }
        return (warning.key for warning, holds in found.items() if holds)

    # -- start and stop -----------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Start, work until ``stop`` is set (None: until cancelled), and stop.

        Raises:
            Fault: the worker cannot go on; the exit code says why.
        """
        await self.start()
        try:
            await self.wait(stop)
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start, and return at once; `status` shows when partitions have been assigned."""
        self._failure = asyncio.get_running_loop().create_future()
        self._liveness.touched(time.monotonic())
        self._start_task = asyncio.create_task(self._start(), name="start")
        self._observe_task = asyncio.create_task(self._observe(), name="observer")
        self._upkeep_task = asyncio.create_task(self._run_upkeep(), name="upkeep")

    async def _start(self) -> None:
        self.control.have(self.file)
        await self.control.read()
        await self.control.publish(self.file)
        if self._rekeyer is not None:
            await self._rekeyer.start()
        await self._worker.start()

    async def wait(self, stop: asyncio.Event | None = None) -> None:
        """Wait until ``stop`` is set, or for a failure.

        Raises:
            Fault: the worker cannot go on.
        """
        assert self._failure is not None, "start first"
        stopping = asyncio.create_task((stop or asyncio.Event()).wait(), name="stop")
        crashes = [
            asyncio.create_task(self._crash(), name="crash of Faust"),
            asyncio.create_task(self._rekeying(), name="end of rekeying"),
        ]
        ends: list[asyncio.Future[Any]] = [stopping, *crashes, self._failure, self._observe_task]
        ends += () if self._ephemeral else (self._upkeep_task,)
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopping, *crashes):
                task.cancel()
        if stopping not in done:
            error = next(filter(None, (end.exception() for end in done)), None)
            raise fault_of(error) from error

    async def stop(self) -> None:
        """Write what became final, then leave the group, so that others get the partitions at once."""
        await _cancel((self._start_task, self._observe_task, self._upkeep_task))
        for part in (self.assignment.finish(_FINISH_SECONDS), self._leave()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await part
        if self._failure is not None:
            self._failure.cancel()

    async def _leave(self) -> None:
        rekeyer = () if self._rekeyer is None or not self._start_task.done() else (self._rekeyer.stop(),)
        await asyncio.gather(self._worker.stop(), self._append.close(), *rekeyer, return_exceptions=True)

    def reload(self, file: StandardsFile | str) -> None:
        """Propose the standards of ``file`` to all partitions; a text says why the file was refused."""
        if isinstance(file, str):
            self.refused_standards = file
            log.error("The standards file was refused, the earlier standards stay: %s", file)
            return
        self.refused_standards, self.file = None, file
        if self._rekeyer is not None:
            self._rekeyer.use(file.standards)

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _crash(self) -> None:
        """Wait until Faust fails to start or crashes, and raise the reason."""
        await self._start_task
        await self._worker.wait()
        if self._worker.crash_reason is not None:
            raise self._worker.crash_reason

    async def _rekeying(self) -> None:
        """Wait until rekeying fails, and raise the reason."""
        await self._start_task
        await (self._rekeyer.wait() if self._rekeyer else asyncio.Event().wait())

    def _fail(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def _observe(self) -> None:
        """Every second, ask where the logs end, and check that the worker makes progress."""
        while True:
            await asyncio.sleep(_OBSERVE_SECONDS)
            if self._worker.settled:
                await self._log_ends.ask()
            self._was_settled = self._was_settled or self._worker.settled
            now = time.monotonic()
            self._liveness.look(self.assignment.moving(), now)
            self._liveness.check(now)
            self.assignment.check(now)

    async def _run_upkeep(self) -> None:
        """Every second, append control records where due. Not in `_observe`, since an absent broker blocks appends."""
        while not self._ephemeral:
            await asyncio.sleep(_OBSERVE_SECONDS)
            await self._upkeep.look(self.assignment.certain(), time.monotonic())


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel ``tasks`` until all have ended.

    Once may not be enough: `asyncio.wait_for` of Python 3.11, which libraries use, drops a cancellation that comes in
    the moment in which what it waits for is done.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
