"""`slm run --workers N`: several workers on one machine, started again when they end, with one status page for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from agents.exits import Exit
from agents.status.rekeying import RekeyStatus
from agents.status.worker import EngineFigures, RecoveryStatus, State, TransactionStatus, WorkerStatus
from agents.web import page
from agents.web.routes import address, handler, language_of, respond
from agents.worker.supervision import supervised
from streams.mappings.mapping import found_by_none

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from agents.worker.supervision.supervised import WorkerReport
    from streams.standards.model import Standards

log = logging.getLogger(__name__)

#: Seconds until a worker that ended is started again; doubled each time unless it had lasted `_LASTING_SECONDS`.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_LASTING_SECONDS: Final = 60.0
#: Seconds that workers have to end before they are killed.
_END_SECONDS: Final = 15.0
#: Least seconds between two requests for reports, and longest wait for a report.
_FRESH_SECONDS: Final = 1.0
_ASK_SECONDS: Final = 3.0
#: From the worst to the best: the state of all workers together is the worst of any.
_WORST: Final = (State.EVICTED, State.STALLED, State.STARTING, State.RECOVERING, State.RUNNING)
_START: Final = "import sys; from agents.cli import main; main(prog_name='slm')"


@dataclass
class Child:
    """One worker: its number from 1, its port, and the socket on which it serves reports."""

    number: int
    port: int
    socket: Path
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.returncode is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to its process, if that runs."""
        if self.running and self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


class CombinedView:
    """All workers as one; it implements `agents.status.worker.MonitorView`.

    Args:
        children: the workers.
        standards: shown until a worker has reported its own.
        broker: as in the settings.
    """

    def __init__(self, children: Sequence[Child], standards: Standards, broker: str) -> None:
        self._children = children
        self._standards = standards
        self._started_at = time.time()
        self._broker = broker
        self._reports: list[WorkerReport] = []
        self._silent = len(children)
        self._asked_at = -_FRESH_SECONDS
        self._asking = asyncio.Lock()

    @property
    def standards(self) -> Standards:
        """The standards of the workers' own file."""
        return next((report.standards for report in self._reports), self._standards)

    def engines(self) -> Sequence[EngineFigures]:
        """Views of all engines, in the order of topic and partition."""
        views = [view for report in self._reports for view in report.engines]
        views.sort(key=lambda view: (view.progress.source, view.progress.partition))
        return views

    def status(self) -> WorkerStatus:
        """The status of all workers, added up, with the worst state of any."""
        return _together([report.status for report in self._reports], self._silent, self._started_at, self._broker)

    async def refresh(self) -> None:
        """Ask the workers for reports, unless that was done less than `_FRESH_SECONDS` ago."""
        async with self._asking:
            if time.monotonic() - self._asked_at < _FRESH_SECONDS:
                return
            answers = await asyncio.gather(*(_ask(child) for child in self._children))
            self._reports = [report for report in answers if report is not None]
            self._silent = len(answers) - len(self._reports)
            self._asked_at = time.monotonic()


async def _ask(child: Child) -> WorkerReport | None:
    if not child.running:
        return None
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            return await supervised.ask(str(child.socket))
    except (OSError, EOFError, TimeoutError, pickle.UnpicklingError):
        return None


def _together(known: Sequence[WorkerStatus], silent: int, started_at: float, broker: str) -> WorkerStatus:
    states = [one.state for one in known] + [State.STARTING] * bool(silent)
    return WorkerStatus(
        state=min(states, key=_WORST.index, default=State.STARTING),
        started_at=started_at,
        broker=broker,
        partitions=tuple(sorted((p for one in known for p in one.partitions), key=lambda p: (p.topic, p.partition))),
        warnings=tuple(dict.fromkeys(warning for one in known for warning in one.warnings)),
        fold_seconds=sum(one.fold_seconds for one in known),
        transactions=_transactions([one.transactions for one in known]),
        recoveries=_recoveries([one.recoveries for one in known]),
        ticks=sum(one.ticks for one in known),
        waits=next((one.waits for one in known if one.waits), None),
        refused_standards=next((one.refused_standards for one in known if one.refused_standards), None),
        rekeying=_rekeying([one.rekeying for one in known if one.rekeying]),
    )


def _rekeying(known: Sequence[RekeyStatus]) -> RekeyStatus | None:
    """The status of all rekeyers, added up; a path that one of them has found is found."""
    if not known:
        return None
    lags = [one.lag for one in known]
    return RekeyStatus(
        partitions=tuple(sorted(source for one in known for source in one.partitions)),
        records=sum(one.records for one in known),
        rejected=sum(one.rejected for one in known),
        dropped=sum(one.dropped for one in known),
        missing=sum(one.missing for one in known),
        transactions=sum(one.transactions for one in known),
        retries=sum(one.retries for one in known),
        lag=None if None in lags else sum(filter(None, lags)),
        last_error=next((one.last_error for one in known if one.last_error), None),
        never_found=found_by_none(pair for one in known for pair in one.never_found.items()),
    )


