"""A worker under a supervisor: it tells what it knows when it is asked, and ends when its supervisor is gone.

The two speak over a socket in a folder that only their user can open. What is told is pickled: both ends are the same
program, and the supervisor believes nobody else.
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
    from agents.status.worker import MonitorView, WorkerStatus
    from streams.engine.engine import Engine

#: Environment variable that names the socket of a worker that has a supervisor.
VARIABLE: Final = "SLM_SUPERVISED"


@dataclass(frozen=True, slots=True)
class EngineView:
    """What an engine knew at one moment, as pages ask for it."""

    progress: Progress
    standards: Standards
    everything: Reading
    windows: Mapping[str, Reading]
    never_found: Sequence[str]

    @classmethod
    def of(cls, engine: Engine) -> EngineView:
        """What ``engine`` knows now."""
        windows = {window.name: engine.read(window) for window in engine.standards.windows()}
        return cls(engine.progress, engine.standards, engine.cumulative(), windows, engine.never_found)

    def cumulative(self) -> Reading:
        """Figures since the beginning of the log."""
        return self.everything

    def read(self, window: Window) -> Reading:
        """Figures over ``window``; none over one that this engine's standards do not know."""
        return self.windows.get(window.name, Reading(window.name, None, None, (), ()))


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker tells its supervisor."""

    status: WorkerStatus
    standards: Standards
    engines: Sequence[EngineView]

    @classmethod
    def by(cls, observed: MonitorView) -> Told:
        """What ``observed`` knows now."""
        return cls(observed.status(), observed.standards, [EngineView.of(engine) for engine in observed.engines()])


def socket_path() -> str | None:
    """Where this process's supervisor asks; None where it has none."""
    return os.environ.get(VARIABLE)


async def serve(observed: MonitorView, path: str) -> asyncio.Server:
    """Tell whoever connects to ``path``, once a connection."""

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(pickle.dumps(Told.by(observed), pickle.HIGHEST_PROTOCOL))
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(tell, path)


async def ask(path: str) -> Told:
    """What the worker behind ``path`` knows.

    Raises:
        OSError: nobody answers.
        EOFError, pickle.UnpicklingError: the answer is not whole.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        told: Told = pickle.loads(await reader.read())  # noqa: S301 - from a worker of our own
        return told
    finally:
        writer.close()


async def supervisor_gone() -> None:
    """Wait until the supervisor has ended, however it did: the pipe from it has no other end then."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
