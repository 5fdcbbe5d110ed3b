"""The records that an owner appends to its source partitions: ticks while they are idle, proposals of new standards.

A tick or a proposal takes effect when it is read from the log, by the owner of the partition at that time; repetitions
change nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from streams.events import control_records

if TYPE_CHECKING:
    from agents.control.topic import ControlTopic
    from agents.files.standards_file import StandardsFile
    from agents.kafka.appender import Appender
    from agents.worker.partitions.owned import OwnedPartition
    from streams.decoding.batch import SourcePartition

log = logging.getLogger(__name__)

#: Seconds after which a failed append, or a proposal that was not read yet, is repeated.
_AGAIN_SECONDS: Final = 20.0


@dataclass(slots=True)
class Upkeep:
    """Appends control records to owned partitions. Times are seconds of a monotonic clock.

    ``ticks`` is the number appended; ``refused``: Kafka does not let this worker write to a source topic.
    """

    append: Appender
    control: ControlTopic
    file: Callable[[], StandardsFile]
    tick_seconds: float
    ticks: int = 0
    refused: bool = False
    _moved: dict[SourcePartition, tuple[int, float]] = field(default_factory=dict)
    _proposed: dict[SourcePartition, tuple[str, float]] = field(default_factory=dict)
    _not_before: float = 0.0

    async def look(self, partitions: Iterable[OwnedPartition], now: float) -> None:
        """Append what ``partitions`` need at ``now``."""
        owned = list(partitions)
        self._notice(owned, now)
        if now < self._not_before:
            return
        try:
            for one in owned:
                await self._tick(one, now)
                await self._propose(one, now)
        except TopicAuthorizationFailedError as error:
            self._note_refusal(error)
            self._not_before = now + _AGAIN_SECONDS
        except (KafkaError, TimeoutError) as error:
            log.info("A tick or a proposal could not be appended: %r", error)
            self._not_before = now + _AGAIN_SECONDS

    def _notice(self, owned: Iterable[OwnedPartition], now: float) -> None:
        """Note when each partition last moved."""
        before, self._moved = self._moved, {}
        for one in owned:
            last = before.get(one.source)
            still = last is not None and last[0] == one.log_end
            self._moved[one.source] = last if still and last is not None else (one.log_end, now)
        self._proposed = {source: last for source, last in self._proposed.items() if source in self._moved}

    async def _tick(self, one: OwnedPartition, now: float) -> None:
        position, since = self._moved[one.source]
        if not is_idle(one) or now - since < self.tick_seconds:
            return
        self._moved[one.source] = position, now  # as if it had moved, until the tick is read
        await self.append(*one.source, None, control_records.tick())
        self.ticks += 1
        self.refused = False

    async def _propose(self, one: OwnedPartition, now: float) -> None:
        file = self.file()
        digest = file.standards.digest
        last = self._proposed.get(one.source)
        if not wants(one, file) or (last is not None and last[0] == digest and now - last[1] < _AGAIN_SECONDS):
            return
        await self.control.publish(file)
        await self.append(*one.source, None, control_records.standards(digest, file.written_ms))
        self._proposed[one.source] = digest, now

    def _note_refusal(self, error: KafkaError) -> None:
        if not self.refused:
            log.warning("Kafka lets this worker append neither ticks nor standards: %r", error)
        self.refused = True


def is_idle(one: OwnedPartition) -> bool:
    """Whether a tick would advance the partition: it is read to its end, and brokers stamp its records."""
    read = one.caught_up and not one.lag and not one.engine.restoring
    return read and one.create_time is False and one.engine.tickable


def wants(one: OwnedPartition, file: StandardsFile) -> bool:
    """Whether the standards of ``file`` have to be proposed to a partition.

    New ones have to be. Those that it had before are proposed only if the file was written, or read again on request,
    after the newest proposal: a worker that restarts with an old file changes nothing.
    """
    if not one.caught_up or one.engine.restoring:
        return False
    latest = one.engine.latest_standards
    if latest.hash == file.standards.digest:
        return False
    known = file.standards.digest in one.engine.standards_history
    return not known or file.written_ms > latest.proposed_ms
