"""Readiness and health of a worker: whether its figures are complete, and if not, what is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agents.status.worker import State
from streams.texts.phrase import Language, Phrase
from streams.texts.states import States

if TYPE_CHECKING:
    from agents.status.worker import PartitionStatus, WorkerStatus

_OF_STATES: Final = {
    State.STARTING: States.WORKER_STARTING,
    State.RECOVERING: States.WORKER_RECOVERING,
    State.STALLED: States.WORKER_STALLED,
    State.EVICTED: States.WORKER_EVICTED,
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why a worker is not ready, or not healthy."""

    phrase: Phrase
    values: Mapping[str, object] = field(default_factory=dict)

    def say(self, language: Language) -> str:
        """The obstacle as a sentence."""
        return self.phrase.say(language, **self.values)


def obstacles(status: WorkerStatus) -> tuple[Obstacle, ...]:
    """Why a worker is not ready; empty once it runs and has caught up with every assigned partition.

    A running worker without partitions is ready: it stands by for those of others.
    """
    own = (Obstacle(_OF_STATES[status.state]),) if status.state in _OF_STATES else ()
    return own + tuple(found for partition in status.partitions if (found := _behind(partition)))


def ailments(status: WorkerStatus) -> tuple[Obstacle, ...]:
    """Why a worker should be restarted; empty while it is healthy."""
    return () if status.state.healthy else (Obstacle(_OF_STATES[status.state]),)


def _behind(partition: PartitionStatus) -> Obstacle | None:
    place: dict[str, object] = {"topic": partition.topic, "partition": partition.partition}
    if partition.recovering:
        return _recovering(partition, place)
    if partition.caught_up:
        return None
    if partition.lag is None:
        return Obstacle(States.PARTITION_UNREAD, place)
    return Obstacle(States.PARTITION_BEHIND, place | {"lag": partition.lag})


def _recovering(partition: PartitionStatus, place: dict[str, object]) -> Obstacle:
    if partition.saved_offset is None:
        return Obstacle(States.PARTITION_STATE_UNREAD, place)
    again = max(0, partition.saved_offset - partition.next_offset)
    return Obstacle(States.PARTITION_FOLDED_AGAIN, place | {"count": again})
