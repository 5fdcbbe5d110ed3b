"""`slm topics`: compare topics with what is needed. What it does is in `agents.cli.processes.topic_comparison`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agents.cli import garbage
from agents.cli.options import connection_options, resolve
from agents.exits import Exit


@click.command("topics")
@click.option("--create", is_flag=True, help="Create the topics that are missing.")
@click.option("--alter", is_flag=True, help="Correct what differs, where no record can be lost by it.")
@click.option("--topic", "topics", metavar="NAME", multiple=True, help="Topic with events; repeatable.")
@click.option(
    "--partitions",
    metavar="N",
    type=click.IntRange(min=1),
    help="Partitions of topics with events, and of the state that belongs to them. [default: 4 for new ones]",
)
@click.option(
    "--replication",
    metavar="N",
    type=click.IntRange(min=1),
    help="Replicas. [default: 3, or as many as there are brokers]",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@connection_options
def command(
    topics: tuple[str, ...],
    partitions: int | None,
    replication: int | None,
    *,
    create: bool,
    alter: bool,
    as_json: bool,
    config: Path | None,
    **options: object,
) -> None:
    """Say how the topics differ from what the monitor needs, and what would help.

    Without --create or --alter nothing is changed. Nothing is ever deleted, and a topic that has data keeps its number
    of partitions. The exit code is 0 when all is right and 1 when something differs.
    """
    settings = resolve({**options, "topics": topics}, config)
    with garbage.untouched():
        from agents.cli.processes import topic_comparison
    compared = topic_comparison.run(settings, partitions, replication, _given(), create=create, alter=alter)
    click.echo(compared.as_json() if as_json else compared.as_text())
    sys.exit(Exit.NEGATIVE if compared.differences else Exit.DONE)


def _given() -> str:
    """Options of this run that the commands suggested as remedies need as well."""
    asked = click.get_current_context().params
    options = [f" --topic {name}" for name in asked["topics"]]
    options += [f" --{name} {asked[name]}" for name in ("partitions", "replication", "broker", "config") if asked[name]]
    return "".join(options)
