"""A replay on a terminal: tables of steps and objectives, and what became of the records."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from agents.cli.terminal.tables import objectives_table, records_read, steps_table
from agents.replay.replay import Replay
from streams.texts.figures import count, instant
from streams.texts.phrase import Language
from streams.texts.tables import Tables

#: Columns of an output that is no terminal: a file or a pipe has room, and cut columns would be lost for good.
_WIDE: Final = 200


def print_tables(result: Replay, language: Language) -> None:
    """Print the levels, the objectives and what became of the records, in ``language``."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    console.print(steps_table(result.cumulative().steps, language))
    if objectives := result.objectives():
        console.print()
        console.print(objectives_table(objectives, language, breaches=result.breaches()))
    console.print()
    for line in _notes(result, language):
        console.print(line, style="dim", markup=False, soft_wrap=True)


def _notes(result: Replay, language: Language) -> list[str]:
    progress, reading = result.progress(), result.cumulative()
    lines = [records_read(progress, language)]
    if reading.start_ms is not None:
        start, end = instant(reading.start_ms), instant(reading.end_ms)
        lines.append(Tables.READ_PERIOD.say(language, start=start, end=end))
    for reason, letter in sorted(result.examples.items()):
        where = f"{letter.source}:{letter.offset}: {letter.detail}"
        times = count(progress.rejected[reason])
        lines.append(Tables.REJECTED_BECAUSE.say(language, reason=reason, count=times, where=where))
    for (field, cause), left_out in sorted(progress.unreadable.items()):
        where = result.left_out[field, cause]
        lines.append(Tables.VALUE_LEFT_OUT.say(language, field=field, reason=cause, count=count(left_out), where=where))
    if progress.hardly_readable:
        lines.append(Tables.HARDLY_READABLE.say(language, fields=", ".join(progress.hardly_readable)))
    if missing := result.never_found():
        mapped = count(progress.mapped)
        lines.append(Tables.PATHS_MISSING.say(language, records=mapped, paths=", ".join(missing)))
    if progress.unguarded:
        lines.append(Tables.UNGUARDED_LOG.say(language))
    return lines
