"""Settling what Kafka has left undecided of a partition's last transaction.

A transaction ends by a marker in each partition that it wrote to. Kafka 4.3.1 leaves a marker out where a partition has
no leader at that moment (KAFKA-20734): what was written there is neither committed nor aborted, readers of committed
records stop before it, and the *next* marker of the same producer decides it, whatever that says. So a new owner looks
for such records before it does anything else, finds out from the other partitions what became of their transaction,
and ends an empty one in the same way.

And a commit can be forgotten half-way: a broker that is killed, and back before anybody has missed it, goes on with a
commit that it had not replicated yet, and tells partitions of it; the broker that is made coordinator instead has never
heard of it, and takes the transaction for open. A new owner's arrival would abort the rest. So he asks for that before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from kafka import KafkaAdminClient
from kafka import TopicPartition as Place
from kafka.errors import (
    KafkaError,
    TransactionalIdAuthorizationFailedError,
    TransactionalIdNotFoundError,
    UnsupportedVersionError,
)

from agents.kafka.admin import AdminClient, client_options
from agents.kafka.log_reader import read_range

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from agents.settings.settings import Settings

log = logging.getLogger(__name__)

#: Header of every record that a transaction writes: which transaction it was.
MARK: Final = "slm-transaction"
_ASK_MS: Final = 5_000
#: What coordinators say of a transaction that is open, and while they tell partitions of its end.
_OPEN: Final = "Ongoing"
_ENDING: Final = frozenset({"PrepareCommit", "PrepareAbort"})
_ENDING_SECONDS: Final = 0.1
#: What became of a transaction is looked for among so many records at the end of a log.
_TAIL: Final = 20_000


@dataclass(frozen=True, slots=True)
class Undecided:
    """Where records of a transaction lie that has no end there: partition and first offset; and its mark."""

    starts: Mapping[Place, int]
    mark: bytes


class Questions:
    """Asks brokers about transactions. All questions of one ``async with`` go through one client."""

    def __init__(self, settings: Settings) -> None:
        """Connect with the first question."""
        self._settings = settings
        self._client: KafkaAdminClient | None = None
        self._turn = threading.Lock()  # kafka-python blocks, so that threads ask; a question may outlive who asked it

    async def __aenter__(self) -> Self:
        """Connect later."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect, behind a question that is still under way, and without waiting for that."""
        asyncio.get_running_loop().run_in_executor(None, self._disconnect)

    async def described(self, transactional_id: str) -> Any:  # noqa: ANN401 - kafka-python is not typed here
        """What its coordinator says of the last transaction of an id; None: there never was one, or it cannot say.

        Raises:
            TimeoutError: Kafka did not answer.
        """
        found = await self._ask(
            lambda client: client.describe_transactions([transactional_id]),
            TransactionalIdNotFoundError,
            TransactionalIdAuthorizationFailedError,
            UnsupportedVersionError,
        )
        return found and found[transactional_id]

    async def hanging(self, places: list[Place], producer_id: int) -> dict[Place, int]:
        """Those of ``places`` where a transaction of ``producer_id`` has no end, with its first offset.

        Raises:
            TimeoutError: Kafka did not answer.
        """
        # Brokers before 2.8 cannot say.
        found = await self._ask(lambda client: client.describe_producers(places), UnsupportedVersionError)
        return {
            place: producer.current_transaction_start_offset
            for place, state in (found or {}).items()
            for producer in state.active_producers
            if producer.producer_id == producer_id and producer.current_transaction_start_offset >= 0
        }

    async def _ask(
        self, question: Callable[[KafkaAdminClient], Mapping[Any, Any]], *no_answer: type[Exception]
    ) -> Mapping[Any, Any] | None:
        """The answer; None for the errors that mean ``no_answer``."""
        try:
            return await asyncio.to_thread(self._answer, question)
        except no_answer:
            return None
        except (KafkaError, OSError) as error:
            raise TimeoutError(f"Kafka does not say which transactions are open: {error!r}") from error

    def _answer(self, question: Callable[[KafkaAdminClient], Mapping[Any, Any]]) -> Mapping[Any, Any]:
        with self._turn:
            if self._client is None:
                self._client = AdminClient(bootstrap_timeout_ms=_ASK_MS, **client_options(self._settings))
            try:
                return question(self._client)
            except KafkaError:  # it would go on asking who was coordinator before
                self._close()
                raise

    def _disconnect(self) -> None:
        with self._turn:
            self._close()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


