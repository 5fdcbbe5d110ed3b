"""`slm send`: publish event logs to Kafka. What it does is in `agents.cli.processes.sending`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agents.cli import garbage
from agents.cli.options import connection_options, resolve


@click.command("send")
@click.argument("files", metavar="FILE…|-", nargs=-1, required=True)
@click.option("--topic", metavar="NAME", help="Topic to send to. [default: the one that the settings name]")
@click.option("--rate", metavar="N", type=click.FloatRange(min=0, min_open=True), help="At most N events a second.")
@click.option("--restart", is_flag=True, help="Send everything, whatever an earlier attempt has sent.")
@click.option("--as-is", is_flag=True, help="Send every line unchecked and unchanged, without adding ids.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@connection_options
def command(
    files: tuple[str, ...],
    topic: str | None,
    rate: float | None,
    *,
    restart: bool,
    as_is: bool,
    as_json: bool,
    config: Path | None,
    **options: object,
) -> None:
    """Publish the events of JSON Lines files (plain, .gz or .zst), or of standard input (-).

    Files are read to their end first: if a line is not an event, every such line is named and nothing is sent. An event
    without an id gets one, from the content of its file and its line, so that sending a file twice counts nothing
    twice. A file that has grown is another file: send what is new.

    An interrupted send goes on where it stopped when the command is given again. Lines of standard input are sent as
    they come; those that are no events are named and left out, and the exit code is 1.
    """
    settings = resolve({**options, "topics": topic}, config)
    with garbage.untouched():
        from agents.cli.processes import sending
    sys.exit(sending.run(settings, files, rate, restart=restart, as_is=as_is, as_json=as_json))
