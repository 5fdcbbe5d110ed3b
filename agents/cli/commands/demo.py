"""`slm demo`: the product at work, with nothing but Python. What it does is in `agents.cli.processes.demonstration`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agents.cli import garbage
from agents.cli.options import connection_options, setting_option
from streams.texts.phrase import Language


@click.command("demo")
@click.option("--seconds", metavar="N", type=click.FloatRange(min=1), help="End after so many seconds, with a summary.")
@click.option(
    "--seed", metavar="S", type=click.IntRange(min=0), default=1, show_default=True, help="Another seed, another day."
)
@click.option(
    "--rate",
    metavar="R",
    type=click.FloatRange(min=1, max=20_000),
    default=200,
    show_default=True,
    help="Events a second.",
)
@click.option(
    "--web-port", metavar="PORT", type=click.IntRange(1, 65_535), help="Port of the status page. [default: 9464]"
)
@setting_option("histogram_bounds")
@click.option(
    "--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the table."
)
@connection_options
def command(
    seconds: float | None,
    seed: int,
    rate: float,
    web_port: int | None,
    language: str,
    *,
    config: Path | None,
    **options: object,
) -> None:
    """Watch a simulated service floor: a hotline, a hotel and a payments API, with a rush and an outage in a minute.

    The broker is a small one inside this process, unless --broker names a Kafka; there the events go to the topic
    service-events-demo, which is created if it is missing. Everything else is the worker as `slm run` runs it.
    """
    with garbage.untouched():
        from agents.cli.processes import demonstration
    sys.exit(
        demonstration.run(options, config, Language(language), web_port=web_port, seed=seed, rate=rate, seconds=seconds)
    )
