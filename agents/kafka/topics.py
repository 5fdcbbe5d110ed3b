"""The topics that the monitor reads and writes, as one table; how existing ones differ from it, and the remedies.

Nothing here deletes anything. No alteration loses records: retention and sizes only grow, and a topic with data keeps
its number of partitions and its cleanup policy.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError, NoError, UnknownTopicOrPartitionError, for_code

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

    from agents.settings.settings import Settings

T = TypeVar("T")

DAY_MS: Final = 86_400_000
FOREVER: Final = -1
DEFAULT_PARTITIONS: Final = 4
MOST_REPLICAS: Final = 3
_SETTLING_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2


class Role(enum.StrEnum):
    """The purpose of a topic, as far as its number of partitions depends on it."""

    SOURCE = "source"  # events come in
    PER_SOURCE = "per-source"  # as many partitions as the sources have
    SINGLE = "single"  # one partition: few records, in one order


class Rule(enum.StrEnum):
    """How the value of a setting is compared with the wanted one."""

    EQUAL = "equal"
    AT_LEAST = "at least"  # -1 stands for no limit


@dataclass(frozen=True, slots=True)
class Wanted:
    """One setting of a topic. ``careful``: a change can lose records, so that only an empty topic is altered."""

    name: str
    value: str
    rule: Rule = Rule.EQUAL
    careful: bool = False

    def is_met(self, found: str | None) -> bool:
        """Whether ``found`` is as wanted; None: the topic does not have the setting."""
        if found is None or self.rule is Rule.EQUAL:
            return found is not None and set(found.split(",")) == set(self.value.split(","))
        return _unlimited(found) >= _unlimited(self.value)


def _unlimited(value: str) -> float:
    return float("inf") if int(value) == FOREVER else int(value)


def _log_append_time() -> Wanted:
    return Wanted("message.timestamp.type", "LogAppendTime")


def _retention(milliseconds: int) -> tuple[Wanted, ...]:
    return (Wanted("cleanup.policy", "delete", careful=True), Wanted("retention.ms", str(milliseconds), Rule.AT_LEAST))


def _largest(size: int) -> Wanted:
    return Wanted("max.message.bytes", str(size), Rule.AT_LEAST)


_COMPACTED: Final = Wanted("cleanup.policy", "compact", careful=True)
# Bytes. An event has at most 64 KiB, a batch of events 1 MiB, the default limit of brokers.
_BATCH: Final = _largest(1_048_588)
# A record with rows of state, or with dead letters, holds many of them.
_LARGE: Final = _largest(8 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as wanted on any cluster."""

    name: str
    role: Role
    purpose: str
    settings: tuple[Wanted, ...]

    def setting(self, name: str) -> str | None:
        """Wanted value of a setting; None: any."""
        return next((wanted.value for wanted in self.settings if wanted.name == name), None)


def source(name: str) -> Topic:
    """A topic with service events. Brokers set its timestamps, which guards against clocks that run fast."""
    settings = (_log_append_time(), *_retention(35 * DAY_MS), _BATCH)
    return Topic(name, Role.SOURCE, "service events, keyed by service", settings)


STATE: Final = Topic(
    "service-level-state", Role.PER_SOURCE, "closed slices, cases and progress of each partition", (_COMPACTED, _LARGE)
)
BREACHES: Final = Topic(
    "service-level-breaches", Role.SINGLE, "breaches, opened and closed", (*_retention(FOREVER), _BATCH)
)
AUDIT: Final = Topic(
    "service-level-audit", Role.SINGLE, "what was decided, and from what", (*_retention(FOREVER), _LARGE)
)
DEAD_LETTERS: Final = Topic(
    "service-level-dead-letters", Role.SINGLE, "rejected events with the reason", (*_retention(35 * DAY_MS), _LARGE)
)
CONTROL: Final = Topic("service-level-control", Role.SINGLE, "standards and exclusions by hash", (_COMPACTED, _LARGE))
REKEYED: Final = Topic(
    "service-level-rekeyed",
    Role.PER_SOURCE,
    "events of several topics, merged by service",
    (_log_append_time(), *_retention(35 * DAY_MS), _BATCH),
)

