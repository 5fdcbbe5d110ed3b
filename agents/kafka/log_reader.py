"""Reading ranges of logs with aiokafka: rows of state, the control topic, single records of a source."""

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
#: Longest wait for a single record.
_RECORD_SECONDS: Final = 10.0


@contextlib.asynccontextmanager
async def reader(settings: Settings, *, committed: bool) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group; ``committed``: it reads records of committed transactions only.

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
            async with asyncio.timeout(_CLOSE_SECONDS):
                await consumer.stop()


async def log_end(settings: Settings, topic: str, partition: int) -> int:
    """The offset after the last record of a log, whether its transaction is committed or not."""
    tp = TopicPartition(topic, partition)
    async with reader(settings, committed=False) as consumer:
        consumer.assign([tp])  # looks up the leader now, instead of failing a first attempt without it
        consumer.pause(tp)
        ends: dict[Any, int] = await consumer.end_offsets([tp])
    return ends[tp]


async def read_committed(settings: Settings, topic: str, partition: int) -> AsyncIterator[list[Pair]]:
    """Keys and values of every committed record of a log up to its current end, in batches of the log.

    Waits for open transactions of others, since records before that end may belong to them.
    """
    end = await log_end(settings, topic, partition)
    tp = TopicPartition(topic, partition)
    async with reader(settings, committed=True) as consumer:
        fetch_pairs(consumer)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        while await consumer.position(tp) < end:
            for batches in (await consumer.getmany(tp, timeout_ms=_WAIT_MS)).values():
                for pairs in batches:
                    yield pairs


async def read_range(
    settings: Settings, topic: str, partition: int, *, first: int, committed: bool
) -> AsyncIterator[ConsumerRecord]:
    """Records of a log from offset ``first`` on (negative: counted from the end) up to its current end.

    ``committed``: only those of committed transactions, up to the first open transaction.
    """
    tp = TopicPartition(topic, partition)
    async with reader(settings, committed=committed) as consumer:
        consumer.assign([tp])
        beginnings, ends = await consumer.beginning_offsets([tp]), await consumer.end_offsets([tp])
        end: int = ends[tp]
        consumer.seek(tp, max(beginnings[tp], first if first >= 0 else end + first))
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(tp, timeout_ms=_WAIT_MS)).values():
                for record in records:
                    yield record


async def record_at(settings: Settings, topic: str, partition: int, offset: int) -> ConsumerRecord | None:
    """The record at ``offset``, which is within the log; None if the log has none there.

    Raises:
        TimeoutError: the broker returned neither it nor a later one in time.
    """
    tp = TopicPartition(topic, partition)
    async with reader(settings, committed=False) as consumer, asyncio.timeout(_RECORD_SECONDS):
        consumer.assign([tp])
        consumer.seek(tp, offset)
        while await consumer.position(tp) <= offset:
            found = await consumer.getmany(tp, timeout_ms=_WAIT_MS, max_records=1)
            for records in found.values():
                return records[0] if records[0].offset == offset else None
    return None
