"""Reads a whole topic with aiokafka, and does nothing with it: ``python -m tests.bench.peers.whole BROKER TOPIC``."""

from __future__ import annotations

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.bench.peers.fetch import partitions_of


async def read(broker: str, topic: str) -> dict[str, int]:
    """How many records there are, and how many bytes."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in await partitions_of(consumer, topic)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        records = size = 0
        while any([await consumer.position(place) < ends[place] for place in places]):
            found = await consumer.getmany(timeout_ms=200)
            for some in found.values():
                records += len(some)
                size += sum(len(record.key or b"") + len(record.value or b"") for record in some)
        return {"records": records, "bytes": size}
    finally:
        await consumer.stop()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read(sys.argv[1], sys.argv[2]))))
