"""`slm replay`: service levels from event logs. What it does is in `agents.cli.processes.replaying`."""

from __future__ import annotations

from pathlib import Path

import click

from agents.cli import garbage
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
    with garbage.untouched():
        from agents.cli.processes import replaying
    replaying.run(
        files,
        standards,
        topic,
        lateness=lateness,
        separate=separate,
        dead_letters=dead_letters,
        language=None if as_json else Language(language),
    )
