"""Exit codes of every command, and the error that carries one."""

from __future__ import annotations

import enum

import click


class Exit(enum.IntEnum):
    """Exit codes, which mean the same in every command."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    UNAVAILABLE = 3
    STALLED = 4
    INTERRUPTED = 130


class Fault(click.ClickException):
    """An error that the user can act on: shown as one line that says what to do, never as a traceback."""

    def __init__(self, message: str, exit_code: Exit = Exit.USAGE) -> None:
        """Carry ``message`` to standard error and end the process with ``exit_code``."""
        super().__init__(message)
        # From 8.4 on click types it as a class attribute, before as an instance's; it reads the instance's in both.
        self.exit_code = int(exit_code)  # type: ignore[misc, unused-ignore]
