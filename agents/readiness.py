"""Whether a worker's figures are complete, and if not, what they still wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.status import State
from streams.texts import Language, Phrase, States

if TYPE_CHECKING:
    from agents.status import PartitionStatus, WorkerStatus


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that a worker waits for before it is ready."""

    phrase: Phrase
    values: Mapping[str, object] = field(default_factory=dict)

    def say(self, language: Language) -> str:
        """The obstacle as a sentence."""
        return self.phrase.say(language, **self.values)


def obstacles(status: WorkerStatus) -> tuple[Obstacle, ...]:
    """What keeps a worker from being ready; nothing once it runs and has caught up with every assigned partition.

    A running worker without partitions is ready: it stands by for those of others.
    """
    if status.state is State.STARTING:
        return (Obstacle(States.WORKER_STARTING),)
    own = (Obstacle(States.WORKER_STALLED),) if status.state is State.STALLED else ()
    return own + tuple(_behind(partition) for partition in status.partitions if not partition.caught_up)


def _behind(partition: PartitionStatus) -> Obstacle:
    place: dict[str, object] = {"topic": partition.topic, "partition": partition.partition}
    if partition.lag is None:
        return Obstacle(States.PARTITION_UNREAD, place)
    return Obstacle(States.PARTITION_BEHIND, place | {"lag": partition.lag})
