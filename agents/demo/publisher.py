"""Publishes the simulated floor in real time, beside a worker in the same event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaProducer

from agents.kafka.security import client_options_aiokafka
from streams.simulator.floor import Emission, events

if TYPE_CHECKING:
    from agents.settings.settings import Settings

#: The topic that the floor publishes to.
TOPIC: Final = "service-events-demo"

_TICK_SECONDS: Final = 0.05
# Events between two turns of the event loop, so that a high rate does not hold up the worker.
_AT_ONCE: Final = 200


class Floor:
    """The simulated floor, publishing events as they happen.

    Args:
        settings: with the broker; the first of its topics is published to.
        seed: chooses one of the possible days.
        rate: events a second in calm times.
        clock: seconds since 1970.

    ``begun`` is set once the first records are sent, ``published`` counts records.
    """

    def __init__(self, settings: Settings, *, seed: int, rate: float, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._topic = settings, settings.topics[0]
        self._seed, self._rate, self._clock = seed, rate, clock
        self._refusal: BaseException | None = None
        self.published = 0
        self.begun = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled.

        Raises:
            KafkaError: the broker cannot be reached, or refused a record.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=list(self._settings.bootstrap),
            client_id="slm-floor",
            acks="all",
            linger_ms=20,
            **client_options_aiokafka(self._settings),
        )
        await producer.start()
        try:
            await self._publish(producer)
        finally:
            await producer.stop()

    async def _publish(self, producer: AIOKafkaProducer) -> None:
        coming = events(self._seed, round(self._clock() * 1000), self._rate)
        ahead = next(coming)
        while True:
            ahead = await self._catch_up(producer, ahead, coming)
            self.begun.set()
            if self._refusal is not None:
                raise self._refusal
            await asyncio.sleep(_TICK_SECONDS)

    async def _catch_up(self, producer: AIOKafkaProducer, ahead: Emission, coming: Iterator[Emission]) -> Emission:
        """Send everything that is due; return the first event that is not."""
        due_ms = self._clock() * 1000
        while ahead.at_ms <= due_ms:
            sent = await producer.send(self._topic, ahead.value, key=ahead.key, timestamp_ms=ahead.at_ms)
            sent.add_done_callback(self._acknowledge)
            self.published += 1
            if self.published % _AT_ONCE == 0:
                await asyncio.sleep(0)
            ahead = next(coming)
        return ahead

    def _acknowledge(self, sent: asyncio.Future[object]) -> None:
        if not sent.cancelled():
            self._refusal = self._refusal or sent.exception()
