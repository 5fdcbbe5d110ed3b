"""`slm replay`: service levels from event logs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from agents.cli import garbage
from agents.cli.terminal.progress import record_progress
from agents.cli.topic_choice import topic_of_replay
from agents.files.dead_letter_file import LettersFile
from agents.files.event_log import EventLog
from agents.files.standards_file import read_standards
from agents.replay.replay import Replay, document, replay
from streams.engine.watermark import TimePolicy
from streams.texts.phrase import Language


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
    garbage.begin()
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
        from agents.cli.terminal.replay import print_tables  # noqa: PLC0415 - rich, which JSON does not need

        print_tables(result, Language(language))


def _print_json(result: Replay) -> None:
    sys.stdout.buffer.write(orjson.dumps(document(result), option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()
