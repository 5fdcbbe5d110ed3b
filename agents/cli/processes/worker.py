"""The process of `slm run`: one worker, or the supervisor of several, from its checks at the start to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from agents.cli import garbage
from agents.exits import Exit
from agents.files.standards_file import StandardsFile, read_standards_file
from agents.settings.settings import Settings
from agents.worker import preflight

if TYPE_CHECKING:
    from agents.worker.monitor import MonitorApp

#: Exit codes by the signal that ends the process.
ENDS: Final = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.DONE}


def run(settings: Settings) -> int:
    """Check everything that a user can have got wrong, then run until a signal; the exit code.

    Raises:
        Fault: a check failed.
    """
    file = _prepare(settings)
    return _work(settings, file) if settings.workers == 1 else _supervise(settings, file)


def _prepare(settings: Settings) -> StandardsFile:
    """Check the standards file, the ports and the broker: the quickest first."""
    file = read_standards_file(settings.standards)
    for port in settings.ports:
        preflight.check_port(replace(settings, web_port=port))
    preflight.check_broker(settings, _notice)
    return file


def _notice(line: str) -> None:
    click.echo(f"slm: {line}", err=True)


def _work(settings: Settings, file: StandardsFile) -> int:
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)  # else a crash in compiled code would leave no trace
    _configure_log()
    try:
        return asyncio.run(_serve(settings, file))
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code


def _configure_log() -> None:
    # Before Faust and the pages, which import aiohttp too: `log` imports it first, for the classes of its errors, and
    # aiohttp reads certificates only then. Once it is loaded they are to be found again: the Kafka client needs them.
    with _no_authorities():
        from agents.cli import log  # noqa: PLC0415 - aiohttp, which the checks do not need
    log.configure()


@contextlib.contextmanager
def _no_authorities() -> Iterator[None]:
    """Let OpenSSL find no certificates in the body.

    While it is imported, aiohttp reads all authorities that the machine trusts, for a client that nothing here uses:
    a thirtieth of the time until a worker is ready.
    """
    name = "SSL_CERT_FILE"
    before = os.environ.get(name)
    os.environ[name] = os.devnull
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _supervise(settings: Settings, file: StandardsFile) -> int:
    _configure_log()
    from agents.worker.supervision.supervisor import Supervisor  # noqa: PLC0415 - a worker needs none

    garbage.collect_rarely()
    return asyncio.run(Supervisor(settings, file.standards, sys.argv[1:], _notice).run())


def _read_again(settings: Settings) -> StandardsFile | str:
    """The standards file as it is now, as if written now by the user who sends SIGHUP; or what is wrong with it."""
    try:
        file = read_standards_file(settings.standards)
    except click.ClickException as error:
        return error.format_message()
    return replace(file, written_ms=max(file.written_ms, time.time_ns() // 1_000_000))


@contextlib.asynccontextmanager
async def _supervised(monitor: MonitorApp, stop: asyncio.Event) -> AsyncIterator[None]:
    """Answer a supervisor, where there is one, and stop when it is gone."""
    from agents.worker.supervision import supervised  # noqa: PLC0415 - numpy, which the checks do not need

    path = supervised.socket_path()
    if path is None:
        yield
        return

    async def end_with_it() -> None:
        await supervised.supervisor_gone()
        stop.set()

    server = await supervised.serve(monitor, path)
    watching = asyncio.create_task(end_with_it(), name="supervisor")
    try:
        yield
    finally:
        watching.cancel()
        server.close()


async def _serve(settings: Settings, file: StandardsFile) -> int:
    from agents.worker.monitor import build  # noqa: PLC0415 - Faust, which a supervisor does not need
    from agents.worker.supervision import supervised  # noqa: PLC0415 - numpy, which the checks do not need

    stop, ended_by = asyncio.Event(), []

    def end(number: signal.Signals) -> None:
        if stop.is_set() and supervised.socket_path() is None:
            # Asked twice: end at once. A supervised worker does not, since its supervisor kills it if it must, and the
            # terminal and the supervisor may both have asked.
            os._exit(ENDS[number])
        ended_by.append(ENDS[number])
        stop.set()

    loop = asyncio.get_running_loop()
    for number in ENDS:
        loop.add_signal_handler(number, end, number)
    monitor = build(settings, file)
    garbage.collect_rarely()
    loop.add_signal_handler(signal.SIGHUP, lambda: monitor.reload(_read_again(settings)))
    _notice(f"status page: {monitor.url}")
    async with _supervised(monitor, stop):
        await monitor.run(stop)
    return ended_by[0] if ended_by else Exit.DONE
