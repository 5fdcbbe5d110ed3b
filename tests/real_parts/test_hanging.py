"""Transactions that a broker has left undecided in some partition, as Kafka 4.3.1 does where that had no leader.

The broker here does not check that a partition was added to a transaction. So a record can be written that the
coordinator knows nothing of, to which it sends no marker: what a lost marker leaves behind.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from kafka import TopicPartition as Place
from kafka.admin._transactions import AbortTransactionSpec

from agents.kafka.log_reader import read_committed, read_range
from agents.kafka.producer import close_producer, producer_options
from agents.settings.settings import Settings
from agents.worker.transactions.outputs import Output
from agents.worker.transactions.writer import TransactionalWriter, transactional_id
from streams.decoding.batch import SourcePartition
from tests.services.kafka import KafkaCluster
from tests.services.parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = SourcePartition("events", 0)
STATE, LETTERS, BREACHES = "service-level-state", "service-level-dead-letters", "service-level-breaches"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    require("kafka")
    settings = {"transaction.partition.verification.enable": "false"}
    with KafkaCluster(tmp_path_factory.mktemp("settling"), settings=settings) as cluster:
        cluster.create_own_topics(1)
        yield cluster


@pytest.fixture
def settings(broker: KafkaCluster, request: pytest.FixtureRequest) -> Settings:
    return Settings.resolve({"broker": broker.bootstrap, "group": request.node.name})


def output(topic: str, value: str) -> Output:
    return Output(topic, 0, b"key", value.encode())


async def transaction(settings: Settings, outputs: Sequence[Output], *, lost: Sequence[str], commit: bool) -> None:
    """Write ``outputs`` in a transaction whose marker the topics ``lost`` never get."""
    options = {**producer_options(settings), "transactional_id": transactional_id(SOURCE, settings.group)}
    producer = AIOKafkaProducer(**options)
    await producer.start()
    await producer.begin_transaction()
    for topic in lost:
        producer._txn_manager._txn_partitions.add(TopicPartition(topic, 0))
    headers = [("slm-transaction", f"{producer._txn_manager.producer_id}/{settings.group}".encode())]
    for one in outputs:
        await producer.send_and_wait(one.topic, one.value, key=one.key, partition=0, headers=headers)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


async def committed(settings: Settings, topic: str, mark: str) -> list[str]:
    """Values that are committed before the first transaction that has no end."""
    values = [record.value.decode() async for record in read_range(settings, topic, 0, first=0, committed=True)]
    return [value for value in values if value.startswith(mark)]


async def all_committed(settings: Settings, topic: str, mark: str) -> list[str]:
    """Values that are committed, once every transaction has its end: markers follow a commit after a moment."""
    values = [v.decode() async for pairs in read_committed(settings, topic, 0) for _, v in pairs if v is not None]
    return [value for value in values if value.startswith(mark)]


async def seen_after_the_next(settings: Settings, topics: Sequence[str]) -> dict[str, list[str]]:
    """What is committed in ``topics`` once a new owner has come and written to them."""
    mark = settings.group
    writer = await TransactionalWriter.open(settings, SOURCE)
    try:
        await writer.write([output(topic, f"{mark} second") for topic in topics])
    finally:
        await writer.close()
    return {topic: await all_committed(settings, topic, mark) for topic in topics}


@pytest.mark.parametrize("commit", [True, False], ids=["committed", "aborted"])
@pytest.mark.parametrize(
    "lost",
    [[LETTERS], [STATE], [LETTERS, BREACHES], [STATE, LETTERS]],
    ids=["dead letters", "state", "two outputs", "state and an output"],
)
async def test_what_a_transaction_left_undecided_becomes_what_the_rest_of_it_became(
    settings: Settings, lost: list[str], *, commit: bool
) -> None:
    mark = settings.group
    topics = (STATE, LETTERS, BREACHES)
    outputs = [output(topic, f"{mark} first") for topic in topics]
    expected = [f"{mark} first", f"{mark} second"] if commit else [f"{mark} second"]
    await transaction(settings, outputs, lost=lost, commit=commit)
    for topic in lost:
        assert await committed(settings, topic, mark) == []
    assert await seen_after_the_next(settings, topics) == dict.fromkeys(topics, expected)


async def test_where_no_marker_arrived_at_all_nothing_of_the_transaction_is_seen(settings: Settings) -> None:
    mark = settings.group
    topics = (STATE, LETTERS)

    # The coordinator knows of one partition, where nobody looks.
    outputs = [output(topic, f"{mark} first") for topic in (*topics, "service-level-control")]
    await transaction(settings, outputs, lost=topics, commit=True)
    writer = await TransactionalWriter.open(settings, SOURCE)
    await writer.close()
    assert {topic: await all_committed(settings, topic, mark) for topic in topics} == {STATE: [], LETTERS: []}


async def half_commit(settings: Settings, broker: KafkaCluster, told: Sequence[str]) -> None:
    """Leave a transaction open of which the partitions of the topics ``told`` have heard that it is committed."""
    options = {**producer_options(settings), "transactional_id": transactional_id(SOURCE, settings.group)}
    producer = AIOKafkaProducer(**options)
    await producer.start()
    await producer.begin_transaction()
    manager = producer._txn_manager
    headers = [("slm-transaction", f"{manager.producer_id}/{settings.group}".encode())]
    for topic in (STATE, LETTERS, BREACHES):
        value = f"{settings.group} first".encode()
        await producer.send_and_wait(topic, value, key=b"key", partition=0, headers=headers)
    specs = [AbortTransactionSpec(Place(topic, 0), manager.producer_id, manager.producer_epoch) for topic in told]
    await asyncio.to_thread(mark_committed, broker, specs)
    await close_producer(producer)


def mark_committed(broker: KafkaCluster, specs: Sequence[AbortTransactionSpec]) -> None:
    """Write the markers that a coordinator would; kafka-python writes those that abort."""
    with closing(broker.admin()) as admin:
        request = admin._abort_transaction_request

        def committing(spec: AbortTransactionSpec) -> Any:
            wanted = request(spec)
            wanted.markers[0].transaction_result = True
            return wanted

        admin._abort_transaction_request = committing
        for spec in specs:
            admin.abort_transaction(spec)


@pytest.mark.parametrize(
    "told",
    [[LETTERS], [STATE], [STATE, BREACHES]],
    ids=["dead letters alone", "state alone", "all but dead letters"],
)
async def test_a_commit_that_was_forgotten_half_way_is_committed_in_the_other_half(
    settings: Settings, broker: KafkaCluster, told: list[str]
) -> None:
    mark = settings.group
    topics = (STATE, LETTERS, BREACHES)
    await half_commit(settings, broker, told)
    assert await seen_after_the_next(settings, topics) == {
        topic: [f"{mark} first", f"{mark} second"] for topic in topics
    }


async def test_what_was_open_and_is_committed_nowhere_is_aborted(settings: Settings, broker: KafkaCluster) -> None:
    topics = (STATE, LETTERS, BREACHES)
    await half_commit(settings, broker, [])
    await (await TransactionalWriter.open(settings, SOURCE)).close()
    assert {topic: await all_committed(settings, topic, settings.group) for topic in topics} == {
        topic: [] for topic in topics
    }


# The last one: what it leaves undecided holds up all who read that topic.
async def test_a_writer_that_has_lost_its_broker_makes_sure_of_its_transaction_before_the_next(
    settings: Settings,
) -> None:
    async def hang(writer: TransactionalWriter) -> None:
        """Let what the writer sends next never be ended in one partition, and lose the connections."""
        manager = writer._producer._txn_manager
        await writer._producer.begin_transaction()
        manager._txn_partitions.add(TopicPartition(LETTERS, 0))
        await writer._producer.send_and_wait(LETTERS, b"hanging", partition=0)
        await writer._producer.commit_transaction()
        for connection in writer._producer.client._conns.values():
            connection.close()

    writer = await TransactionalWriter.open(settings, SOURCE)
    try:
        await writer.write([output(STATE, "one")])
        for connection in writer._producer.client._conns.values():
            connection.close()
        await writer.write([output(STATE, "two")])  # all is well with the one before
        await hang(writer)
        with pytest.raises(Exception, match="the end of the transaction before"):
            await writer.write([output(STATE, "three")])
    finally:
        await writer.close()
