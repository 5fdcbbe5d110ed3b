"""A producer with a known ledger: where in the log each record that it sent came to lie."""

from __future__ import annotations

import time
from functools import partial
from threading import Condition, Thread
from typing import TYPE_CHECKING

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import KafkaError, Message

    from tests.faults.log.floor import Row

_CHUNK = 100
_FLUSH_SECONDS = 120
_ANY = -1  # by the key


def idempotent(bootstrap: str) -> Producer:
    """A producer that repeats nothing by itself, and that a broker's absence does not discourage."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 10,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "message.timeout.ms": 180_000,
            "retry.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
    )


def serve_until(producer: Producer, moment: float) -> None:
    """Let a producer tell what was acknowledged until a moment of the monotonic clock; at least once."""
    producer.poll(0)
    # It returns as soon as there was something to tell.
    while (left := moment - time.monotonic()) > 0:
        producer.poll(left)


class Sent:
    """What was acknowledged: which record lies at which offset of which partition."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[int, int], int] = {}
        self.failed: list[int] = []

    def note(self, number: int, error: KafkaError | None, message: Message) -> None:
        """What librdkafka calls for each record."""
        partition, offset = message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            self.failed.append(number)
        else:
            self.acknowledged[partition, offset] = number


class Sending(Thread):
    """Sends rows at a steady rate as far as it is let; join it, then look at `sent`.

    Args:
        bootstrap: ``host:port``, several separated by commas.
        topic: where to.
        rows: what, in order.
        rate: rows a second at most.
    """

    def __init__(self, bootstrap: str, topic: str, rows: Sequence[Row], rate: float) -> None:
        super().__init__(name="producer", daemon=True)
        self.sent = Sent()
        self.rows = rows
        self.count = 0  # handed to the producer so far
        self.error: Exception | None = None
        self._topic, self._rate = topic, rate
        self._producer = idempotent(bootstrap)
        self._limit = 0
        self._changed = Condition()

    def let(self, count: int) -> None:
        """Send up to ``count`` rows in all."""
        with self._changed:
            self._limit = max(count, self._limit)
            self._changed.notify_all()

    def wait_until(self, count: int, goes_on: Callable[[], bool]) -> bool:
        """Wait until ``count`` rows were sent; False when ``goes_on`` says that there is no use."""
        with self._changed:
            while self.count < count:
                if not goes_on() or self.error is not None:
                    return False
                self._changed.wait(0.1)
        return True

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send at the moment: all has been sent that may be, and was acknowledged."""
        done = len(self.sent.acknowledged) + len(self.sent.failed)
        return done >= min(self._limit, len(self.rows))

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - the one who joins asks
            self.error = error

    def _run(self) -> None:
        due = time.monotonic()
        while self.count < len(self.rows):
            chunk = self._allowed()
            for number in range(self.count, self.count + chunk):
                self._send(number, self.rows[number])
            with self._changed:
                self.count += chunk
                self._changed.notify_all()
            # After a pause the steady rate goes on; nothing is made up for.
            due = max(due + chunk / self._rate, time.monotonic() - 0.1)
            serve_until(self._producer, due)
        self.flush()

    def _allowed(self) -> int:
        with self._changed:
            while self._limit <= self.count:
                self._changed.wait(0.05)
                self._producer.poll(0)
            return min(_CHUNK, self._limit - self.count)

    def _send(self, number: int, row: Row, partition: int = _ANY) -> None:
        note = partial(self.sent.note, number)
        while True:
            try:
                self._producer.produce(self._topic, row.value, row.key, partition, note)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def send_to_each(self, rows: Sequence[Row]) -> None:
        """Send the n-th of ``rows`` to partition n, after everything else. Not while the thread runs."""
        self.rows = [*self.rows, *rows]
        for partition, row in enumerate(rows):
            self._send(self.count, row, partition)
            self.count += 1
        self.flush()

    def flush(self) -> None:
        """Wait until every record has been acknowledged or given up."""
        if self._producer.flush(_FLUSH_SECONDS):
            raise TimeoutError(f"the brokers did not take all records within {_FLUSH_SECONDS} s")
