"""Topics with events on a real Kafka, and how far workers and their group have counted them."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.services.kafka import Kafka
from tests.services.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SERVICES = 11
#: Events lie this far before now, so that none is late or ahead.
SECONDS_AGO = 20


def events(count: int, *, prefix: str = "service", id_prefix: str | None = None) -> list[tuple[bytes, bytes]]:
    """Keys and values of ``count`` interactions of 11 services, all good."""
    began = time.time() - SECONDS_AGO
    rows = []
    for number in range(count):
        service = f"{prefix}-{number % SERVICES}"
        event = {"time": round(began + number / count, 3), "service": service, "step": "answer", "duration": 0.25}
        if id_prefix is not None:
            event["id"] = f"{id_prefix}-{number}"
        rows.append((service.encode(), json.dumps(event).encode()))
    return rows


def send(broker: str, topic: str, rows: Iterable[tuple[bytes, bytes | None]], *, partition: int | None = None) -> None:
    async def sending() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20, max_batch_size=262_144)
        await producer.start()
        try:
            waiting = [await producer.send(topic, value, key=key, partition=partition) for key, value in rows]
            await asyncio.gather(*waiting)
        finally:
            await producer.stop()

    asyncio.run(sending())


def group_offsets(kafka: Kafka, group: str, broker: str | None = None) -> dict[tuple[str, int], int]:
    with closing(kafka.admin(broker)) as admin:
        listed = admin.list_group_offsets(group)[group]
    return {(tp.topic, tp.partition): found.offset for tp, found in listed.items() if found.offset >= 0}


def log_ends(kafka: Kafka, topics: Sequence[str], partitions: int) -> dict[tuple[str, int], int]:
    async def asking() -> dict[Any, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
        await consumer.start()
        try:
            ends: dict[Any, int] = await consumer.end_offsets(
                [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
            )
            return ends
        finally:
            await consumer.stop()

    return {(tp.topic, tp.partition): end for tp, end in asyncio.run(asking()).items() if end}


def read_all(broker: str, topic: str, **options: str) -> list[Any]:
    async def reading() -> list[Any]:
        consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", **options)
        await consumer.start()
        try:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            end = (await consumer.end_offsets([partition]))[partition]
            records: list[Any] = []
            while await consumer.position(partition) < end:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
            return records
        finally:
            await consumer.stop()

    return asyncio.run(reading())


def accepted(*workers: Worker) -> int:
    return sum(worker.status().get("events", {}).get("accepted", 0) for worker in workers)


def figures(*workers: Worker) -> dict[str, int]:
    """Interactions by service, over all workers; a service that two of them show would show as twice as many."""
    found: dict[str, int] = {}
    for worker in workers:
        status, body = worker.answer("/metrics")
        assert status == 200, body
        for line in body.decode().splitlines():
            if line.startswith("slm_interactions_total{"):
                service = line.partition('service="')[2].partition('"')[0]
                found[service] = found.get(service, 0) + round(float(line.rpartition(" ")[2]))
    return found


def source(kafka: Kafka, partitions: int = 4, **settings: str) -> str:
    """A topic with events, beside the monitor's own topics."""
    kafka.create_own_topics()
    return kafka.create_topic(partitions=partitions, settings={"message.timestamp.type": "LogAppendTime", **settings})
