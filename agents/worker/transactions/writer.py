"""Writing what was concluded about one source partition: all of it or nothing, and only by its newest owner.

Each source partition has a transactional id of its own. Opening a `TransactionalWriter` makes Kafka refuse every later
write of whoever had the id before; that is all the fencing there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, ProducerFenced
from kafka import TopicPartition as Place

from agents.kafka.errors import describe, is_fenced, is_final, root_cause
from agents.kafka.producer import close_producer, opening, producer_options, start_producer, transactional_producer
from agents.worker.transactions.hanging import (
    MARK,
    HalfCommitted,
    Questions,
    end_empty,
    half_committed,
    producer_id_of,
    settle,
)

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from agents.worker.transactions.outputs import Output
    from streams.decoding.batch import SourcePartition

log = logging.getLogger(__name__)

#: Kafka gives up a transaction that was not ended for so long, and refuses its producer from then on.
TRANSACTION_SECONDS: Final = 120
#: Its owner gives it up before that: refused, he would take himself for evicted.
_WRITE_SECONDS: Final = 90.0


class Fenced(Exception):  # noqa: N818 - says how the writer is
    """Another owner has opened a writer for the same source partition."""


class Refused(Exception):  # noqa: N818 - says what Kafka did
    """Kafka does not take what was written, and trying again would not help; the message says why."""


class OutputWriter(Protocol):
    """Carries out one transaction after the other."""

    async def write(self, outputs: Sequence[Output]) -> None:
        """Write all of ``outputs``; unless this returns, it is not known whether they are written.

        Raises:
            Fenced, Refused: see there.
            KafkaError, TimeoutError: anything else; who still owns the partition opens another writer.
        """
        ...

    async def close(self) -> None:
        """End, whatever is under way, and soon."""
        ...


def transactional_id(source: SourcePartition, group: str) -> str:
    """Application, source topic and partition: what makes a new owner the successor of the one before."""
    return f"{group}/{source.topic}/{source.partition}"


class TransactionalWriter:
    """The transactions of one source partition."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, places: list[Place]) -> None:
        self._settings = settings
        self._producer = producer
        self._places = places
        self._count = 0
        self._connections: tuple[Any, ...] = ()  # of the transaction before

    @classmethod
    async def open(cls, settings: Settings, source: SourcePartition) -> Self:
        """Become the one that may write about ``source``; what an earlier owner left open is aborted.

        What Kafka itself has left undecided, or forgotten, of that owner's last transaction is settled; see
        `agents.worker.transactions.hanging`.

        Raises:
            KafkaError, TimeoutError: no broker could do that in time.
            Refused: this client may not.
        """
        state = Place(settings.state_topic, source.partition)
        with _told():
            async with Questions(settings) as asking:
                async with asyncio.timeout(TRANSACTION_SECONDS):
                    half = await half_committed(settings, asking, transactional_id(source, settings.group), state)
                    if half is not None:
                        await _commit_rest(settings, source, half)
                producer = _new_producer(settings, source)
                async with opening(producer, TRANSACTION_SECONDS), asyncio.timeout(TRANSACTION_SECONDS):
                    places = await _places(settings, source, producer)
                    await settle(settings, asking, producer, places)
        return cls(settings, producer, places)

    async def write(self, outputs: Sequence[Output]) -> None:
        """Write ``outputs`` in one transaction; brokers that are away are waited for while Kafka keeps it open."""
        with _told():
            await self._require_end()
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._producer.begin_transaction()
                await send_all(self._producer, outputs, self._next_mark())
                await self._producer.commit_transaction()
        self._connections = tuple(self._producer.client._conns.values())  # noqa: SLF001 - nobody is told of lost ones

    async def _require_end(self) -> None:
        """Refuse to go on where the transaction before has no end in some partition, which the next would decide.

        That can be so if a broker was lost meanwhile; who recovers settles it.
        """
        if all(connection.connected() for connection in self._connections):
            return
        async with Questions(self._settings) as asking:
            if await asking.hanging(self._places, producer_id_of(self._producer)):
                raise KafkaConnectionError("a broker was lost, and with it the end of the transaction before")

    def _next_mark(self) -> bytes:
        """What tells the next transaction from every other: producer and epoch, and a number."""
        self._count += 1
        manager = self._producer._txn_manager  # noqa: SLF001 - there is no public way to see who one is
        return f"{manager.producer_id}/{manager.producer_epoch}/{self._count}".encode()

    async def close(self) -> None:
        """End; a transaction under way is left to the next owner, who aborts it."""
        await close_producer(self._producer)


