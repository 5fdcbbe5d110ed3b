"""What the rekeyed topic holds, as far as anything hangs on it: its newest records, and what of them is there for good.

That a transaction has been committed does not quite mean that all of it is there. Kafka answers once it will commit,
and marks the partitions one by one after that; version 4.3.1 leaves out those that have no leader then (KAFKA-20734),
and their part waits for an end that may turn out to be another. So a transaction counts as a baseline only when the
partitions have ended it, and who takes over looks at what came after the last baseline, partition by partition.
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
#: Before the first record.
NOTHING: Final = -1


class TailRecord(NamedTuple):
    """A record of a source partition: its offset there, and what tells its value in the rekeyed topic."""

    offset: int
    digest: str


@dataclass(slots=True)
class Tail:
    """The newest records of one source partition in the rekeyed topic: of all, and the offset in each partition."""

    last: list[int]
    newest: TailRecord | None = None

    def note(self, partition: int, offset: int, value: bytes | None) -> None:
        """Take the next record of ``partition``."""
        self.last[partition] = max(self.last[partition], offset)
        if self.newest is None or offset > self.newest.offset:
            self.newest = TailRecord(offset, record_digest(value))


class Tails:
    """Reads the rekeyed topic for those who take source partitions over.

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
        """What is there of ``source`` from ``ends`` on. Transactions that others have open are waited for.

        Raises:
            KafkaError, TimeoutError: the topic cannot be read up to where it ends now.
        """
        return (await self._read(ends)).get(place_of(*source)) or Tail([NOTHING] * len(ends))

    async def whole(self, source: SourcePartition, partitions: int) -> Tail:
        """The same from the beginning of all ``partitions``; one reading serves all who wait for it. Raises as well."""
        called = self._begun
        async with self._lock:
            # A reading that had begun before may not have seen the last transaction.
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
        """Committed records of each partition from its start up to where it ended."""
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
    """Up to where the partitions of the rekeyed topic are there for good: before the first transaction without an end.

    Args:
        settings: as resolved.

    ``ends`` are these offsets by partition, as they were at ``asked``, in seconds of the steady clock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.ends: tuple[int, ...] = ()
        self.asked = 0.0

    async def run(self) -> None:
        """Ask for them again and again."""
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
        """Whether everything before ``ends`` is there for good."""
        return len(self.ends) >= len(ends) and all(mine >= other for mine, other in zip(self.ends, ends, strict=False))
