"""`slm run`: the worker against a real Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from agents.cli import garbage
from agents.cli.options import connection_options, resolve
from agents.exits import Exit
from agents.settings.setting import Setting, SettingKind
from agents.settings.settings import SETTINGS

if TYPE_CHECKING:
    from agents.files.standards_file import StandardsFile
    from agents.settings.settings import Settings
    from agents.worker.monitor import MonitorApp

F = TypeVar("F", bound=Callable[..., Any])

_ENDS: Final = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.DONE}


def _worker_options(command: F) -> F:
    """Add an option for every setting that `connection_options` leaves out."""
    given = {parameter.name for parameter in getattr(command, "__click_params__", ())}
    for row in reversed(SETTINGS):
        if row.option and row.name not in given:
            command = click.option(row.option, row.name, **_described(row))(command)
    return command


def _described(row: Setting) -> dict[str, Any]:
    shown = f"{row.meaning} [{row.variable}{'' if row.default is None else f'; default: {row.default}'}]"
    if row.kind is SettingKind.SWITCH:
        # Not given is None, so that the environment and the file have their say.
        return {"is_flag": True, "default": None, "help": shown}
    if row.kind is SettingKind.LIST:
        return {"metavar": "NAME", "multiple": True, "help": shown}
    return {
        "metavar": row.kind.upper(),
        "type": click.Path(path_type=Path) if row.kind is SettingKind.FILE else None,
        "help": shown,
    }


@click.command("run")
@_worker_options
@connection_options
def command(*, config: Path | None, **options: object) -> None:
    """Read events from Kafka, and expose service levels on the status page and /metrics.

    Several workers share the partitions of the topics; give each a port of its own on one machine. What they conclude
    is kept in Kafka: each event counts once, whatever happens to workers and brokers. SIGHUP makes the worker read its
    standards file again.

    Ends on SIGTERM with code 0 and on an interrupt with code 130. Code 3: the broker or a topic is not there, or not as
    it must be; code 4: the worker makes no progress, is refused by Kafka, or found an error of its own.
    """
    for number in _ENDS:
        signal.signal(number, _end_at_once)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to read again
    garbage.begin()
    settings = resolve(options, config)
    file = _prepare(settings)
    code = _run(settings, file) if settings.workers == 1 else _supervise(settings, file)
    sys.stderr.flush()
    # Not sys.exit: threads that wait for a broker that is away must not keep the process.
    os._exit(code)


def _end_at_once(number: int, _: object) -> NoReturn:
    raise SystemExit(_ENDS[signal.Signals(number)])


def _prepare(settings: Settings) -> StandardsFile:
    """Check everything that a user can have got wrong, the quickest first."""
    from agents.files.standards_file import read_standards_file
    from agents.worker import preflight

    file = read_standards_file(settings.standards)
    for port in settings.ports:
        preflight.check_port(replace(settings, web_port=port))
    preflight.check_broker(settings, _notice)
    return file


def _notice(line: str) -> None:
    click.echo(f"slm: {line}", err=True)


@contextlib.contextmanager
def _no_authorities() -> Iterator[None]:
    """Let OpenSSL find no certificates meanwhile.

    As it is imported, aiohttp reads all authorities that the machine trusts, for a client that nothing here uses: a
    thirtieth of the time until a worker is ready.
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


def _configure_log() -> None:
    with _no_authorities():  # what logs of aiohttp's is known by its classes: this is where it is imported first
        from agents.cli import log

    log.configure()


def _run(settings: Settings, file: StandardsFile) -> int:
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)  # a crash in compiled code would leave no word otherwise
    _configure_log()
    try:
        return asyncio.run(_serve(settings, file))
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code


def _supervise(settings: Settings, file: StandardsFile) -> int:
    _configure_log()
    from agents.worker.supervision.supervisor import Supervisor

    garbage.collect_rarely()
    return asyncio.run(Supervisor(settings, file.standards, sys.argv[1:], _notice).run())


def _read_again(settings: Settings) -> StandardsFile | str:
    """The standards file as it is now, written now for whoever asks; or what is wrong with it."""
    from agents.files.standards_file import read_standards_file

    try:
        file = read_standards_file(settings.standards)
    except click.ClickException as error:
        return error.format_message()
    return replace(file, written_ms=max(file.written_ms, time.time_ns() // 1_000_000))


@contextlib.asynccontextmanager
async def _supervised(monitor: MonitorApp, stop: asyncio.Event) -> AsyncIterator[None]:
    """Tell a supervisor, where there is one, and stop when it is gone."""
    from agents.worker.supervision import supervised

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
    from agents.worker.monitor import build
    from agents.worker.supervision import supervised

    stop, ended_by = asyncio.Event(), []

    def end(number: signal.Signals) -> None:
        if stop.is_set() and supervised.socket_path() is None:
            os._exit(_ENDS[number])  # asked twice: at once; a supervisor sees to that itself, and others may ask too
        ended_by.append(_ENDS[number])
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _ENDS:
        loop.add_signal_handler(number, end, number)
    monitor = build(settings, file)
    garbage.collect_rarely()
    loop.add_signal_handler(signal.SIGHUP, lambda: monitor.reload(_read_again(settings)))
    _notice(f"status page: {monitor.url}")
    async with _supervised(monitor, stop):
        await monitor.run(stop)
    return ended_by[0] if ended_by else Exit.DONE