async def settle(settings: Settings, asking: Questions, producer: AIOKafkaProducer, places: Iterable[Place]) -> None:
    """Decide what ``producer``'s predecessors have left undecided in ``places``. Call it once it has been started.

    Raises:
        KafkaError, TimeoutError: Kafka did not answer.
    """
    candidates = list(places)
    starts = await asking.hanging(candidates, producer_id_of(producer))
    if not starts:
        return
    undecided = Undecided(starts, await _last_mark(settings, starts))
    decided = [place for place in candidates if place not in starts]
    committed = await _was_committed(settings, undecided, decided)
    log.warning(
        "Kafka has left a transaction undecided in %s; the other partitions have it as %s, and so have these now.",
        ", ".join(f"{place.topic}/{place.partition}" for place in starts),
        "committed" if committed else "aborted",
    )
    await end_empty(producer, starts, commit=committed)


@dataclass(frozen=True, slots=True)
class HalfCommitted:
    """A transaction that its coordinator takes for open, though some partition has it as committed; its producer."""

    starts: Mapping[Place, int]
    producer_id: int
    epoch: int


async def half_committed(
    settings: Settings, asking: Questions, transactional_id: str, state: Place
) -> HalfCommitted | None:
    """What an earlier owner has left so, who wrote to ``state`` and other partitions. Call it before he is fenced.

    Raises:
        KafkaError, TimeoutError: Kafka did not answer.
    """
    found = await asking.described(transactional_id)
    while found is not None and found.state in _ENDING:  # whoever fences would have to wait, too
        await asyncio.sleep(_ENDING_SECONDS)
        found = await asking.described(transactional_id)
    if found is None or found.state != _OPEN:
        return None
    candidates = sorted({state, *found.topic_partitions})
    starts = await asking.hanging(candidates, found.producer_id)
    decided = [place for place in candidates if place not in starts]
    if not starts or not decided:
        return None
    undecided = Undecided(starts, await _last_mark(settings, starts))
    if not await _was_committed(settings, undecided, decided):
        return None
    log.warning("Kafka has forgotten half-way that a transaction was committed; now the other half of it is, too.")
    return HalfCommitted(starts, found.producer_id, found.producer_epoch)


def producer_id_of(producer: AIOKafkaProducer) -> int:
    """The number that Kafka has given to ``producer``, which has been started; there is no public way to see it."""
    return int(producer._txn_manager.producer_id)  # noqa: SLF001


async def _last_mark(settings: Settings, starts: Mapping[Place, int]) -> bytes:
    """The mark of the newest transaction among the undecided records."""
    place, first = next(iter(sorted(starts.items())))
    marks = [b""]
    async for record in read_range(settings, *place, first=first, committed=False):
        mark = mark_of(record)
        if record.offset == first or _same_owner(mark, marks[0]):
            marks = [mark]
    return marks[0]


def _same_owner(one: bytes, other: bytes) -> bool:
    """Whether two marks are of one producer."""
    return bool(one) and one.partition(b"/")[0] == other.partition(b"/")[0]


async def _was_committed(settings: Settings, undecided: Undecided, decided: Iterable[Place]) -> bool:
    """Whether a record of the transaction is among the committed ones of a partition where it was decided."""
    for place in decided:
        async for record in read_range(settings, *place, first=-_TAIL, committed=True):
            if mark_of(record) == undecided.mark:
                return True
    return False


def mark_of(record: ConsumerRecord) -> bytes:
    """Which transaction wrote ``record``; empty where it does not say."""
    return next((value for name, value in record.headers if name == MARK), b"")


async def end_empty(producer: AIOKafkaProducer, places: Iterable[Place], *, commit: bool) -> None:
    """End a transaction of ``producer`` in ``places`` that has no further record."""
    await producer.begin_transaction()
    for place in places:
        # There is no public way to have a partition in a transaction and no record in it.
        producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(*place))  # noqa: SLF001
    await (producer.commit_transaction() if commit else producer.abort_transaction())
