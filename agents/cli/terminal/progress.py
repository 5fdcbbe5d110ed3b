"""Progress of long work on standard error, on a terminal only. The functions that are yielded take what was done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from agents.files.event_log import EventLog

#: Records or lines between two moves of a bar: to move one takes longer than to fold a batch, or to send an event.
_RECORDS_PER_STEP: Final = 10_000
_LINES_PER_STEP: Final = 2_000
#: Logs that are named.
_NAMED: Final = 2


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at ``stream``; None is one that was closed before this process began."""
    return stream is not None and stream.isatty()


@contextmanager
def record_progress(logs: list[EventLog]) -> Iterator[Callable[[int], None]]:
    """Show how many records were read; the yielded function takes the number of records of each batch."""
    if not is_terminal(sys.stderr):
        yield lambda _: None
        return
    names = ", ".join(log.name for log in logs[:_NAMED]) + (" …" if len(logs) > _NAMED else "")
    from agents.cli.terminal import bars  # noqa: PLC0415 - rich, on a terminal alone

    with bars.spinner() as bar:
        task, waiting = bar.add_task(names, total=None), 0

        def advance(records: int) -> None:
            nonlocal waiting
            waiting += records
            if waiting >= _RECORDS_PER_STEP:
                bar.advance(task, waiting)
                waiting = 0

        yield advance


@contextmanager
def line_progress(title: str, total: int | None, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show which line of ``total`` was reached; the yielded function takes the number of every line.

    Lines up to ``done`` count as reached before. None as a total: it is not known.
    """
    if not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from agents.cli.terminal import bars  # noqa: PLC0415 - rich, on a terminal alone

    with bars.bar() as bar:
        task, reached = bar.add_task(title, total=total, completed=done), done

        def moved(line: int) -> None:
            nonlocal reached
            reached = line
            if line % _LINES_PER_STEP == 0:
                bar.update(task, completed=line)

        yield moved
        bar.update(task, completed=reached)