#: The monitor's own topics by the settings with their names, in the order in which they are shown.
OWN: Final[Mapping[str, Topic]] = {
    "state_topic": STATE,
    "breaches_topic": BREACHES,
    "audit_topic": AUDIT,
    "dead_letters_topic": DEAD_LETTERS,
    "control_topic": CONTROL,
    "rekeyed_topic": REKEYED,
}


def table(settings: Settings) -> tuple[Topic, ...]:
    """All topics that are needed: those with events, and the monitor's own."""
    own = (replace(topic, name=getattr(settings, name)) for name, topic in OWN.items())
    return (*(source(name) for name in settings.topics), *own)


@dataclass(frozen=True, slots=True)
class Found:
    """One existing topic."""

    partitions: int
    replicas: int
    settings: Mapping[str, str]
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of partitions and replicas that topics should have. ``partitions`` None: keep those that exist."""

    replicas: int
    partitions: int | None = None

    def wanted_partitions(self, topic: Topic, sources: Sequence[int]) -> int | None:
        """Wanted number for ``topic``, given the numbers of the existing sources; None: any."""
        if topic.role is Role.SINGLE:
            return 1
        if topic.role is Role.PER_SOURCE and sources:
            return max(sources)
        return self.partitions

    def partitions_to_create(self, topic: Topic, sources: Sequence[int]) -> int:
        """Number of partitions of a new ``topic``."""
        return self.wanted_partitions(topic, sources) or DEFAULT_PARTITIONS


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference from what is wanted, and its remedy. ``alterable``: `slm topics --alter` is the remedy."""

    topic: str
    what: str
    wanted: str
    found: str
    remedy: str
    alterable: bool = False


MISSING: Final = "missing"
PARTITIONS: Final = "partitions"
REPLICAS: Final = "replicas"
_ALTER: Final = "slm topics --alter"


def differences(topic: Topic, found: Found | None, plan: Plan, sources: Sequence[int]) -> list[Difference]:
    """Differences of ``found`` from ``topic``; None: it does not exist."""
    if found is None:
        return [Difference(topic.name, "topic", "exists", MISSING, "slm topics --create")]
    wanted = in_sync(topic, found.replicas)
    broken = [setting for setting in wanted if not setting.is_met(found.settings.get(setting.name))]
    return [
        *_partitions(topic, found, plan.wanted_partitions(topic, sources)),
        *_replicas(topic, found, plan.replicas),
        *(_setting(topic, found, setting) for setting in broken),
    ]


def in_sync(topic: Topic, replicas: int) -> tuple[Wanted, ...]:
    """Settings of ``topic`` with as many in-sync replicas that the loss of one broker loses no record."""
    least = max(1, min(2, replicas - 1))
    return (*topic.settings, Wanted("min.insync.replicas", str(least), Rule.AT_LEAST))


def _partitions(topic: Topic, found: Found, wanted: int | None) -> list[Difference]:
    if wanted is None or found.partitions == wanted:
        return []
    alterable = found.is_empty and found.partitions < wanted
    why_not = "fewer are impossible in Kafka" if found.partitions > wanted else "more would part what is in order now"
    remedy = _ALTER if alterable else f"none that keeps the data ({why_not}): use another topic, or --partitions"
    return [Difference(topic.name, PARTITIONS, str(wanted), str(found.partitions), remedy, alterable)]


def _replicas(topic: Topic, found: Found, wanted: int) -> list[Difference]:
    if found.replicas >= wanted:
        return []
    remedy = f"kafka-reassign-partitions.sh, or accept it with --replication {found.replicas}"
    return [Difference(topic.name, REPLICAS, str(wanted), str(found.replicas), remedy)]


