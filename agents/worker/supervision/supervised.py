"""A worker under a supervisor: reports its state on request, and ends when its supervisor has ended.

They communicate through a socket in a folder that only their user can open. Reports are pickled: both ends are the same
program, and the supervisor trusts no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.calendars.periods import Window
from streams.engine.progress import Progress
from streams.standards.model import Standards
from streams.views.levels import Reading

if TYPE_CHECKING:
    from agents.status.worker import EngineFigures, MonitorView, WorkerStatus

#: Environment variable with the path of the socket of a supervised worker.
VARIABLE: Final = "SLM_SUPERVISED"


@dataclass(frozen=True, slots=True)
class EngineView:
    """The figures of an engine at one moment, with the part of its interface that pages use."""

    progress: Progress
    standards: Standards
    everything: Reading
    windows: Mapping[str, Reading]
    never_found: Sequence[str]

    @classmethod
    def of(cls, engine: EngineFigures) -> EngineView:
        """Read all figures of ``engine``."""
        windows = {window.name: engine.read(window) for window in engine.standards.windows()}
        return cls(engine.progress, engine.standards, engine.cumulative(), windows, engine.never_found)

    def cumulative(self) -> Reading:
        """Figures since the beginning of the log."""
        return self.everything

    def read(self, window: Window) -> Reading:
        """Figures over ``window``; empty if the engine's standards have no such window."""
        return self.windows.get(window.name, Reading(window.name, None, None, (), ()))


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """The state and the figures of a worker, as its supervisor gets them."""

    status: WorkerStatus
    standards: Standards
    engines: Sequence[EngineView]

    @classmethod
    def by(cls, observed: MonitorView) -> WorkerReport:
        """Read the state and the figures of ``observed``."""
        return cls(observed.status(), observed.standards, [EngineView.of(engine) for engine in observed.engines()])


def socket_path() -> str | None:
    """Path of the socket where this process's supervisor asks; None if it has none."""
    return os.environ.get(VARIABLE)


async def serve(observed: MonitorView, path: str) -> asyncio.Server:
    """Send a report to every client that connects to ``path``, one for each connection."""

    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(pickle.dumps(WorkerReport.by(observed), pickle.HIGHEST_PROTOCOL))
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(send, path)


async def ask(path: str) -> WorkerReport:
    """Get a report of the worker that serves ``path``.

    Raises:
        OSError: no worker answers.
        EOFError, pickle.UnpicklingError: the answer is incomplete.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        report: WorkerReport = pickle.loads(await reader.read())  # noqa: S301 - from a worker of this program
        return report
    finally:
        writer.close()


async def supervisor_gone() -> None:
    """Wait until the supervisor has ended, in whatever way: its end of the pipe is closed then."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
