"""Composition root of the worker: settings and standards in, a running monitor out.

`build` makes it; `MonitorApp.run` runs it until it is told to stop; `start` and `stop` do the same for a process that
runs other tasks beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from aiokafka.errors import KafkaError

from agents.dead_letters import DeadLetterWriter, start_producer
from agents.exits import Exit, Fault
from agents.ingest import Ingest
from agents.partitions import LogTruncated, Partition, Partitions
from agents.status import WorkerStatus
from agents.watch import Stuck, Watch
from agents.web import mount
from agents.worker import Worker
from streams.engine import Engine
from streams.texts import Warnings
from streams.watermark import TimePolicy

if TYPE_CHECKING:
    from agents.partitions import Source
    from agents.settings import Settings
    from streams.standards.model import Standards

log = logging.getLogger(__name__)

_OBSERVE_SECONDS: Final = 1.0
#: Parts have so long to end; the process does not wait for a broker that is away.
_STOP_SECONDS: Final = 8.0
#: Beside the warnings of `streams.texts`: the broker does not answer.
_BROKER_SILENT: Final = "broker-silent"


def build(settings: Settings, standards: Standards, *, ephemeral: bool = False) -> MonitorApp:
    """A worker, not yet started.

    Args:
        settings: as resolved.
        standards: that it judges by.
        ephemeral: the broker runs inside this process and keeps nothing.
    """
    return MonitorApp(settings, standards, ephemeral=ephemeral)


class MonitorApp:
    """One worker; it implements `agents.status.Observed`."""

    def __init__(self, settings: Settings, standards: Standards, *, ephemeral: bool = False) -> None:
        self.settings = settings
        self.standards = standards
        self._ephemeral = ephemeral
        self._started_at = time.time()
        self._failure: asyncio.Future[None] | None = None
        self._starting: asyncio.Task[None]
        self._observer: asyncio.Task[None]
        self._answering = True
        policy = TimePolicy(settings.lateness_ms, settings.max_ahead_ms)
        self.partitions = Partitions(
            lambda topic, number: Engine(standards, source=topic, partition=number, policy=policy)
        )
        self._watch = Watch(settings.stall_timeout, settings.session_timeout, time.monotonic())
        self._letters = DeadLetterWriter(settings.dead_letters_topic, partial(start_producer, settings))
        self._worker = Worker(
            settings, self.partitions, mount=partial(mount, observed=self), on_touch=self._watch.touched
        )
        self._ingest = Ingest(self.partitions, self._letters, seek=self._seek, fail=self._fail)
        self._worker.agent(self._worker.events, name="ingest", concurrency=1)(cast("Any", self._agent))

    # -- what others see ------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Address of the status page."""
        host = self.settings.web_host
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.settings.web_port}/"

    def engines(self) -> Sequence[Engine]:
        """Engines of the owned partitions; none once the group may have given them to others."""
        return [owned.engine for owned in self._certain()]

    def status(self) -> WorkerStatus:
        """How this worker is now."""
        now = time.monotonic()
        # Out of touch with its group it is as at the start: it has no partitions for certain, and tries to get some.
        settled = self._worker.settled and self._watch.in_touch(now)
        return WorkerStatus(
            state=self._watch.state(now, settled=settled),
            started_at=self._started_at,
            broker=self.settings.broker,
            partitions=tuple(owned.status() for owned in self._certain()),
            warnings=tuple(self._warnings()),
            fold_seconds=self._ingest.fold_seconds,
            ephemeral=self._ephemeral,
        )

    def _certain(self) -> list[Partition]:
        return self.partitions.owned() if self._watch.in_touch(time.monotonic()) else []

    def _warnings(self) -> Iterator[str]:
        owned = self.partitions.owned()
        if not self._answering:
            yield Warnings.BROKER_SILENT.key
        if self._ephemeral:
            yield Warnings.EMBEDDED_BROKER.key
        if not self.standards.services:
            yield Warnings.NO_STANDARDS.key
        if not self._ephemeral and any(one.create_time for one in owned):
            yield Warnings.CREATE_TIME_TOPIC.key
        if any(one.engine.progress.unguarded for one in owned):
            yield Warnings.TIMESTAMPS_MISSING.key
        if any(one.missing for one in owned):
            yield Warnings.GAP_IN_LOG.key
        if not self._ephemeral:
            yield Warnings.REREADING.key

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
        self._watch.touched(time.monotonic())
        self._letters.start()
        self._starting = asyncio.create_task(self._worker.start(), name="start of Faust")
        self._observer = asyncio.create_task(self._observe(), name="observer")

    async def wait(self, stop: asyncio.Event | None = None) -> None:
        """Wait until ``stop`` is set, or for a failure.

        Raises:
            Fault: the worker cannot go on.
        """
        assert self._failure is not None, "start first"
        told = asyncio.create_task((stop or asyncio.Event()).wait(), name="told to stop")
        crashed = asyncio.create_task(self._crash(), name="crash of Faust")
        ends: list[asyncio.Future[Any]] = [told, crashed, self._failure, self._observer]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            crashed.cancel()
        if told not in done:
            error = next(filter(None, (end.exception() for end in done)), None)
            raise _fault(error) from error

    async def stop(self) -> None:
        """End in good order: the group learns that the partitions are free, pending dead letters are sent."""
        tasks = (self._starting, self._observer)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stopping = asyncio.gather(self._worker.stop(), self._letters.stop(), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping, _STOP_SECONDS)
        if self._failure is not None:
            self._failure.cancel()

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _crash(self) -> None:
        """Wait until Faust cannot start or gives up, and raise the reason."""
        ended = asyncio.create_task(self._worker.wait())
        try:
            await asyncio.wait({ended, self._starting}, return_when=asyncio.FIRST_COMPLETED)
            if self._starting.done():
                self._starting.result()
            await ended
        finally:
            ended.cancel()
        if self._worker.crash_reason is not None:
            raise self._worker.crash_reason

    async def _agent(self, batches: AsyncIterator[Any]) -> None:
        await self._ingest.run(batches)

    async def _seek(self, source: Source, offset: int) -> None:
        await self._worker.reader.seek_again(source, offset)

    def _fail(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def _observe(self) -> None:
        """Every second: where do the logs end, and does the worker make progress?"""
        while True:
            await asyncio.sleep(_OBSERVE_SECONDS)
            await self._ask_broker()
            now = time.monotonic()
            self._watch.look(self.partitions.owned(), now)
            self._watch.check(now)

    async def _ask_broker(self) -> None:
        if not self._worker.settled:
            return
        before = self.partitions.read()
        try:
            logs = await asyncio.wait_for(self._worker.reader.bounds(before), self.settings.session_timeout)
        except (KafkaError, TimeoutError) as error:
            self._note_answer(error)
            return
        self.partitions.observe(logs, before)
        self._note_answer(None)

    def _note_answer(self, error: Exception | None) -> None:
        """Note whether the broker answered; what has changed is logged, once."""
        if (error is None) != self._answering:
            self._answering = error is None
            if error is None:
                log.warning("The broker answers again.")
            else:
                log.warning("The broker does not answer (%r); trying on.", error)


def _fault(error: BaseException | None) -> Fault:
    """What ended the worker, as a line and an exit code."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Stuck | LogTruncated):
        return Fault(str(error), Exit.STALLED)
    if isinstance(error, KafkaError) and not error.retriable:
        return Fault(
            f"Kafka refused: {error!r}; give this client the right to read its topics and group", Exit.UNAVAILABLE
        )
    if isinstance(error, KafkaError | ConnectionError | TimeoutError):
        return Fault(f"Kafka: {error!r}; start the worker again once the broker answers", Exit.UNAVAILABLE)
    return Fault(f"{error}" if error else "the worker ended by itself; start it again", Exit.STALLED)
