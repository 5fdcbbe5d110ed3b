"""The demonstration: the simulated floor and a worker as in production, side by side in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from agents.demo.publisher import Floor
from agents.exits import Exit, Fault
from agents.files.standards_file import StandardsFile
from agents.worker.monitor import build
from streams.standards.load import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.settings.settings import Settings
    from agents.worker.monitor import MonitorApp

#: Consumer group of demonstrations: it does not disturb a worker in production on the same Kafka.
GROUP: Final = "service-level-monitor-demo"
#: The demonstration's own topics, by the names of their settings.
TOPICS: Final = {
    name: f"service-events-demo-{name.removesuffix('_topic').replace('_', '-')}"
    for name in ("state_topic", "breaches_topic", "audit_topic", "dead_letters_topic", "control_topic")
}
STANDARDS: Final = "demo.yaml"

_PORTS_TRIED: Final = 100
_SHOW_SECONDS: Final = 1.0
_ENDS: Final = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.DONE}


def standards() -> StandardsFile:
    """The standards of the simulated floor."""
    text = (files("streams.packs") / STANDARDS).read_text("utf-8")
    return StandardsFile(load(text, file=STANDARDS), text)


def free_port(host: str, wanted: int) -> int:
    """The first free port from ``wanted`` on.

    Raises:
        Fault: 100 ports in a row are taken, or ``host`` is no address of this machine.
    """
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65_536)):
        with socket.socket() as probe:
            # As servers do, so that lingering connections of an earlier server do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                return port
    message = f"no port of {host} from {wanted} on is free; choose another with --web-port"
    raise Fault(message, Exit.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One demonstration.

    Args:
        settings: with the broker, the topic to publish to, and the port.
        seed: of the floor.
        rate: events a second in calm times.
        seconds: duration; None: until a signal.
        ephemeral: the broker is the one inside this process.
        show: called once a second with the worker and the seconds since the start.
    """

    settings: Settings
    seed: int
    rate: float
    seconds: float | None
    ephemeral: bool
    show: Callable[[MonitorApp, float], None]

    async def run(self, finish: Callable[[MonitorApp, float], None]) -> Exit:
        """Run to the end; ``finish`` is called with the last figures before anything is stopped.

        Raises:
            Fault: worker or broker cannot go on.
        """
        monitor = build(self.settings, standards(), ephemeral=self.ephemeral)
        floor = Floor(self.settings, seed=self.seed, rate=self.rate)
        publishing = asyncio.create_task(floor.run(), name="floor")
        started = asyncio.get_running_loop().time()
        try:
            with _ending(self.seconds) as ending:
                # The embedded broker creates a topic with its first record; only then can the worker read it.
                await asyncio.wait({asyncio.create_task(floor.begun.wait()), publishing}, return_when="FIRST_COMPLETED")
                await monitor.start()
                try:
                    await self._watch(monitor, publishing, ending, started)
                    finish(monitor, asyncio.get_running_loop().time() - started)
                finally:
                    await monitor.stop()
                return ending.code
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)

    async def _watch(
        self, monitor: MonitorApp, publishing: asyncio.Task[None], ending: _Ending, started: float
    ) -> None:
        """Show figures until the end, or until worker or floor fail."""
        showing = asyncio.create_task(self._show(monitor, started), name="show")
        working = asyncio.create_task(monitor.wait(ending.stop), name="monitor")
        parts = {working, publishing, showing}
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            showing.cancel()
            working.cancel()
            await asyncio.gather(showing, working, return_exceptions=True)
        for part in done:
            if isinstance(error := part.exception(), KafkaError):
                raise _lost(self.settings, error) from error
            part.result()

    async def _show(self, monitor: MonitorApp, started: float) -> None:
        while True:
            self.show(monitor, asyncio.get_running_loop().time() - started)
            await asyncio.sleep(_SHOW_SECONDS)


@dataclass(slots=True)
class _Ending:
    stop: asyncio.Event
    code: Exit = Exit.DONE

    def by_signal(self, number: signal.Signals) -> None:
        if self.stop.is_set():
            os._exit(_ENDS[number])  # the second signal: end at once
        self.code = _ENDS[number]
        self.stop.set()


@contextlib.contextmanager
def _ending(seconds: float | None) -> Iterator[_Ending]:
    """End a demonstration after ``seconds``, or with a signal."""
    loop, ending = asyncio.get_running_loop(), _Ending(asyncio.Event())
    for number in _ENDS:
        loop.add_signal_handler(number, ending.by_signal, number)
    timer = None if seconds is None else loop.call_later(seconds, ending.stop.set)
    try:
        yield ending
    finally:
        if timer is not None:
            timer.cancel()
        for number in _ENDS:
            loop.remove_signal_handler(number)


def _lost(settings: Settings, error: KafkaError) -> Fault:
    return Fault(f"Kafka at {settings.broker}: {error or type(error).__name__}", Exit.UNAVAILABLE)