def _new_producer(settings: Settings, source: SourcePartition) -> AIOKafkaProducer:
    return transactional_producer(settings, transactional_id(source, settings.group), TRANSACTION_SECONDS)


async def _commit_rest(settings: Settings, source: SourcePartition, half: HalfCommitted) -> None:
    """Commit ``half`` as its own producer would, had it not died; whoever has fenced that has taken the matter over."""
    producer = _new_producer(settings, source)
    # There is no public way to start without fencing.
    producer._txn_manager.set_pid_and_epoch(half.producer_id, half.epoch)  # noqa: SLF001
    try:
        with _told():
            await start_producer(producer, TRANSACTION_SECONDS)
            await end_empty(producer, half.starts, commit=True)
    except Fenced:
        log.info("%s/%s: another owner came between.", *source)
    finally:
        await close_producer(producer)


class PlainWriter:
    """Writes without transactions, for the embedded broker: it has none, and nothing there needs to survive."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    async def open(cls, settings: Settings, source: SourcePartition) -> Self:
        """Connect."""
        del source
        producer = AIOKafkaProducer(**producer_options(settings))
        with _told():
            await start_producer(producer, TRANSACTION_SECONDS)
        return cls(producer)

    async def write(self, outputs: Sequence[Output]) -> None:
        """Write ``outputs``."""
        with _told():
            await send_all(self._producer, outputs)

    async def close(self) -> None:
        """End."""
        await close_producer(self._producer)


async def _places(settings: Settings, source: SourcePartition, producer: AIOKafkaProducer) -> list[Place]:
    """Every partition that a transaction about ``source`` may write to."""
    others = (settings.breaches_topic, settings.audit_topic, settings.dead_letters_topic)
    numbers = {topic: await producer.partitions_for(topic) for topic in others}
    rest = (Place(topic, number) for topic in others for number in sorted(numbers[topic]))
    return [Place(settings.state_topic, source.partition), *rest]


async def send_all(producer: AIOKafkaProducer, outputs: Sequence[Output], mark: bytes | None = None) -> None:
    """Send ``outputs``, and wait until the brokers have every one; ``mark`` says which transaction they are of.

    A transaction must not be committed before: aiokafka commits what arrived, even if a batch did not.

    Raises:
        KafkaError: one was not taken.
    """
    headers = None if mark is None else [(MARK, mark)]
    sent = [await _send(producer, output, headers) for output in outputs]
    results = await asyncio.gather(*sent, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _send(
    producer: AIOKafkaProducer, output: Output, headers: list[tuple[str, bytes]] | None
) -> asyncio.Future[Any]:
    """Hand ``output`` over; where its partition takes nothing at present, wait for as long as the caller does."""
    while True:
        with contextlib.suppress(KafkaTimeoutError):  # there was no room for it: it was not taken, and may come again
            sent: asyncio.Future[Any] = await producer.send(
                output.topic, output.value, key=output.key, partition=output.partition, headers=headers
            )
            return sent


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn aiokafka's errors into those that a writer's owner tells apart."""
    try:
        yield
    except KafkaError as error:
        if isinstance(error, ProducerFenced) or is_fenced(error):
            raise Fenced from error
        if is_final(error):
            raise Refused(describe(root_cause(error))) from error
        raise
