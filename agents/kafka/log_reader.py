"""Reading ranges of topics with aiokafka: rows of state, the control topic, single records of a source."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.kafka.fetching import fetch_pairs
from agents.kafka.security import client_options_aiokafka

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from agents.kafka.fetching import Pair
    from agents.settings.settings import Settings

_REQUEST_TIMEOUT_MS: Final = 10_000
_FETCH_BYTES: Final = 4 * 1024 * 1024
_WAIT_MS: Final = 200
_CLOSE_SECONDS: Final = 2.0
#: A single record is waited for so long.
_RECORD_SECONDS: Final = 10.0


@contextlib.asynccontextmanager
async def reader(settings: Settings, *, committed: bool) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group; ``committed``: it sees records of committed transactions only.

    Raises:
        KafkaError: the broker cannot be reached.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.bootstrap),
        client_id="service-level-monitor",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed else "read_uncommitted",
        max_partition_fetch_bytes=_FETCH_BYTES,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **client_options_aiokafka(settings),
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(consumer.stop(), _CLOSE_SECONDS)


async def log_end(settings: Settings, topic: str, partition: int) -> int:
    """The offset behind the last record of a log, be its transaction committed or not."""
    place = TopicPartition(topic, partition)
    async with reader(settings, committed=False) as consumer:
        consumer.assign([place])  # looks for its leader now, and not after a first attempt without one
        consumer.pause(place)
        ends: dict[Any, int] = await consumer.end_offsets([place])
    return ends[place]


async def read_committed(settings: Settings, topic: str, partition: int) -> AsyncIterator[list[Pair]]:
    """Keys and values of every committed record of a log, up to its end as it is now, a batch of the log at a time.

    Transactions that others have open are waited for: what lies before that end may be theirs.
    """
    end = await log_end(settings, topic, partition)
    place = TopicPartition(topic, partition)
    async with reader(settings, committed=True) as consumer:
        fetch_pairs(consumer)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        while await consumer.position(place) < end:
            for batches in (await consumer.getmany(place, timeout_ms=_WAIT_MS)).values():
                for pairs in batches:
                    yield pairs


async def read_range(
    settings: Settings, topic: str, partition: int, *, first: int, committed: bool
) -> AsyncIterator[ConsumerRecord]:
    """Records of a log from ``first`` on (negative: so many before the end) up to its end as it is now.

    ``committed``: those of committed transactions only, and up to the first that is undecided.
    """
    place = TopicPartition(topic, partition)
    async with reader(settings, committed=committed) as consumer:
        consumer.assign([place])
        beginnings, ends = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
        end: int = ends[place]
        consumer.seek(place, max(beginnings[place], first if first >= 0 else end + first))
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(place, timeout_ms=_WAIT_MS)).values():
                for record in records:
                    yield record


async def record_at(settings: Settings, topic: str, partition: int, offset: int) -> ConsumerRecord | None:
    """The record at ``offset``, which is within the log; None where the log has none.

    Raises:
        TimeoutError: the broker gave neither it nor a later one.
    """
    place = TopicPartition(topic, partition)
    async with reader(settings, committed=False) as consumer, asyncio.timeout(_RECORD_SECONDS):
        consumer.assign([place])
        consumer.seek(place, offset)
        while await consumer.position(place) <= offset:
            found = await consumer.getmany(place, timeout_ms=_WAIT_MS, max_records=1)
            for records in found.values():
                return records[0] if records[0].offset == offset else None
    return None
