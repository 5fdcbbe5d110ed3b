"""Reading topics from their beginning to their end as it is, again and again, committed records only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

#: Nobody waits longer for the end of a topic.
LONG_SECONDS = 60.0
_MANY = 5_000


class Record(NamedTuple):
    """One record, as it lies in the log. A tombstone's value is empty."""

    partition: int
    offset: int
    stamp: int
    key: bytes
    value: bytes


class Tail:
    """One topic, read on from where the last look at it ended; use it in a ``with`` statement.

    Args:
        bootstrap: ``host:port``, several separated by commas.
        topic: its name.
        partitions: how many it has.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int = 1) -> None:
        self.topic = topic
        self.next = dict.fromkeys(range(partitions), 0)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "faults",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "reconnect.backoff.max.ms": 500,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self, take: Callable[[Record], None], *, seconds: float = LONG_SECONDS) -> None:
        """Give every record since the last call to ``take``; of each partition in the order of offsets.

        Raises:
            TimeoutError: the ends were not reached in time; the next call goes on where this one came to.
        """
        # Assigned anew each time: the consumer then tells of each end, also where nothing has come.
        self._consumer.assign([TopicPartition(self.topic, number, offset) for number, offset in self.next.items()])
        unfinished = set(self.next)
        deadline = time.monotonic() + seconds
        while unfinished:
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:g} s for the end of partitions {unfinished} of {self.topic}")
            for message in self._consumer.consume(_MANY, timeout=0.05):
                self._take(message, take, unfinished)

    def _take(self, message: Message, take: Callable[[Record], None], unfinished: set[int]) -> None:
        error = message.error()
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        if error is None:
            assert offset is not None
            take(Record(partition, offset, message.timestamp()[1], message.key() or b"", message.value() or b""))
            self.next[partition] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            unfinished.discard(partition)
        elif error.fatal():
            raise KafkaException(error)
