"""The topics of one run: its own, made as the product makes them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

from agents.kafka import topics
from tests.faults.log.promises import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.services.kafka import Kafka

_REPLICAS = 3
# Small segments, compacted at once: whoever recovers reads what compaction has left.
_BUSY_CLEANER = (
    topics.Wanted("segment.bytes", "1048576"),
    topics.Wanted("min.cleanable.dirty.ratio", "0.01"),
    topics.Wanted("max.compaction.lag.ms", "2000"),
)


@dataclass(frozen=True)
class RunTopics:
    """Names of topics that belong together."""

    source: str
    state: str
    breaches: str
    audit: str
    dead_letters: str
    control: str
    rekeyed: str

    @classmethod
    def create(
        cls,
        kafka: Kafka,
        prefix: str,
        *,
        source_settings: dict[str, str] | None = None,
        partitions: int = PARTITIONS,
        replicas: int = _REPLICAS,
        state_settings: Sequence[topics.Wanted] = _BUSY_CLEANER,
    ) -> Self:
        """Create them, with names that begin with ``prefix``."""
        made = cls(**{row.name: f"{prefix}-{row.name.replace('_', '-')}" for row in fields(cls)})
        further = tuple(topics.Wanted(name, value) for name, value in (source_settings or {}).items())
        source = topics.source(made.source)
        state = replace(topics.STATE, name=made.state)
        wanted = [
            (replace(source, settings=(*source.settings, *further)), partitions),
            (replace(state, settings=(*state.settings, *state_settings)), partitions),
            (replace(topics.BREACHES, name=made.breaches), 1),
            (replace(topics.AUDIT, name=made.audit), 1),
            (replace(topics.DEAD_LETTERS, name=made.dead_letters), 1),
            (replace(topics.CONTROL, name=made.control), 1),
            (replace(topics.REKEYED, name=made.rekeyed), partitions),
        ]
        with closing(kafka.admin()) as admin:
            cluster = topics.Cluster(admin)
            for topic, number in wanted:
                cluster.create(topic, number, replicas)
        return made

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [getattr(self, row.name) for row in fields(self)]

    @property
    def options(self) -> list[str]:
        """Options of ``slm run`` that name them, but for the source."""
        own = [row.name for row in fields(self) if row.name != "source"]
        return [word for name in own for word in (f"--{name.replace('_', '-')}-topic", getattr(self, name))]
