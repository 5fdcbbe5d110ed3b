"""Sends events of the present at a rate until its input ends: ``python -m tests.bench.sending BROKER TOPIC RATE``.

Prints how many it sent, and within how many seconds.
"""

from __future__ import annotations

import json
import sys
import time
from threading import Event, Thread
from typing import Final

from confluent_kafka import Producer

from tests.bench.floor import Floor

_BEAT_SECONDS: Final = 0.02


def send(broker: str, topic: str, rate: float, over: Event) -> dict[str, float]:
    """Send until ``over``; how many, and how long."""
    options = {"bootstrap.servers": broker, "compression.type": "lz4", "linger.ms": 5, "partitioner": "murmur2_random"}
    producer = Producer(options | {"queue.buffering.max.messages": 1_000_000})
    rows = [(row.key, row.value.partition(b",")[2]) for row in Floor(20_000).rows(0)]
    began, count = time.monotonic(), 0
    while not over.is_set():
        head = b'{"time":%.3f,' % time.time()
        due = int((time.monotonic() - began) * rate)
        for number in range(count, due):
            key, rest = rows[number % len(rows)]
            producer.produce(topic, head + rest, key)
        count = max(count, due)
        producer.poll(0)
        over.wait(_BEAT_SECONDS)
    seconds = time.monotonic() - began
    unsent = producer.flush(30)
    return {"sent": count - unsent, "seconds": seconds}


def main() -> None:
    """Send until nobody holds the other end of standard input."""
    over = Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    Thread(target=wait, daemon=True).start()
    print(json.dumps(send(sys.argv[1], sys.argv[2], float(sys.argv[3]), over)), flush=True)


if __name__ == "__main__":
    main()
