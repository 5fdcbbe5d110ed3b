"""`slm check`: report every problem in standards files. What it does is in `agents.cli.processes.checking`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from agents.cli import garbage


@click.command
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--sample", "log", metavar="LOG", help="Show what the one FILE makes of the first records of this log.")
@click.option("--topic", help="Topic that the sample is of. Default: the one that is mapped, or else service-events.")
@click.option(
    "--records", default=10_000, show_default=True, metavar="N", type=click.IntRange(1), help="Records to sample."
)
@click.option("--json", "as_json", is_flag=True, help="Report on standard output as JSON, by check.v1.schema.json.")
def command(files: tuple[Path, ...], log: str | None, topic: str | None, records: int, *, as_json: bool) -> None:
    """Read standards files and report every problem in them.

    FILE is YAML; - is standard input. Each problem is one line on standard error: where, what was found, the rule that
    it breaks, what to write instead. The JSON Schema of the report is written by `slm generate schema`.

    With --sample it shows the events that the first records of a log become, what does not become one and why, which
    values are left out, and how often each path, condition and table of the topic's mapping finds something. LOG is
    JSON Lines, plain, gzip or zstd; - is standard input.

    Exit codes: 0 every file is good; 1 nothing in the sample is an event, or no record of it has one of the mapping's
    paths; 2 a file has problems or cannot be read.
    """
    _refuse_mixture(files, log, topic)
    with garbage.untouched():
        from agents.cli.processes import checking
    sys.exit(checking.run(files, log, topic, records, as_json=as_json))


def _refuse_mixture(files: Sequence[Path], log: str | None, topic: str | None) -> None:
    """Refuse arguments that do not go together, as click does."""
    if log is None and topic is not None:
        raise click.UsageError("--topic says what a sample is of; give the log with --sample.")
    if log is not None and len(files) > 1:
        raise click.UsageError("--sample takes one FILE, whose mapping it shows.")
    if log == "-" and str(files[0]) == "-":
        raise click.UsageError("standard input is either FILE or the sample; give a path for one of them.")
