"""Ending hanging transactions (KIP-664): those that Kafka has left undecided in a partition.

A transaction ends with a marker in each partition that it wrote to. Kafka 4.3.1 omits the marker where a partition has
no leader at that moment (KAFKA-20734). The records there are then neither committed nor aborted, readers of committed
records stop before them, and the *next* marker of the same producer decides them, whatever that marker says. Therefore
a new owner looks for such records before it reads or writes anything, finds out from the other partitions how their
transaction ended, and ends an empty one in the same way.

A commit can also be forgotten half-way. A coordinator that is killed, and back before the cluster has noticed, goes on
with a commit that it had not replicated, and writes its markers; the broker that becomes coordinator in its place does
not know of the commit and takes the transaction for open. Initializing the transactional id would then abort the rest.
Therefore a new owner looks for half-committed transactions before it fences the old one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka import TopicPartition as LogPartition
from kafka.errors import (
    KafkaError,
    TransactionalIdAuthorizationFailedError,
    TransactionalIdNotFoundError,
    UnsupportedVersionError,
)

from agents.kafka.admin import AdminClient, client_options
from agents.kafka.log_reader import read_range
from agents.kafka.producer import add_to_transaction

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from agents.settings.settings import Settings

log = logging.getLogger(__name__)

#: Header of every record written in a transaction; its value, the mark, identifies the transaction.
MARK: Final = "slm-transaction"
_ASK_MS: Final = 5_000
#: States of a transaction at its coordinator: open, and while its end is being written to the partitions.
_OPEN: Final = "Ongoing"
_ENDING: Final = frozenset({"PrepareCommit", "PrepareAbort"})
_ENDING_SECONDS: Final = 0.1
#: Records at the end of a log among which those of a transaction are looked for.
_TAIL: Final = 20_000


@dataclass(frozen=True, slots=True)
class HangingTransaction:
    """The partitions where a transaction has no end, with its first offset in each, and its mark."""

    starts: Mapping[LogPartition, int]
    mark: bytes


class TransactionQueries:
    """Asks brokers about transactions, through one client for each ``async with``."""

    def __init__(self, settings: Settings) -> None:
        """Connect with the first query."""
        self._settings = settings
        self._client: KafkaAdminClient | None = None
        # kafka-python blocks, so threads query; a query may outlive the task that awaits it.
        self._lock = threading.Lock()

    async def __aenter__(self) -> Self:
        """Connect later."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect after a query that is still running, without waiting for it."""
        asyncio.get_running_loop().run_in_executor(None, self._disconnect)

    async def describe(self, transactional_id: str) -> Any:  # noqa: ANN401 - kafka-python is not typed here
        """The last transaction of an id, as its coordinator describes it; None if there is none, or it cannot say.

        Raises:
            TimeoutError: Kafka did not answer.
        """
        found = await self._query(
            lambda client: client.describe_transactions([transactional_id]),
            TransactionalIdNotFoundError,
            TransactionalIdAuthorizationFailedError,
            UnsupportedVersionError,
        )
        return found and found[transactional_id]

    async def find_hanging(self, tps: list[LogPartition], producer_id: int) -> dict[LogPartition, int]:
        """The first offset of the transaction of ``producer_id`` in each of ``tps`` where it has no end.

        Raises:
            TimeoutError: Kafka did not answer.
        """
        # Brokers before 2.8 do not support it.
        found = await self._query(lambda client: client.describe_producers(tps), UnsupportedVersionError)
        return {
            tp: producer.current_transaction_start_offset
            for tp, state in (found or {}).items()
            for producer in state.active_producers
            if producer.producer_id == producer_id and producer.current_transaction_start_offset >= 0
        }

    async def _query(
        self, query: Callable[[KafkaAdminClient], Mapping[Any, Any]], *no_answer: type[Exception]
    ) -> Mapping[Any, Any] | None:
        """The answer; None after one of the errors ``no_answer``."""
        try:
            return await asyncio.to_thread(self._answer, query)
        except no_answer:
            return None
        except (KafkaError, OSError) as error:
            raise TimeoutError(f"Kafka does not say which transactions are open: {error!r}") from error

    def _answer(self, query: Callable[[KafkaAdminClient], Mapping[Any, Any]]) -> Mapping[Any, Any]:
        with self._lock:
            if self._client is None:
                self._client = AdminClient(bootstrap_timeout_ms=_ASK_MS, **client_options(self._settings))
            try:
                return query(self._client)
            except KafkaError:  # the client would go on asking the former coordinator
                self._close()
                raise

    def _disconnect(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


async def end_hanging(
    settings: Settings, queries: TransactionQueries, producer: AIOKafkaProducer, tps: Iterable[LogPartition]
) -> None:
    """End the transaction that an earlier owner of ``producer``'s id left hanging in ``tps``.

    Call it once ``producer`` has been started.

    Raises:
        KafkaError, TimeoutError: Kafka did not answer.
    """
    candidates = list(tps)
    starts = await queries.find_hanging(candidates, producer_id_of(producer))
    if not starts:
        return
    hanging = HangingTransaction(starts, await _last_mark(settings, starts))
    decided = [tp for tp in candidates if tp not in starts]
    committed = await _was_committed(settings, hanging, decided)
    log.warning(
        "Kafka has left a transaction undecided in %s; the other partitions have it as %s, and so have these now.",
        ", ".join(f"{tp.topic}/{tp.partition}" for tp in starts),
        "committed" if committed else "aborted",
    )
    await end_empty_transaction(producer, starts, commit=committed)


@dataclass(frozen=True, slots=True)
class HalfCommitted:
    """A transaction of a producer that is open at its coordinator, but committed in some partition."""

    starts: Mapping[LogPartition, int]
    producer_id: int
    epoch: int


async def find_half_committed(
    settings: Settings, queries: TransactionQueries, transactional_id: str, state: LogPartition
) -> HalfCommitted | None:
    """The half-committed transaction of an earlier owner that wrote to ``state`` and other partitions, if any.

    Call it before that owner is fenced.

    Raises:
        KafkaError, TimeoutError: Kafka did not answer.
    """
    found = await queries.describe(transactional_id)
    while found is not None and found.state in _ENDING:  # fencing would have to wait for it, too
        await asyncio.sleep(_ENDING_SECONDS)
        found = await queries.describe(transactional_id)
    if found is None or found.state != _OPEN:
        return None
    candidates = sorted({state, *found.topic_partitions})
    starts = await queries.find_hanging(candidates, found.producer_id)
    decided = [tp for tp in candidates if tp not in starts]
    if not starts or not decided:
        return None
    hanging = HangingTransaction(starts, await _last_mark(settings, starts))
    if not await _was_committed(settings, hanging, decided):
        return None
    log.warning("Kafka has forgotten half-way that a transaction was committed; now the other half of it is, too.")
    return HalfCommitted(starts, found.producer_id, found.producer_epoch)


def producer_id_of(producer: AIOKafkaProducer) -> int:
    """The id that Kafka has given to ``producer``, which has been started; it is not public."""
    return int(producer._txn_manager.producer_id)  # noqa: SLF001


async def _last_mark(settings: Settings, starts: Mapping[LogPartition, int]) -> bytes:
    """The mark of the newest transaction, from the first hanging record on, of the producer that wrote that record."""
    tp, first = next(iter(sorted(starts.items())))
    marks = [b""]
    async for record in read_range(settings, *tp, first=first, committed=False):
        mark = mark_of(record)
        if record.offset == first or _same_producer(mark, marks[0]):
            marks = [mark]
    return marks[0]


def _same_producer(one: bytes, other: bytes) -> bool:
    """Whether two marks name the same producer."""
    return bool(one) and one.partition(b"/")[0] == other.partition(b"/")[0]


async def _was_committed(settings: Settings, hanging: HangingTransaction, decided: Iterable[LogPartition]) -> bool:
    """Whether a partition in which the transaction has ended holds a committed record of it."""
    for tp in decided:
        async for record in read_range(settings, *tp, first=-_TAIL, committed=True):
            if mark_of(record) == hanging.mark:
                return True
    return False


def mark_of(record: ConsumerRecord) -> bytes:
    """The mark of the transaction that wrote ``record``; empty if it has none."""
    return next((value for name, value in record.headers if name == MARK), b"")


async def end_empty_transaction(producer: AIOKafkaProducer, tps: Iterable[LogPartition], *, commit: bool) -> None:
    """Begin a transaction of ``producer`` without records in ``tps``, and end it; hanging ones end with it."""
    await producer.begin_transaction()
    add_to_transaction(producer, tps)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
