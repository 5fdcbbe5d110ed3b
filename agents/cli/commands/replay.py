"""`slm replay`: service levels from event logs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from agents.replay.replay import Replay
    from streams.texts.phrase import Language

_WIDE = 200


@click.command
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--standards", type=click.Path(path_type=Path), help="Standards file. Default: none, the usual indicators."
)
@click.option("--topic", help="Topic whose mapping and lateness apply. Default: service-events.")
@click.option("--lateness", default=60.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0))
@click.option("--separate", is_flag=True, help="Each file is a partition of its own instead of one log in all.")
@click.option(
    "--dead-letters", type=click.Path(path_type=Path), help="Write rejected records to this file, as JSON Lines."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def command(  # noqa: PLR0917 - the options of the command line
    files: tuple[str, ...],
    standards: Path | None,
    topic: str | None,
    lateness: float,
    separate: bool,  # noqa: FBT001 - a flag of the command line
    dead_letters: Path | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    language: str,
) -> None:
    """Compute service levels from event logs, without a broker.

    FILE is JSON Lines, plain, gzip or zstd; - is standard input. Files are read one after the other as one log.
    """
    from agents.cli import garbage

    garbage.begin()

    from agents.cli.terminal.progress import record_progress
    from agents.cli.topic_choice import topic_of_replay
    from agents.files.dead_letter_file import LettersFile
    from agents.files.event_log import EventLog
    from agents.files.standards_file import read_standards
    from agents.replay.replay import replay
    from streams.engine.watermark import TimePolicy
    from streams.texts.phrase import Language

    logs = [EventLog(name) for name in files]
    compiled = read_standards(standards)
    chosen = topic_of_replay(compiled, topic)
    garbage.collect_rarely()
    with LettersFile.to(dead_letters) as letters, record_progress(logs) as advance:
        result = replay(
            logs,
            compiled,
            topic=chosen,
            policy=TimePolicy(lateness_ms=round(lateness * 1_000)),
            separate=separate,
            on_records=advance,
            on_dead_letters=letters.write,
        )
    if as_json:
        _print_json(result)
    else:
        print_tables(result, Language(language))


def _print_json(result: Replay) -> None:
    import orjson

    from agents.replay.replay import document

    sys.stdout.buffer.write(orjson.dumps(document(result), option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def print_tables(result: Replay, language: Language) -> None:
    """Print the levels, the objectives and what became of the records, in ``language``."""
    from rich.console import Console

    from agents.cli.terminal.tables import objectives_table, steps_table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE  # a file or a pipe has room; cut columns would be lost for good
    console.print(steps_table(result.cumulative().steps, language))
    if objectives := result.objectives():
        console.print()
        console.print(objectives_table(objectives, language, breaches=result.breaches()))
    console.print()
    for line in _notes(result, language):
        console.print(line, style="dim", markup=False, soft_wrap=True)


def _notes(result: Replay, language: Language) -> list[str]:
    from streams.texts.figures import count, instant
    from streams.texts.tables import Tables

    progress, reading = result.progress(), result.cumulative()
    numbers = {name: count(getattr(progress, name)) for name in ("records", "accepted", "duplicates", "ignored")}
    lines = [Tables.READ_RECORDS.say(language, **numbers, rejected=count(progress.rejected.total()))]
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
