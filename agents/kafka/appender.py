"""Appending single records: ticks and proposals to source topics, standards to the control topic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaProducer

from agents.kafka.producer import close_producer, producer_options, start_producer

if TYPE_CHECKING:
    from agents.settings.settings import Settings

_START_SECONDS: Final = 20.0
_SEND_SECONDS: Final = 20.0


class Appender:
    """Writes one record at a time, outside of transactions; connects at the first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, topic: str, partition: int, key: bytes | None, value: bytes) -> None:
        """Append a record, and wait until Kafka has acknowledged it.

        Raises:
            KafkaError, TimeoutError: it is unknown whether the record is written.
        """
        producer = await self._connected()
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await producer.send_and_wait(topic, value, key=key, partition=partition)
        except BaseException:
            # After a failure the next record gets a new producer.
            if self._producer is producer:
                self._producer = None
            await close_producer(producer)
            raise

    async def close(self) -> None:
        """Close the producer, if there is one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_producer(producer)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(**producer_options(self._settings))
                await start_producer(producer, _START_SECONDS)
                self._producer = producer
            return self._producer
