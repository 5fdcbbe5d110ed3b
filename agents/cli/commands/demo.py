"""`slm demo`: the product at work, with nothing but Python."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from agents.cli.options import connection_options, setting_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from agents.exits import Exit
    from agents.settings.settings import Settings
    from streams.texts.phrase import Language

_BOUNDS: Final = "histogram_bounds"
_KEEPS_NOTHING: Final = "the broker runs inside this process and keeps nothing: what you see ends with it"


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
@setting_option(_BOUNDS)
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
    from streams.texts.phrase import Language

    with _broker(options, config, web_port) as (settings, ephemeral):
        code = _run(settings, seed, rate, seconds, Language(language), ephemeral=ephemeral)
    sys.exit(code)


@contextmanager
def _broker(
    options: Mapping[str, object], config: Path | None, web_port: int | None
) -> Iterator[tuple[Settings, bool]]:
    """Settings for the Kafka that ``options`` name, or for a broker that lives as long as the body."""
    from agents.demo.demonstration import GROUP, TOPICS
    from agents.demo.embedded_broker import EmbeddedBroker
    from agents.demo.publisher import TOPIC
    from agents.settings.settings import Settings

    own = {"topics": TOPIC, "group": GROUP, **TOPICS}
    if options["broker"]:
        settings = Settings.resolve({**options, **own}, os.environ, config)
        _create_topics(settings)
        yield _with_free_port(settings, web_port), False
        return
    with EmbeddedBroker() as broker:
        given = {**own, "broker": broker.address, _BOUNDS: options[_BOUNDS]}
        settings = Settings.resolve(given, _meant_for_all(os.environ), config)
        yield _with_free_port(settings, web_port), True


def _meant_for_all(environ: Mapping[str, str]) -> Mapping[str, str]:
    """What the environment says about /metrics, which concerns the demonstration too; a broker there does not."""
    from agents.settings.setting import PREFIX

    variable = PREFIX + _BOUNDS.upper()
    return {variable: environ[variable]} if variable in environ else {}


def _create_topics(settings: Settings) -> None:
    from agents.kafka import topics
    from agents.kafka.admin import administration

    with administration(settings, _say) as admin:
        cluster = topics.Cluster(admin)
        plan = topics.Plan(min(topics.MOST_REPLICAS, cluster.brokers()))
        used = {*settings.sources, *settings.own_topics.values()}
        wanted = [topic for topic in topics.table(settings) if topic.name in used]
        found = cluster.find([topic.name for topic in wanted])
        sources = [found[name].partitions for name in settings.topics if name in found]
        for topic in wanted:
            if topic.name not in found:
                cluster.create(topic, plan.partitions_to_create(topic, sources), plan.replicas)
                _say(f"created the topic {topic.name}")


def _with_free_port(settings: Settings, web_port: int | None) -> Settings:
    from dataclasses import replace

    from agents.demo.demonstration import free_port

    wanted = web_port or settings.web_port
    port = free_port(settings.web_host, wanted)
    if port != wanted:
        _say(f"port {wanted} is taken; the status page is on {port}")
    return replace(settings, web_port=port)


def _run(
    settings: Settings, seed: int, rate: float, seconds: float | None, language: Language, *, ephemeral: bool
) -> Exit:
    from rich.console import Console

    from agents.cli import log
    from agents.cli.terminal.screen import PLAIN_WIDTH, Screen
    from agents.demo.demonstration import Demonstration

    log.configure()
    title = f"Status page: http://{settings.web_host}:{settings.web_port}/  (metrics: /metrics; stop with Ctrl-C)"
    click.echo(title)
    if ephemeral:
        _say(_KEEPS_NOTHING)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    with Screen(console, language, title) as screen:
        demonstration = Demonstration(settings, seed, rate, seconds, ephemeral, screen.show)
        return asyncio.run(demonstration.run(screen.summary))


def _say(line: str) -> None:
    click.echo(f"slm: {line}", err=True)
