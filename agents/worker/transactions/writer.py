"""Writing the outputs of one source partition: all of them or none, and only by its newest owner.

Each source partition has a transactional id of its own. Opening a `TransactionalWriter` makes Kafka refuse every later
write of the earlier owner of that id; there is no other fencing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaConnectionError, KafkaError, KafkaTimeoutError, ProducerFenced
from kafka import TopicPartition as LogPartition

from agents.kafka.errors import describe, is_fenced, is_final, root_cause
from agents.kafka.producer import close_producer, opening, producer_options, start_producer, transactional_producer
from agents.worker.transactions.hanging import (
    MARK,
    HalfCommitted,
    TransactionQueries,
    end_empty_transaction,
    end_hanging,
    find_half_committed,
    producer_id_of,
)

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from agents.worker.transactions.outputs import Output
    from streams.decoding.batch import SourcePartition

log = logging.getLogger(__name__)

#: Kafka aborts a transaction that is open for longer, and refuses its producer from then on.
TRANSACTION_SECONDS: Final = 120
#: Give up earlier than Kafka does; its refusal would look like fencing.
_WRITE_SECONDS: Final = 90.0


class Fenced(Exception):  # noqa: N818 - says how the writer is
    """Another owner has opened a writer for the same source partition."""


class Refused(Exception):  # noqa: N818 - says what Kafka did
    """Kafka refuses what was written, and would refuse it again; the message says why."""


class OutputWriter(Protocol):
    """Writes one transaction after the other."""

    async def write(self, outputs: Sequence[Output]) -> None:
        """Write all of ``outputs``. If this raises, it is unknown whether they are written.

        Raises:
            Fenced, Refused: see there.
            KafkaError, TimeoutError: anything else; if the partition is still owned, open another writer.
        """
        ...

    async def close(self) -> None:
        """Close within seconds, whatever is in progress."""
        ...


def transactional_id(source: SourcePartition, group: str) -> str:
    """The transactional id of a source partition of ``group``, by which a new owner fences the one before."""
    return f"{group}/{source.topic}/{source.partition}"


class TransactionalWriter:
    """The transactions of one source partition."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, tps: list[LogPartition]) -> None:
        self._settings = settings
        self._producer = producer
        self._tps = tps
        self._count = 0
        self._connections: tuple[Any, ...] = ()  # used by the previous transaction

    @classmethod
    async def open(cls, settings: Settings, source: SourcePartition) -> Self:
        """Fence earlier owners of ``source``, whose open transactions Kafka then aborts.

        Half-committed transactions are committed before, hanging ones ended after; see
        `agents.worker.transactions.hanging`.

        Raises:
            KafkaError, TimeoutError: Kafka did not do so in time.
            Refused: this client lacks the right.
        """
        state = LogPartition(settings.state_topic, source.partition)
        with _translated_errors():
            async with TransactionQueries(settings) as queries:
                async with asyncio.timeout(TRANSACTION_SECONDS):
                    half = await find_half_committed(settings, queries, transactional_id(source, settings.group), state)
                    if half is not None:
                        await _commit_rest(settings, source, half)
                producer = _new_producer(settings, source)
                async with opening(producer, TRANSACTION_SECONDS), asyncio.timeout(TRANSACTION_SECONDS):
                    tps = await _output_partitions(settings, source, producer)
                    await end_hanging(settings, queries, producer, tps)
        return cls(settings, producer, tps)

    async def write(self, outputs: Sequence[Output]) -> None:
        """Write ``outputs`` in one transaction, waiting for absent brokers as long as Kafka keeps it open."""
        with _translated_errors():
            await self._require_end()
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._producer.begin_transaction()
                await send_all(self._producer, outputs, self._next_mark())
                await self._producer.commit_transaction()
        self._connections = tuple(self._producer.client._conns.values())  # noqa: SLF001 - lost ones are not reported

    async def _require_end(self) -> None:
        """Refuse to go on if the previous transaction hangs in some partition: the next one would decide it.

        That is possible only if a broker was lost in between. The recovery that follows ends it.

        Raises:
            KafkaConnectionError: it hangs.
        """
        if all(connection.connected() for connection in self._connections):
            return
        async with TransactionQueries(self._settings) as queries:
            if await queries.find_hanging(self._tps, producer_id_of(self._producer)):
                raise KafkaConnectionError("a broker was lost, and with it the end of the transaction before")

    def _next_mark(self) -> bytes:
        """The mark of the next transaction: producer id, epoch and a number, unique among all transactions."""
        self._count += 1
        manager = self._producer._txn_manager  # noqa: SLF001 - its id is not public
        return f"{manager.producer_id}/{manager.producer_epoch}/{self._count}".encode()

    async def close(self) -> None:
        """Close the producer; a transaction in progress is left to the next owner, which aborts it."""
        await close_producer(self._producer)


