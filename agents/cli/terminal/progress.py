"""Progress of long work, on a terminal only and never where data go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from agents.files.event_log import EventLog

#: Moving a bar costs more than folding a batch does; records between two moves.
_STEP: Final = 10_000


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at ``stream``; None is one that was closed before this process began."""
    return stream is not None and stream.isatty()


@contextmanager
def record_progress(logs: list[EventLog]) -> Iterator[Callable[[int], None]]:
    """Show how many records were read, on a terminal; the yielded function is told of each batch."""
    if not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    names = ", ".join(log.name for log in logs[:2]) + (" …" if len(logs) > 2 else "")  # noqa: PLR2004 - two fit
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(names, total=None)
        waiting = 0

        def advance(records: int) -> None:
            nonlocal waiting
            waiting += records
            if waiting >= _STEP:
                progress.advance(task, waiting)
                waiting = 0

        yield advance
