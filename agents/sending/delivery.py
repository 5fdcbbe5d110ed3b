"""Publishing with kafka-python: an idempotent producer, all acknowledgements awaited, bounded memory."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner import DefaultPartitioner

from agents.exits import Exit, Fault
from agents.kafka.partitioner import KeyPartitioner

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.sending.records import Outgoing

# One window of records is being sent while the one before it awaits acknowledgements: at most two are in memory.
_WINDOWS: Final = 2
_WINDOW_RECORDS: Final = 10_000
_WINDOW_BYTES: Final = 4 * 1024 * 1024
_WINDOW_SECONDS: Final = 1.0
_NOTICE_SECONDS: Final = 1.0

#: Measured with events of 120 bytes: zstd and large batches double the throughput, since without `crc32c` checksums are
#: computed in Python. Idempotence and acks=all are the client's defaults, made explicit.
PRODUCER_OPTIONS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "zstd",
    "batch_size": 256 * 1024,
    "linger_ms": 50,
}


class ServicePartitioner(DefaultPartitioner):  # type: ignore[misc] # kafka-python has no types
    """kafka-python's default partitioner, which does not hash the same key twice."""

    def __init__(self) -> None:
        self._of_key = KeyPartitioner()

    def partition(  # noqa: PLR0917 - kafka-python's interface
        self,
        topic: str,
        key: object,
        serialized_key: bytes | None,
        value: object,
        serialized_value: bytes | None,
        cluster: Any,  # noqa: ANN401 - kafka-python has no types
    ) -> int:
        """Partition of a record, computed again when the number of partitions changes."""
        count = len(cluster.partitions_for_topic(topic) or ())
        if serialized_key is not None and count:
            return self._of_key(serialized_key, count)
        chosen: int = super().partition(topic, key, serialized_key, value, serialized_value, cluster)
        return chosen


class Producer(Protocol):
    """The part of kafka-python's producer that is used here."""

    def send(self, topic: str, *, value: bytes, key: bytes | None) -> Any:  # noqa: ANN401 - kafka-python's future
        """Append to the batch of a partition; the future has the outcome."""


@dataclass(slots=True)
class _Window:
    opened: float
    last_line: int = 0
    bytes: int = 0
    futures: list[Any] = field(default_factory=list)

    @property
    def seems_done(self) -> bool:
        """Whether the last record is acknowledged or refused; those of other partitions soon are then."""
        return bool(self.futures[-1].is_done)

    def is_full(self, now: float) -> bool:
        return (
            len(self.futures) >= _WINDOW_RECORDS or self.bytes >= _WINDOW_BYTES or now - self.opened >= _WINDOW_SECONDS
        )


class Delivery:
    """Sends the records of one log, and tracks the line up to which all are acknowledged.

    Args:
        producer: sends in the background.
        topic: to send to.
        acknowledged: called with that line whenever it advances.
        waiting: called every second while the brokers are silent, with the seconds so far; may raise to give up.
    """

    def __init__(
        self,
        producer: Producer,
        topic: str,
        *,
        acknowledged: Callable[[int], None] = lambda _: None,
        waiting: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._producer, self._topic = producer, topic
        self._on_acknowledged, self._on_waiting = acknowledged, waiting
        self._windows: deque[_Window] = deque([_Window(time.monotonic())])
        self.acknowledged_records = 0

    def send(self, record: Outgoing) -> None:
        """Send one record; if two windows are under way, await the acknowledgements of the first.

        Raises:
            Fault: Kafka refused a record, or none of its brokers took it in time.
        """
        window = self._windows[-1]
        try:
            window.futures.append(self._producer.send(self._topic, value=record.value, key=record.key))
        except KafkaError as error:
            raise _undelivered(self._topic, record.line, error) from error
        window.last_line = record.line
        window.bytes += len(record.value)
        now = time.monotonic()
        if window.is_full(now):
            self._windows.append(_Window(now))
        # Two are enough: one being filled, one being awaited. Windows that are acknowledged already settle at once.
        while len(self._windows) > _WINDOWS or (len(self._windows) > 1 and self._windows[0].seems_done):
            self._settle(self._windows.popleft())

    def finish(self) -> None:
        """Await all acknowledgements. Raises as `send` does."""
        while self._windows:
            self._settle(self._windows.popleft())
        self._windows.append(_Window(time.monotonic()))

    def _settle(self, window: _Window) -> None:
        for future in window.futures:
            self._await(future, window.last_line)
        if window.futures:
            self.acknowledged_records += len(window.futures)
            self._on_acknowledged(window.last_line)

    def _await(self, future: Any, line: int) -> None:  # noqa: ANN401 - kafka-python's future
        begun = time.monotonic()
        while not future.is_done:
            try:
                future.get(timeout=_NOTICE_SECONDS)
            except KafkaTimeoutError:
                if not future.is_done:
                    self._on_waiting(time.monotonic() - begun)
            except KafkaError:
                break
        if future.failed():
            raise _undelivered(self._topic, line, future.exception) from future.exception


def _undelivered(topic: str, line: int, error: BaseException) -> Fault:
    why = str(error) or type(error).__name__
    return Fault(f"Kafka did not take all records up to line {line} for topic {topic}: {why}", Exit.UNAVAILABLE)


class SendRate:
    """At most ``rate`` records a second, evenly spaced; None: no limit. A stall is caught up by a second at most."""

    _BEHIND_SECONDS = 1.0

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._clock, self._sleep = clock, sleep
        self._due = clock()

    def wait(self) -> None:
        """Wait until the next record is due."""
        if not self._interval:
            return
        now = self._clock()
        self._due = max(self._due, now - self._BEHIND_SECONDS)
        if self._due > now:
            self._sleep(self._due - now)
        self._due += self._interval


def open_producer(options: dict[str, Any]) -> KafkaProducer:
    """Idempotent producer with `PRODUCER_OPTIONS`; ``options`` add the brokers' addresses and the security."""
    return KafkaProducer(partitioner=ServicePartitioner(), **{**PRODUCER_OPTIONS, **options})