def _new_producer(settings: Settings, source: SourcePartition) -> AIOKafkaProducer:
    return transactional_producer(settings, transactional_id(source, settings.group), TRANSACTION_SECONDS)


async def _commit_rest(settings: Settings, source: SourcePartition, half: HalfCommitted) -> None:
    """Commit ``half`` with the id and epoch of its own producer; if that is fenced, its new owner has to decide."""
    producer = _new_producer(settings, source)
    # There is no public way to start without fencing.
    producer._txn_manager.set_pid_and_epoch(half.producer_id, half.epoch)  # noqa: SLF001
    try:
        with _translated_errors():
            await start_producer(producer, TRANSACTION_SECONDS)
            await end_empty_transaction(producer, half.starts, commit=True)
    except Fenced:
        log.info("%s/%s: another owner came between.", *source)
    finally:
        await close_producer(producer)


class PlainWriter:
    """Writes without transactions, for the embedded broker: it has none, and none of its records need survive."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    async def open(cls, settings: Settings, source: SourcePartition) -> Self:
        """Connect.

        Raises:
            KafkaError, TimeoutError: the broker did not answer.
        """
        del source
        producer = AIOKafkaProducer(**producer_options(settings))
        with _translated_errors():
            await start_producer(producer, TRANSACTION_SECONDS)
        return cls(producer)

    async def write(self, outputs: Sequence[Output]) -> None:
        """Write ``outputs``."""
        with _translated_errors():
            await send_all(self._producer, outputs)

    async def close(self) -> None:
        """Close the producer."""
        await close_producer(self._producer)


async def _output_partitions(
    settings: Settings, source: SourcePartition, producer: AIOKafkaProducer
) -> list[LogPartition]:
    """Every partition that a transaction of ``source`` may write to."""
    others = (settings.breaches_topic, settings.audit_topic, settings.dead_letters_topic)
    numbers = {topic: await producer.partitions_for(topic) for topic in others}
    rest = (LogPartition(topic, number) for topic in others for number in sorted(numbers[topic]))
    return [LogPartition(settings.state_topic, source.partition), *rest]


async def send_all(producer: AIOKafkaProducer, outputs: Sequence[Output], mark: bytes | None = None) -> None:
    """Send ``outputs``, and wait until the brokers have acknowledged each; ``mark`` identifies their transaction.

    A transaction must not be committed before: aiokafka commits what arrived, even if a batch did not.

    Raises:
        KafkaError: one was refused.
    """
    headers = None if mark is None else [(MARK, mark)]
    sent: list[asyncio.Future[Any]] = []
    try:
        for output in outputs:
            sent.append(await _send(producer, output, headers))  # noqa: PERF401 - those before an error are looked at
    except IllegalOperation:
        # The refusal of an earlier record ended the transaction, and with it what may be sent: raise that refusal.
        _raise_first_error([one.exception() for one in sent if one.done()])
        raise
    _raise_first_error(await asyncio.gather(*sent, return_exceptions=True))


def _raise_first_error(results: Iterable[object]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _send(
    producer: AIOKafkaProducer, output: Output, headers: list[tuple[str, bytes]] | None
) -> asyncio.Future[Any]:
    """Queue ``output``; while there is no room for its partition, wait for as long as the caller does."""
    while True:
        with contextlib.suppress(KafkaTimeoutError):  # it was not queued, so it may be sent again
            sent: asyncio.Future[Any] = await producer.send(
                output.topic, output.value, key=output.key, partition=output.partition, headers=headers
            )
            return sent


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """Translate aiokafka's errors into `Fenced` and `Refused`; pass all others on."""
    try:
        yield
    except KafkaError as error:
        if isinstance(error, ProducerFenced) or is_fenced(error):
            raise Fenced from error
        if is_final(error):
            raise Refused(describe(root_cause(error))) from error
        raise
