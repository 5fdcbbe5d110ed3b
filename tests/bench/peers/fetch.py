"""How fast aiokafka hands over a topic's records to a loop that does nothing: ``fetch.py BROKER TOPIC COUNT``."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer, TopicPartition


async def fetch(broker: str, topic: str, count: int) -> tuple[int, float]:
    """Read ``count`` records, and say how many came, and within how many seconds from the first on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in await partitions_of(consumer, topic)]
        consumer.assign(partitions)
        read, began = 0, 0.0
        while read < count:
            found = await consumer.getmany(timeout_ms=1_000, max_records=10_000)
            began = began or time.perf_counter()
            read += sum(map(len, found.values()))
        return read, time.perf_counter() - began
    finally:
        await consumer.stop()


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    """Numbers of the partitions of ``topic``."""
    while not (found := consumer.partitions_for_topic(topic)):
        await consumer._client.force_metadata_update()
        await consumer._client.set_topics([topic])
    return sorted(found)


if __name__ == "__main__":
    records, seconds = asyncio.run(fetch(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    print(json.dumps({"events": records, "seconds": seconds}))
