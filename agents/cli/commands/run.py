"""`slm run`: the worker against a real Kafka. What it does is in `agents.cli.processes.worker`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from agents.cli import garbage
from agents.cli.options import connection_options, resolve, setting_option
from agents.exits import Exit
from agents.settings.settings import SETTINGS

F = TypeVar("F", bound=Callable[..., Any])


def _worker_options(command: F) -> F:
    """Add an option for every setting that `connection_options` leaves out."""
    given = {parameter.name for parameter in getattr(command, "__click_params__", ())}
    for row in reversed(SETTINGS):
        if row.option and row.name not in given:
            command = setting_option(row.name)(command)
    return command


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
    # Until the worker has handlers of its own: importing it takes most of a second.
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    garbage.begin()
    settings = resolve(options, config)
    from agents.cli.processes import worker

    code = worker.run(settings)
    sys.stderr.flush()
    # Not sys.exit: threads that wait for a broker that is away must not keep the process.
    os._exit(code)


def _interrupted(*_: object) -> NoReturn:
    raise SystemExit(Exit.INTERRUPTED)


def _terminated(*_: object) -> NoReturn:
    raise SystemExit(Exit.DONE)
