"""Composition root of the worker: settings and standards in, a running monitor out.

`build` makes it; `MonitorApp.run` runs it until it is told to stop; `start` and `stop` do the same for a process that
runs other tasks beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
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
#: Parts have so long to end; the process does not wait for a broker that is away.
_STOP_SECONDS: Final = 4.0
#: A last transaction has so long.
_FINISH_SECONDS: Final = 3.0


def build(settings: Settings, file: StandardsFile, *, ephemeral: bool = False) -> MonitorApp:
    """A worker, not yet started.

    Args:
        settings: as resolved.
        file: with the standards that it judges by.
        ephemeral: the broker runs inside this process and keeps nothing.
    """
    return MonitorApp(settings, file, ephemeral=ephemeral)


def _new_rekeyer(settings: Settings, standards: Standards) -> Rekeyer:
    # Few workers merge topics, and all start the sooner.
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
        self._starting: asyncio.Task[None]
        self._observer: asyncio.Task[None]
        self._upkeeper: asyncio.Task[None]
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

    # -- what others see ------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Address of the status page."""
        return address(self.settings)

    @property
    def standards(self) -> Standards:
        """The standards of this worker's own file."""
        return self.file.standards

    def engines(self) -> Sequence[Engine]:
        """Engines of the owned partitions whose figures are complete; none once the group may have given them away."""
        return [owned.engine for owned in self.assignment.certain() if not owned.engine.restoring]

    def status(self) -> WorkerStatus:
        """How this worker is now."""
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

    # -- its life -------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Start, work until ``stop`` is set (None: until cancelled), and end in good order.

        Raises:
            Fault: it cannot go on; the exit code says why.
        """
        await self.start()
        try:
            await self.wait(stop)
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start, and return at once; `status` tells when partitions have been assigned."""
        self._failure = asyncio.get_running_loop().create_future()
        self._liveness.touched(time.monotonic())
        self._starting = asyncio.create_task(self._start(), name="start")
        self._observer = asyncio.create_task(self._observe(), name="observer")
        self._upkeeper = asyncio.create_task(self._keep_up(), name="upkeep")

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
        told = asyncio.create_task((stop or asyncio.Event()).wait(), name="told to stop")
        crashes = [
            asyncio.create_task(self._crash(), name="crash of Faust"),
            asyncio.create_task(self._rekeying(), name="end of rekeying"),
        ]
        ends: list[asyncio.Future[Any]] = [told, *crashes, self._failure, self._observer]
        ends += () if self._ephemeral else (self._upkeeper,)
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (told, *crashes):
                task.cancel()
        if told not in done:
            error = next(filter(None, (end.exception() for end in done)), None)
            raise fault_of(error) from error

    async def stop(self) -> None:
        """End in good order: what became final is carried out, then the group learns that the partitions are free."""
        tasks = (self._starting, self._observer, self._upkeeper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in (self.assignment.finish(_FINISH_SECONDS), self._leave()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(part, _STOP_SECONDS)
        if self._failure is not None:
            self._failure.cancel()

    async def _leave(self) -> None:
        rekeyer = () if self._rekeyer is None or not self._starting.done() else (self._rekeyer.stop(),)
        await asyncio.gather(self._worker.stop(), self._append.close(), *rekeyer, return_exceptions=True)

    def reload(self, file: StandardsFile | str) -> None:
        """Propose the standards of ``file`` to all partitions; a text says what is wrong, and nothing changes."""
        if isinstance(file, str):
            self.refused_standards = file
            log.error("The standards file was refused, the earlier standards stay: %s", file)
            return
        self.refused_standards, self.file = None, file
        if self._rekeyer is not None:
            self._rekeyer.use(file.standards)

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _crash(self) -> None:
        """Wait until Faust cannot start or gives up, and raise the reason."""
        await self._starting
        await self._worker.wait()
        if self._worker.crash_reason is not None:
            raise self._worker.crash_reason

    async def _rekeying(self) -> None:
        """Wait until rekeying fails, and raise the reason."""
        await self._starting
        await (self._rekeyer.wait() if self._rekeyer else asyncio.Event().wait())

    def _fail(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def _observe(self) -> None:
        """Every second: where do the logs end, and does the worker make progress?"""
        while True:
            await asyncio.sleep(_OBSERVE_SECONDS)
            if self._worker.settled:
                await self._log_ends.ask()
            self._was_settled = self._was_settled or self._worker.settled
            now = time.monotonic()
            self._liveness.look(self.assignment.moving(), now)
            self._liveness.check(now)
            self.assignment.check(now)

    async def _keep_up(self) -> None:
        """Every second: what is to be appended? Apart from the observer, for a broker that is away holds this up."""
        while not self._ephemeral:
            await asyncio.sleep(_OBSERVE_SECONDS)
            await self._upkeep.look(self.assignment.certain(), time.monotonic())