def _setting(topic: Topic, found: Found, wanted: Wanted) -> Difference:
    value = found.settings.get(wanted.name) or "not set"
    change = f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --add-config "
    alterable = found.is_empty or not wanted.careful
    by_hand = f"{change}{wanted.name}={wanted.value}, once you know that no record is needed that this removes"
    prefix = "at least " if wanted.rule is Rule.AT_LEAST else ""
    remedy = _ALTER if alterable else by_hand
    return Difference(topic.name, wanted.name, prefix + wanted.value, value, remedy, alterable)


class Cluster:
    """The cluster's topics, through an administration client. Methods raise kafka-python's `KafkaError`."""

    def __init__(self, admin: KafkaAdminClient) -> None:
        self._admin = admin

    def brokers(self) -> int:
        """Number of brokers in service."""
        return len(self._admin.describe_cluster()["brokers"])

    def find(self, names: Sequence[str]) -> dict[str, Found]:
        """Those of the topics ``names`` that exist.

        Brokers learn of a new topic one after the other, so retriable errors are retried for a few seconds.
        """
        return self._settled(lambda: self._find(names))

    def partitions(self, names: Sequence[str]) -> dict[str, int]:
        """Numbers of partitions of those of the topics ``names`` that exist, with retries as in `find`."""
        rows = self._settled(lambda: self._partitions(names))
        return {name: len(partitions) for name, partitions in rows.items()}

    def _settled(self, ask: Callable[[], T]) -> T:
        deadline = time.monotonic() + _SETTLING_SECONDS
        while True:
            try:
                return ask()
            except KafkaError as error:
                if not error.retriable or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)

    def _find(self, names: Sequence[str]) -> dict[str, Found]:
        rows = self._partitions(names)
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in rows]
        described = self._admin.describe_configs(resources, config_filter="all")["topic"] if rows else {}
        return {
            name: Found(
                partitions=len(partitions),
                replicas=min(len(partition["replica_nodes"]) for partition in partitions),
                settings={key: row["value"] for key, row in described[name].items()},
                is_empty=self._is_empty(name, len(partitions)),
            )
            for name, partitions in rows.items()
        }

    def create(self, topic: Topic, partitions: int, replicas: int) -> Found:
        """Create ``topic`` as wanted, wait until it has leaders, and return it."""
        settings = {wanted.name: wanted.value for wanted in in_sync(topic, replicas)}
        options = {"num_partitions": partitions, "replication_factor": replicas, "configs": settings}
        self._admin.create_topics({topic.name: options}, wait_for_metadata=True)
        return Found(partitions, replicas, settings, is_empty=True)

    def alter(self, topic: Topic, found: Found, changes: Sequence[Difference]) -> Found:
        """Make ``changes`` to ``topic``, all of them alterable, and return it as it will be."""
        names = {change.what for change in changes}
        settings = {w.name: w.value for w in in_sync(topic, found.replicas) if w.name in names}
        if settings:
            answers = self._admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, settings)])
            if (answer := answers["topic"][topic.name]) != "OK":
                raise KafkaError(answer)
        partitions = next((int(change.wanted) for change in changes if change.what == PARTITIONS), found.partitions)
        if partitions > found.partitions:
            self._admin.create_partitions({topic.name: partitions})
        return replace(found, partitions=partitions, settings={**found.settings, **settings})

    def _partitions(self, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        rows = {}
        for row in self._admin.describe_topics(list(names)):
            error = for_code(row["error_code"])
            if error is NoError:
                rows[row["name"]] = row["partitions"]
            elif error is not UnknownTopicOrPartitionError:
                raise error(row["name"])
        return rows

    def _is_empty(self, name: str, partitions: int) -> bool:
        found = [TopicPartition(name, number) for number in range(partitions)]
        starts: Mapping[Any, Any] = self._admin.list_partition_offsets(dict.fromkeys(found, OffsetSpec.EARLIEST))
        ends: Mapping[Any, Any] = self._admin.list_partition_offsets(dict.fromkeys(found, OffsetSpec.LATEST))
        return all(starts[one].offset == ends[one].offset for one in found)
