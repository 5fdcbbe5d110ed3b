"""The process of `slm demo`: which broker it takes, its topics and its port, and the screen that shows it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from agents.cli import log
from agents.cli.terminal.screen import PLAIN_WIDTH, Screen
from agents.demo.demonstration import GROUP, TOPICS, Demonstration, free_port
from agents.demo.embedded_broker import EmbeddedBroker
from agents.demo.publisher import TOPIC
from agents.exits import Exit
from agents.kafka import topics
from agents.kafka.admin import administration
from agents.settings.setting import PREFIX
from agents.settings.settings import Settings
from streams.texts.phrase import Language

#: The one setting that the embedded broker's demonstration takes from options and environment.
BOUNDS: Final = "histogram_bounds"
_KEEPS_NOTHING: Final = "the broker runs inside this process and keeps nothing: what you see ends with it"


def run(
    options: Mapping[str, object],
    config: Path | None,
    language: Language,
    *,
    web_port: int | None,
    seed: int,
    rate: float,
    seconds: float | None,
) -> Exit:
    """Demonstrate for ``seconds``, or until a signal; the exit code.

    Args:
        options: settings that were given, by name.
        config: TOML file with settings.
        language: of the tables.
        web_port: of the status page; None: as set.
        seed: of the simulated floor.
        rate: events a second in calm times.
        seconds: None until a signal.

    Raises:
        Fault: a setting is bad, or a broker or the worker cannot go on.
    """
    with _broker(options, config, web_port) as (settings, ephemeral):
        log.configure()
        title = f"Status page: http://{settings.web_host}:{settings.web_port}/  (metrics: /metrics; stop with Ctrl-C)"
        click.echo(title)
        if ephemeral:
            _say(_KEEPS_NOTHING)
        console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
        with Screen(console, language, title) as screen:
            demonstration = Demonstration(settings, seed, rate, seconds, ephemeral, screen.show)
            return asyncio.run(demonstration.run(screen.summary))


@contextmanager
def _broker(
    options: Mapping[str, object], config: Path | None, web_port: int | None
) -> Iterator[tuple[Settings, bool]]:
    """Settings for the Kafka that ``options`` name, or for a broker that lives as long as the body: then True."""
    own = {"topics": TOPIC, "group": GROUP, **TOPICS}
    if options["broker"]:
        settings = Settings.resolve({**options, **own}, os.environ, config)
        _create_topics(settings)
        yield _with_free_port(settings, web_port), False
        return
    with EmbeddedBroker() as broker:
        given = {**own, "broker": broker.address, BOUNDS: options[BOUNDS]}
        settings = Settings.resolve(given, _bounds_alone(os.environ), config)
        yield _with_free_port(settings, web_port), True


def _bounds_alone(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Of the environment the bounds at /metrics: a broker that is set there is not the demonstration's."""
    variable = PREFIX + BOUNDS.upper()
    return {variable: environ[variable]} if variable in environ else {}


def _create_topics(settings: Settings) -> None:
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
    wanted = web_port or settings.web_port
    port = free_port(settings.web_host, wanted)
    if port != wanted:
        _say(f"port {wanted} is taken; the status page is on {port}")
    return replace(settings, web_port=port)


def _say(line: str) -> None:
    click.echo(f"slm: {line}", err=True)
