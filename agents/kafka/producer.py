"""The aiokafka producers of a worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from agents.kafka.security import client_options_aiokafka

if TYPE_CHECKING:
    from agents.settings.settings import Settings

log = logging.getLogger(__name__)

_REQUEST_TIMEOUT_MS: Final = 10_000
#: Bytes: room for a part of a row of state, or for a record of dead letters, and its framing.
_MAX_REQUEST: Final = 2 * 1024 * 1024
_MAX_BATCH: Final = 512 * 1024
_CLOSE_SECONDS: Final = 2.0


def producer_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of every aiokafka producer of a worker."""
    return {
        "bootstrap_servers": list(settings.bootstrap),
        "client_id": "service-level-monitor",
        "acks": "all",
        "enable_idempotence": True,
        "request_timeout_ms": _REQUEST_TIMEOUT_MS,
        "max_request_size": _MAX_REQUEST,
        "max_batch_size": _MAX_BATCH,
        "compression_type": "zstd",  # aiokafka uses lz4 at its highest level: five times the time, half as large again
        **client_options_aiokafka(settings),
    }


async def start_producer(producer: AIOKafkaProducer, seconds: float) -> None:
    """Start ``producer`` within ``seconds``; close it on any error.

    Raises:
        KafkaError, TimeoutError: it could not be started.
    """
    try:
        async with asyncio.timeout(seconds):
            await producer.start()
    except BaseException:
        await close_producer(producer)
        raise


def transactional_producer(settings: Settings, transactional_id: str, timeout_seconds: int) -> AIOKafkaProducer:
    """A producer of transactions, not yet started; the coordinator aborts one that is open for ``timeout_seconds``."""
    return AIOKafkaProducer(
        transactional_id=transactional_id,
        transaction_timeout_ms=timeout_seconds * 1_000,
        **producer_options(settings),
    )


@contextlib.asynccontextmanager
async def opening(producer: AIOKafkaProducer, seconds: float) -> AsyncIterator[None]:
    """Start ``producer`` within ``seconds``, run the block, and leave it open; any error of either closes it.

    Raises:
        KafkaError, TimeoutError: it could not be started.
    """
    await start_producer(producer, seconds)
    try:
        yield
    except BaseException:
        await close_producer(producer)
        raise


def add_to_transaction(producer: AIOKafkaProducer, tps: Iterable[tuple[str, int]]) -> None:
    """Add partitions to the current transaction of ``producer``, though it has no record for them."""
    for tp in tps:
        producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(*tp))  # noqa: SLF001 - there is no public way


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Stop ``producer``; abandon what it has in flight if that takes longer than `_CLOSE_SECONDS`."""
    stopping = asyncio.ensure_future(producer.stop())
    done, _ = await asyncio.wait({stopping}, timeout=_CLOSE_SECONDS)
    if done:
        _note_failure(stopping)
        return
    # aiokafka would keep retrying for as long as the broker is away.
    stopping.cancel()
    sender = producer._sender.sender_task  # noqa: SLF001 - there is no public way
    if sender is not None:
        sender.cancel()
    with contextlib.suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await producer.client.close()


def _note_failure(ended: asyncio.Future[None]) -> None:
    error = ended.exception()
    if error is not None:
        log.info("A producer ended with %r.", error)
