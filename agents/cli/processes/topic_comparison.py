"""The process of `slm topics`: compare topics with what is needed, create missing ones, alter what is safe to alter."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from agents.kafka import topics as wanted
from agents.kafka.admin import administration
from agents.kafka.topics import MISSING, Role, differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.kafka.topics import Cluster, Difference, Found, Plan, Topic
    from agents.settings.settings import Settings

# Longest wait until a change has reached every broker that may answer, and the pause between two looks.
_SETTLING_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2


def run(
    settings: Settings, partitions: int | None, replication: int | None, given: str, *, create: bool, alter: bool
) -> TopicComparison:
    """Compare the topics of ``settings``, then create and alter them as asked; the comparison afterwards.

    Args:
        settings: address and topics.
        partitions: of topics with events; None: as Kafka has them, 4 for new ones.
        replication: replicas; None: 3, or as many as there are brokers.
        given: options to repeat in suggested commands.
        create: create missing topics.
        alter: correct what can be corrected without losing a record.

    Raises:
        Fault: Kafka is not there, or refuses a change.
    """
    with administration(settings, lambda line: click.echo(f"slm: {line}", err=True)) as admin:
        cluster = wanted.Cluster(admin)
        replicas = replication or min(wanted.MOST_REPLICAS, cluster.brokers())
        comparison = TopicComparison(cluster, wanted.table(settings), wanted.Plan(replicas, partitions), given)
        comparison.run(create=create, alter=alter)
    return comparison


@dataclass(slots=True)
class TopicComparison:
    """One run of the command: the topics as found last, and how they differ from what is wanted."""

    cluster: Cluster
    topics: tuple[Topic, ...]
    plan: Plan
    given: str = ""  # options to repeat in suggested commands
    found: dict[str, Found] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def run(self, *, create: bool, alter: bool) -> None:
        """Look, change what was asked for, and look again."""
        self._look()
        if create:
            self._create()
        if alter:
            self._alter()
        if self.changed:
            self._settle(create=create, alter=alter)

    def _settle(self, *, create: bool, alter: bool) -> None:
        """Look again until the changes show, which takes a moment after Kafka has accepted them."""
        deadline = time.monotonic() + _SETTLING_SECONDS
        self._look()
        while self._is_unsettled(create=create, alter=alter) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            self._look()

    @property
    def differences(self) -> list[Difference]:
        """Everything that is not as wanted."""
        return [one for topic in self.topics for one in self._differences(topic)]

    def _look(self) -> None:
        self.found = self.cluster.find([topic.name for topic in self.topics])

    def _differences(self, topic: Topic) -> list[Difference]:
        return differences(topic, self.found.get(topic.name), self.plan, self._sources())

    def _sources(self) -> list[int]:
        """Partitions of the topics with events that exist."""
        sources = [topic.name for topic in self.topics if topic.role is Role.SOURCE]
        return [self.found[name].partitions for name in sources if name in self.found]

    def _create(self) -> None:
        """Create missing topics, sources first: the state topic has as many partitions as they have."""
        for topic in self.topics:
            if topic.name not in self.found:
                number = self.plan.partitions_to_create(topic, self._sources())
                self.found[topic.name] = self.cluster.create(topic, number, self.plan.replicas)
                self.changed.append(f"created {topic.name}")

    def _alter(self) -> None:
        for topic in self.topics:
            if changes := [one for one in self._differences(topic) if one.alterable]:
                self.found[topic.name] = self.cluster.alter(topic, self.found[topic.name], changes)
                self.changed.append(f"altered {topic.name}: {', '.join(one.what for one in changes)}")

    def _is_unsettled(self, *, create: bool, alter: bool) -> bool:
        missing = create and any(topic.name not in self.found for topic in self.topics)
        return missing or (alter and any(one.alterable for one in self.differences))

    def as_text(self) -> str:
        """A table; below it the changes and the differences, one line each."""
        console = Console(width=None if sys.stdout.isatty() else 160)
        with console.capture() as captured:
            console.print(self._table())
        lines = [*self.changed, *(self._sentence(one) for one in self.differences)]
        verdict = _counted(len(self.differences)) if self.differences else "all topics are as they should be"
        return captured.get() + "\n".join([*lines, verdict])

    def _sentence(self, one: Difference) -> str:
        what = MISSING if one.found == MISSING else f"{one.what}: found {one.found}, wanted {one.wanted}"
        remedy = f"{one.remedy}{self.given}" if one.remedy.startswith("slm ") else one.remedy
        return f"{one.topic}: {what}; {remedy}"

    def _table(self) -> Table:
        table = Table("topic", "what for", "partitions", "replicas", "cleanup", "retention", "state", box=SIMPLE_HEAD)
        for topic in self.topics:
            found = self.found.get(topic.name)
            table.add_row(topic.name, topic.purpose, *self._figures(topic, found), self._state(topic, found))
        return table

    def _figures(self, topic: Topic, found: Found | None) -> tuple[str, str, str, str]:
        """Partitions, replicas, cleanup and retention as found; in brackets as they would be created."""
        if found is None:
            number = self.plan.partitions_to_create(topic, self._sources())
            figures = (str(number), str(self.plan.replicas), *_kept({w.name: w.value for w in topic.settings}))
            return tuple(f"({figure})" for figure in figures)  # type: ignore[return-value] # as many as there were
        return (str(found.partitions), str(found.replicas), *_kept(found.settings))

    def _state(self, topic: Topic, found: Found | None) -> str:
        if found is None:
            return "missing"
        number = len(self._differences(topic))
        return _counted(number) if number else "right"

    def as_json(self) -> str:
        """The same as JSON."""
        document = {
            "right": not self.differences,
            "changed": self.changed,
            "topics": [self._row(topic) for topic in self.topics],
            "differences": self.differences,
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()

    def _row(self, topic: Topic) -> dict[str, Any]:
        found = self.found.get(topic.name)
        own: dict[str, Any] = {"name": topic.name, "role": topic.role, "exists": found is not None}
        names = [wanted.name for wanted in topic.settings]
        return own | {
            "partitions": found.partitions if found else None,
            "replicas": found.replicas if found else None,
            "settings": {name: found.settings.get(name) for name in names} if found else None,
        }


def _counted(differences: int) -> str:
    return f"{differences} {'difference' if differences == 1 else 'differences'}"


def _kept(settings: Mapping[str, str]) -> tuple[str, str]:
    """The cleanup policy of a topic, and how long it keeps records."""
    cleanup = settings.get("cleanup.policy", "")
    if cleanup == "compact":
        return cleanup, "newest of each key"
    milliseconds = int(settings.get("retention.ms", "-1"))
    return cleanup, "for ever" if milliseconds < 0 else f"{milliseconds / 86_400_000:g} d"
