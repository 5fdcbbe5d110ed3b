from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from agents.demo import publisher as agents_floor
from agents.demo.embedded_broker import EmbeddedBroker
from agents.demo.publisher import TOPIC, Floor
from agents.settings.settings import Settings
from streams.simulator.floor import Emission, events

START = 1_763_900_000
SECONDS = 3


class Clock:
    """Seconds since 1970 that pass at every look, so that a test need not wait."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        self.now = min(self.now + 0.25, START + SECONDS)
        return self.now


def settings(address: str) -> Settings:
    return Settings.resolve({"broker": address, "topics": TOPIC})


def due(first_ms: int) -> list[Emission]:
    """What the floor is to publish from its start until the clock stands still."""
    until_ms = (START + SECONDS) * 1000
    return [one for one in islice(events(3, first_ms, 100), 2000) if one.at_ms <= until_ms]


async def publish(address: str, count: int) -> list[Any]:
    """Run the floor until ``count`` records are out, and read them."""
    floor = Floor(settings(address), seed=3, rate=100, clock=Clock())
    running = asyncio.create_task(floor.run())
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=address, auto_offset_reset="earliest", metadata_max_age_ms=200)
    await asyncio.wait_for(floor.begun.wait(), 30)
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), 30) for _ in range(count)]
    finally:
        await consumer.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert floor.published == count
    return records


async def test_it_publishes_everything_that_is_due_keyed_by_service_at_its_own_time() -> None:
    expected = due(START * 1000 + 250)
    with EmbeddedBroker() as broker:
        records = await publish(broker.address, len(expected))
    found = sorted((record.timestamp, record.key, record.value) for record in records)
    assert found == sorted((one.at_ms, one.key, one.value) for one in expected)


async def test_a_refused_record_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, **_: object) -> None: ...

        async def start(self) -> None: ...

        async def stop(self) -> None: ...

        async def send(self, *_: object, **__: object) -> asyncio.Future[object]:
            refused: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            refused.set_exception(MessageSizeTooLargeError())
            return refused

    monkeypatch.setattr(agents_floor, "AIOKafkaProducer", Refusing)
    with pytest.raises(KafkaError):
        await asyncio.wait_for(Floor(settings("127.0.0.1:1"), seed=1, rate=100, clock=Clock()).run(), 30)
