"""The newest records of the rekeyed topic, and which of its records are committed for good.

A committed transaction is not necessarily complete. Kafka acknowledges the commit when it is certain, and writes the
markers to the partitions after that; version 4.3.1 omits those without a leader (KAFKA-20734), where that part of the
transaction hangs and may end otherwise. Therefore a transaction becomes a baseline only once all partitions have ended
it, and a new owner checks the records after the last baseline, partition by partition.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.kafka.log_reader import reader
from streams.decoding.batch import record_digest
from streams.decoding.rekeying import SOURCE, origin_of, place_of

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord

    from agents.settings.settings import Settings
    from streams.decoding.batch import SourcePartition

_WAIT_MS: Final = 200
_PATIENCE_SECONDS: Final = 45.0
_POLL_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 10.0
#: Offset that stands for no record.
NOTHING: Final = -1


class TailRecord(NamedTuple):
    """A record of a source partition: its offset there, and the digest of its value in the rekeyed topic."""

    offset: int
    digest: str


@dataclass(slots=True)
class Tail:
    """The newest records of one source partition in the rekeyed topic.

    ``last`` are their source offsets by partition of the rekeyed topic; ``newest`` is the newest of all.
    """

    last: list[int]
    newest: TailRecord | None = None

    def note(self, partition: int, offset: int, value: bytes | None) -> None:
        """Note the next record of ``partition``: its source ``offset`` and its value."""
        self.last[partition] = max(self.last[partition], offset)
        if self.newest is None or offset > self.newest.offset:
            self.newest = TailRecord(offset, record_digest(value))


class Tails:
    """Reads the rekeyed topic for lanes that take over source partitions.

    Args:
        settings: as resolved.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._begun = 0
        self._done = 0
        self._found: dict[str, Tail] = {}

    async def since(self, source: SourcePartition, ends: Sequence[int]) -> Tail:
        """The tail of ``source`` from ``ends`` on, offsets by partition. Open transactions of others are waited for.

        Raises:
            KafkaError, TimeoutError: the topic cannot be read up to its current end.
        """
        return (await self._read(ends)).get(place_of(*source)) or Tail([NOTHING] * len(ends))

    async def whole(self, source: SourcePartition, partitions: int) -> Tail:
        """The same from the beginning of all ``partitions``; concurrent calls share one reading. Raises as `since`."""
        called = self._begun
        async with self._lock:
            # A reading that began before this call may have missed the last transaction.
            if self._done <= called:
                self._begun += 1
                self._found = await self._read([0] * partitions)
                self._done = self._begun
        return self._found.get(place_of(*source)) or Tail([NOTHING] * partitions)

    async def _read(self, ends: Sequence[int]) -> dict[str, Tail]:
        places = {TopicPartition(self._settings.rekeyed_topic, number): end for number, end in enumerate(ends)}
        async with reader(self._settings, committed=False) as consumer:
            until: dict[Any, int] = await consumer.end_offsets(list(places))
        found: dict[str, Tail] = {}
        async for record in self._records(places, until):
            header = next((value for name, value in record.headers if name == SOURCE), b"")
            if origin := origin_of(header):
                place, offset = origin
                found.setdefault(place, Tail([NOTHING] * len(ends))).note(record.partition, offset, record.value)
        return found

    async def _records(self, starts: dict[Any, int], until: dict[Any, int]) -> AsyncIterator[ConsumerRecord]:
        """Committed records of each partition from its start up to the end given by ``until``."""
        left = {tp for tp, start in starts.items() if start < until[tp]}
        async with reader(self._settings, committed=True) as consumer:
            consumer.assign(sorted(left))
            for tp in left:
                consumer.seek(tp, starts[tp])
            moved = time.monotonic()
            while left:
                fetched = await consumer.getmany(*left, timeout_ms=_WAIT_MS)
                for records in fetched.values():
                    for record in records:
                        yield record
                now = time.monotonic()
                moved = now if fetched else moved
                if now - moved > _PATIENCE_SECONDS:
                    raise TimeoutError("a transaction in the rekeyed topic does not end")
                left = {tp for tp in left if await consumer.position(tp) < until[tp]}


class StableEnds:
    """The last stable offsets of the rekeyed topic: all records before them are committed or aborted for good.

    Args:
        settings: as resolved.

    ``ends`` are these offsets by partition, as they were at ``asked``, in seconds of the monotonic clock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.ends: tuple[int, ...] = ()
        self.asked = 0.0

    async def run(self) -> None:
        """Ask for them every `_POLL_SECONDS`, until cancelled."""
        while True:
            try:
                async with reader(self._settings, committed=True) as consumer:
                    while True:
                        await self._ask(consumer)
                        await asyncio.sleep(_POLL_SECONDS)
            except (KafkaError, TimeoutError, OSError):
                await asyncio.sleep(_POLL_SECONDS)

    async def _ask(self, consumer: AIOKafkaConsumer) -> None:
        topic = self._settings.rekeyed_topic
        now = time.monotonic()
        async with asyncio.timeout(_ANSWER_SECONDS):
            numbers = sorted(consumer.partitions_for_topic(topic) or (0,))
            ends: dict[Any, int] = await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
        self.ends, self.asked = tuple(ends[TopicPartition(topic, number)] for number in numbers), now

    def reach(self, ends: Sequence[int]) -> bool:
        """Whether all records before ``ends``, offsets by partition, are committed or aborted for good."""
        return len(self.ends) >= len(ends) and all(mine >= other for mine, other in zip(self.ends, ends, strict=False))