def _transactions(parts: Iterable[TransactionStatus]) -> TransactionStatus:
    known = list(parts)
    slowest = max((one.last_seconds for one in known if one.last_seconds is not None), default=None)
    committed, failed = sum(one.committed for one in known), sum(one.failed for one in known)
    return TransactionStatus(committed, failed, sum(one.seconds for one in known), slowest)


def _recoveries(parts: Iterable[RecoveryStatus]) -> RecoveryStatus:
    known = [one for one in parts if one.count]
    slowest = max(known, key=lambda one: one.last_seconds or 0.0, default=RecoveryStatus())
    return RecoveryStatus(sum(one.count for one in known), slowest.last_seconds, slowest.last_rows)


@dataclass
class Supervisor:
    """Keeps ``settings.workers`` workers running.

    Args:
        settings: as resolved.
        standards: as read by the supervisor.
        words: command-line arguments of the workers, after ``slm``.
        notice: called with a line for the user.
    """

    settings: Settings
    standards: Standards
    words: Sequence[str]
    notice: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> int:
        """Run until a signal ends it; return the exit code."""
        code: list[Exit] = []

        def end(number: signal.Signals, exit_code: Exit) -> None:
            # A second signal ends the workers at once.
            self._pass_on(signal.SIGKILL if self._stopping.is_set() else number)
            code.append(exit_code)
            self._stopping.set()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, end, signal.SIGTERM, Exit.DONE)
        loop.add_signal_handler(signal.SIGINT, end, signal.SIGINT, Exit.INTERRUPTED)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        with tempfile.TemporaryDirectory(prefix="slm-") as folder:  # mode 0700
            self.children = [
                Child(number, port, Path(folder) / f"{number}.sock")
                for number, port in enumerate(self.settings.ports[1:], 1)
            ]
            together = CombinedView(self.children, self.standards, self.settings.broker)
            runner = await self._serve(together)
            tasks = [asyncio.create_task(self._run_child(child)) for child in self.children]
            try:
                await self._stopping.wait()
                await asyncio.wait(tasks, timeout=_END_SECONDS)
            finally:
                self._pass_on(signal.SIGKILL)
                await asyncio.gather(*tasks)
                await runner.cleanup()
        return code[0]

    def _pass_on(self, number: signal.Signals) -> None:
        for child in self.children:
            child.send(number)

    # -- workers ------------------------------------------------------------------------------------------------------

    async def _run_child(self, child: Child) -> None:
        """Run ``child``, and restart it whenever it ends, until the supervisor stops."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            child.process = await self._start(child)
            if self._stopping.is_set():  # the signal came during the start
                child.send(signal.SIGTERM)
            code = await child.process.wait()
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE if time.monotonic() - began > _LASTING_SECONDS else pause
            log.error("Worker %d ended with code %d; it is started again in %g s.", child.number, code, pause)
            child.restarts += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        child.socket.unlink(missing_ok=True)
        words = [*self.words, "--workers", "1", "--web-port", str(child.port)]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _START,
            *words,
            # The worker ends when this end of the pipe closes, which happens in whatever way this process ends.
            stdin=asyncio.subprocess.PIPE,
            env=_environment(child),
            # An interrupt from the keyboard must reach this process alone, which passes it on once.
            start_new_session=True,
        )

    # -- the page -----------------------------------------------------------------------------------------------------

    async def _serve(self, together: CombinedView) -> web.AppRunner:
        application = web.Application()
        ports = ", ".join(str(child.port) for child in self.children)

        def metrics(_: web.Request) -> web.Response:
            return web.Response(status=404, text=f"each worker has its own /metrics: ports {ports}\n")

        answers: dict[str, Callable[[web.Request], web.Response]] = {
            "/api/status": lambda request: respond(page.status_json(together, language_of(request)), page.JSON),
            "/health": lambda request: _judged(page.health(together, language_of(request))),
            "/ready": lambda request: _judged(page.ready(together, language_of(request))),
        }
        for path, answer in answers.items():
            application.router.add_get(path, handler(answer, together.refresh))
        application.router.add_get("/", handler(lambda request: respond(page.html(language_of(request)), page.HTML)))
        application.router.add_get("/metrics", handler(metrics))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, self.settings.web_host, self.settings.web_port).start()
        self.notice(f"status page of {len(self.children)} workers: {address(self.settings)}; /metrics: {ports}")
        return runner


def _judged(answer: tuple[int, bytes]) -> web.Response:
    return respond(answer[1], page.JSON, answer[0])


def _environment(child: Child) -> Mapping[str, str]:
    """This process's environment, with the socket's path, and the path to this very program."""
    here = str(Path(__file__).parents[3])
    paths = [part for part in (os.environ.get("PYTHONPATH"), here) if part]
    return {**os.environ, supervised.VARIABLE: str(child.socket), "PYTHONPATH": os.pathsep.join(paths)}
