"""Reading topics from their beginning to their end as it is, again and again, committed records only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Message

_TIMEOUT_SECONDS = 60
_MANY = 10_000


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

    def more(self) -> list[Record]:
        """Every record since the last call; of each partition in the order of offsets.

        Raises:
            TimeoutError: the ends were not reached within a minute.
        """
        # Assigned anew each time: the consumer then tells of each end, also where nothing has come.
        self._consumer.assign([TopicPartition(self.topic, number, offset) for number, offset in self.next.items()])
        unfinished = set(self.next)
        found: list[Record] = []
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while unfinished:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"waited {_TIMEOUT_SECONDS} s for the end of partitions {unfinished} of {self.topic}"
                )
            self._take(self._consumer.consume(_MANY, timeout=0.05), found, unfinished)
        return found

    def _take(self, messages: Sequence[Message], found: list[Record], unfinished: set[int]) -> None:
        for message in messages:
            error = message.error()
            partition, offset = message.partition(), message.offset()
            if error is None:
                assert partition is not None
                assert offset is not None
                stamp = message.timestamp()[1]
                found.append(Record(partition, offset, stamp, message.key() or b"", message.value() or b""))
                self.next[partition] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(partition)
            elif not error.retriable() and error.fatal():
                raise KafkaException(error)
