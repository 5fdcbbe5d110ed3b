from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from tests.services.kafka import Kafka, KafkaCluster
from tests.services.parts import require
from tests.services.process import ServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ONE_PARTITION = 0


@asynccontextmanager
async def producing(bootstrap: str, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, **settings)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def read(bootstrap: str, topic: str, *, isolation: str = "read_committed") -> list[Any]:
    """Read a topic of one partition from its start to its end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition(topic, ONE_PARTITION)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        records: list[Any] = []
        while await consumer.position(partition) < end:
            batches = await consumer.getmany(timeout_ms=200)
            records += [record for batch in batches.values() for record in batch]
        return records
    finally:
        await consumer.stop()


async def values(bootstrap: str, topic: str, *, isolation: str = "read_committed") -> list[bytes]:
    return [record.value for record in await read(bootstrap, topic, isolation=isolation)]


async def send(bootstrap: str, topic: str, *sent: bytes) -> None:
    async with producing(bootstrap) as producer:
        for value in sent:
            await producer.send_and_wait(topic, value, partition=ONE_PARTITION)


async def test_records_come_back_in_order_with_the_brokers_time(kafka: Kafka) -> None:
    topic = kafka.create_topic(settings={"message.timestamp.type": "LogAppendTime"})
    async with producing(kafka.bootstrap) as producer:
        for value in (b"first", b"second"):
            await producer.send_and_wait(topic, value, partition=ONE_PARTITION, timestamp_ms=1)
    records = await read(kafka.bootstrap, topic)
    assert [(record.offset, record.value) for record in records] == [(0, b"first"), (1, b"second")]
    log_append_time = 1
    assert {record.timestamp_type for record in records} == {log_append_time}
    assert all(record.timestamp > 1 for record in records), "the producer's time stood, the broker's did not"


def test_a_topic_that_nobody_created_is_an_error(kafka: Kafka) -> None:
    with closing(kafka.admin()) as admin:
        assert "never-created" not in admin.list_topics()
        (row,) = admin.describe_topics(["never-created"])
        assert row["error_code"] != 0


async def transact(kafka: Kafka, *topics: str, commit: bool) -> None:
    """Send one record to each topic in one transaction, then commit it or abort it."""
    async with producing(kafka.bootstrap, transactional_id=f"writer-of-{topics[0]}") as producer:
        await producer.begin_transaction()
        for topic in topics:
            await producer.send_and_wait(topic, b"committed" if commit else b"aborted", partition=ONE_PARTITION)
        await (producer.commit_transaction() if commit else producer.abort_transaction())


async def test_only_committed_transactions_are_seen_by_who_reads_committed(kafka: Kafka) -> None:
    state, output = kafka.create_topic(), kafka.create_topic()
    await transact(kafka, state, output, commit=True)
    await transact(kafka, state, output, commit=False)
    assert await values(kafka.bootstrap, state) == [b"committed"]
    assert await values(kafka.bootstrap, output) == [b"committed"]
    assert await values(kafka.bootstrap, output, isolation="read_uncommitted") == [b"committed", b"aborted"]


async def test_an_open_transaction_hides_its_records_until_it_ends(kafka: Kafka) -> None:
    topic = kafka.create_topic()
    async with producing(kafka.bootstrap, transactional_id=f"writer-of-{topic}") as producer:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"held", partition=ONE_PARTITION)
            assert await values(kafka.bootstrap, topic) == []
        assert await values(kafka.bootstrap, topic) == [b"held"]


async def test_a_new_owner_of_a_transactional_id_shuts_the_previous_one_out(kafka: Kafka) -> None:
    topic = kafka.create_topic()
    owner = f"owner-of-{topic}"

    async with producing(kafka.bootstrap, transactional_id=owner) as zombie:
        await zombie.begin_transaction()
        await zombie.send_and_wait(topic, b"of the zombie", partition=ONE_PARTITION)
        async with producing(kafka.bootstrap, transactional_id=owner) as successor:
            async with successor.transaction():
                await successor.send_and_wait(topic, b"of the successor", partition=ONE_PARTITION)
            with pytest.raises(ProducerFenced):
                await zombie.commit_transaction()
    assert await values(kafka.bootstrap, topic) == [b"of the successor"]


@pytest.mark.parametrize("end", ["stop", "kill"], ids=["after a shutdown", "after a crash"])
def test_data_survive_a_restart(tmp_path: Path, end: str) -> None:
    require("kafka")
    with KafkaCluster(tmp_path) as broker:
        topic = broker.create_topic()
        asyncio.run(send(broker.bootstrap, topic, b"kept"))
        getattr(broker, end)(1)
        assert broker.running == []
        broker.start(1)
        assert asyncio.run(values(broker.bootstrap, topic)) == [b"kept"]


def test_a_cluster_serves_on_while_a_node_is_down_and_takes_it_back(kafka_cluster: KafkaCluster) -> None:
    topic = kafka_cluster.create_topic()
    asyncio.run(send(kafka_cluster.bootstrap, topic, b"by three"))
    leader = kafka_cluster.describe_topic(topic)[0]["leader_id"]
    kafka_cluster.kill(leader)
    try:
        asyncio.run(send(kafka_cluster.bootstrap, topic, b"by two"))
    finally:
        kafka_cluster.start(leader)
    kafka_cluster.wait_until_replicated(topic)
    assert asyncio.run(values(kafka_cluster.bootstrap, topic)) == [b"by three", b"by two"]


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    require("kafka")
    with (
        pytest.raises(ServiceError, match=r"(?s)kafka-1 ended with code 1.*log\.retention\.bytes"),
        KafkaCluster(tmp_path, settings={"log.retention.bytes": "plenty"}),
    ):
        pass
