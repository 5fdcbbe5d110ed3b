"""Dead letters: events that were rejected, written to a topic of their own with the reason and the raw bytes.

Many letters go into one Kafka record, at most `RECORD_BYTES` of them, all of one source partition. The record's form is
`agents/schemas/dead-letters.v1.schema.json`. Delivery is at least once: a worker that starts again reads its logs again
and writes the same letters; topic, partition and offset tell repetitions.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from agents.security import client_options_aiokafka

if TYPE_CHECKING:
    from agents.settings import Settings
    from streams.engine import DeadLetter

log = logging.getLogger(__name__)

VERSION: Final = 1
KIND: Final = "dead-letters"
#: Most bytes of letters in one record; Kafka's default limit for a record is twice that.
RECORD_BYTES: Final = 512 * 1024
#: Longest raw value that is kept whole.
RAW_BYTES: Final = 16 * 1024
#: Unsent bytes beyond which ingestion waits for the broker.
PENDING_BYTES: Final = 8 * 1024 * 1024
_LINGER_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 1.0
_REQUEST_TIMEOUT_MS: Final = 10_000

Key = tuple[str, int]


class Producer(Protocol):
    """What is needed of aiokafka's producer."""

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> Any:  # noqa: ANN401 - not looked at
        """Send one record and wait until the broker has it."""
        ...

    async def stop(self) -> None:
        """Send what is left and end."""
        ...


def encode_letter(letter: DeadLetter) -> bytes:
    """One letter as JSON; a raw value above `RAW_BYTES` is cut, and its size and SHA-256 are kept."""
    fields: dict[str, object] = {
        "topic": letter.source,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": str(letter.reason),
        "detail": letter.detail,
        "raw": None,
    }
    if letter.raw is not None:
        fields["raw"] = base64.b64encode(letter.raw[:RAW_BYTES]).decode()
        if len(letter.raw) > RAW_BYTES:
            fields |= {"truncated": True, "size": len(letter.raw), "sha256": hashlib.sha256(letter.raw).hexdigest()}
    # A lone surrogate, which no UTF-8 has, would make orjson refuse the letter.
    return orjson.dumps(_encodable(fields))


def _encodable(fields: dict[str, object]) -> dict[str, object]:
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }


def encode_record(letters: Sequence[bytes]) -> bytes:
    """One record with encoded ``letters``; its id is a function of them."""
    identity = hashlib.sha256(b"\n".join(letters)).hexdigest()[:32]
    return orjson.dumps(
        {"version": VERSION, "kind": KIND, "id": identity, "letters": [orjson.Fragment(one) for one in letters]}
    )


def pack(letters: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Split ``letters`` into runs of at most `RECORD_BYTES`, each of at least one letter."""
    run: list[bytes] = []
    size = 0
    for letter in letters:
        if run and size + len(letter) > RECORD_BYTES:
            yield run
            run, size = [], 0
        run.append(letter)
        size += len(letter) + 1
    if run:
        yield run


async def start_producer(settings: Settings) -> AIOKafkaProducer:
    """An idempotent producer that waits for all replicas in sync, connected.

    Raises:
        KafkaError: the broker cannot be reached.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=list(settings.bootstrap),
        client_id="service-level-monitor",
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **client_options_aiokafka(settings),
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


class DeadLetterWriter:
    """Sends dead letters from a task of its own, so that a slow broker holds ingestion back only when much is unsent.

    Args:
        topic: where to; if it does not exist the letters are counted and dropped, which is said once.
        connect: makes the producer.
    """

    def __init__(self, topic: str, connect: Callable[[], Awaitable[Producer]]) -> None:
        self._topic = topic
        self._connect = connect
        self._producer: Producer | None = None
        self._pending: dict[Key, deque[bytes]] = defaultdict(deque)
        self._pending_bytes = 0
        self._changed = asyncio.Condition()
        self._stopping = False
        self._complained = False
        self._task: asyncio.Task[None] | None = None
        self.written = 0
        self.dropped = 0

    def start(self) -> None:
        """Begin to send, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name="dead letters")

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """Take ``letters`` over; wait while `PENDING_BYTES` are unsent."""
        if not letters:
            return
        async with self._changed:
            await self._changed.wait_for(lambda: self._pending_bytes < PENDING_BYTES or self._stopping)
            for letter in letters:
                encoded = encode_letter(letter)
                self._pending[letter.source, letter.partition].append(encoded)
                self._pending_bytes += len(encoded)
            self._changed.notify_all()

    async def stop(self, *, seconds: float = 5) -> None:
        """Send what is pending, for at most ``seconds``, and end."""
        if self._task is None:
            return
        async with self._changed:
            self._stopping = True
            self._changed.notify_all()
        try:
            await asyncio.wait_for(self._task, seconds)
        except TimeoutError:
            log.warning("%d bytes of dead letters were not sent: the broker does not answer.", self._pending_bytes)
        if self._producer is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._producer.stop(), seconds)

    async def _run(self) -> None:
        while not (self._stopping and not self._pending):
            async with self._changed:
                await self._changed.wait_for(lambda: self._pending or self._stopping)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait_for(self._is_due), _LINGER_SECONDS)
            await self._send_pending()

    def _is_due(self) -> bool:
        return self._stopping or self._pending_bytes >= RECORD_BYTES

    async def _send_pending(self) -> None:
        for key in sorted(self._pending):
            letters = list(self._pending[key])
            for run in pack(letters):
                await self._send(key, run)
                await self._done(key, run)

    async def _done(self, key: Key, run: Sequence[bytes]) -> None:
        async with self._changed:
            pending = self._pending[key]
            for _ in run:
                self._pending_bytes -= len(pending.popleft())
            if not pending:
                del self._pending[key]
            self._changed.notify_all()

    async def _send(self, key: Key, run: Sequence[bytes]) -> None:
        """Send one record; try again for as long as it is the broker that is away."""
        value = encode_record(run)
        while True:
            try:
                self._producer = self._producer or await self._connect()
                await self._producer.send_and_wait(self._topic, value, f"{key[0]}/{key[1]}".encode())
            except UnknownTopicOrPartitionError:
                return self._drop(run, "the topic does not exist; create it with “slm topics”")
            except TopicAuthorizationFailedError:
                return self._drop(run, "this client may not write to it; give it the right")
            except KafkaError as error:
                self._complain(logging.WARNING, "Dead letters wait for the broker: %r", error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self.written += len(run)
                self._complained = False
                return None

    def _drop(self, run: Sequence[bytes], why: str) -> None:
        self.dropped += len(run)
        self._complain(logging.ERROR, "Dead letters are counted but not kept in %s: %s.", self._topic, why)

    def _complain(self, level: int, message: str, *values: object) -> None:
        """Log once until something has been written."""
        if not self._complained:
            self._complained = True
            log.log(level, message, *values)
