"""Exit codes of every command, and the error that carries one."""

from __future__ import annotations

import enum

import click


class Exit(enum.IntEnum):
    """What an exit code means, the same for every command."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    UNAVAILABLE = 3
    STALLED = 4
    INTERRUPTED = 130


class Fault(click.ClickException):
    """An end that the user can act on: one line that says what to do, and an exit code; never a traceback."""

    def __init__(self, message: str, exit_code: Exit = Exit.USAGE) -> None:
        """Carry ``message`` to standard error and end the process with ``exit_code``."""
        super().__init__(message)
        # click types it as a class's from 8.4 on, and as an instance's before; it reads the instance's in both.
        self.exit_code = int(exit_code)  # type: ignore[misc, unused-ignore]
