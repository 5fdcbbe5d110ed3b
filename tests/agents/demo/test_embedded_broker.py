from __future__ import annotations

import asyncio
import socket
import sys

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaProducer

from agents.demo.embedded_broker import PARTITIONS, EmbeddedBroker
from agents.exits import Exit, Fault
from agents.sending.delivery import Delivery, open_producer
from agents.sending.records import Outgoing
from tests.services.waiting import wait_for


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


async def round_trip(address: str) -> list[tuple[bytes, bytes]]:
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    await producer.send_and_wait("events", b"value", key=b"key")
    await producer.stop()
    consumer = AIOKafkaConsumer("events", bootstrap_servers=address, group_id="group", auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 30)
        assert len(consumer.partitions_for_topic("events")) == PARTITIONS
    finally:
        await consumer.stop()
    return [(record.key, record.value)]


async def test_what_is_sent_to_it_can_be_read_by_a_group() -> None:
    with EmbeddedBroker() as broker:
        assert await round_trip(broker.address) == [(b"key", b"value")]


def test_the_producer_of_send_speaks_to_it() -> None:
    with EmbeddedBroker() as broker:
        producer: KafkaProducer = open_producer({"bootstrap_servers": [broker.address], "api_version": (2, 1)})
        delivery = Delivery(producer, "events")
        for line in range(1, 1001):
            delivery.send(Outgoing(line, b"service-%d" % (line % 7), b"{}"))
        delivery.finish()
        producer.close(timeout=5)
        assert delivery.acknowledged_records == 1000


def test_it_is_gone_afterwards() -> None:
    with EmbeddedBroker() as broker:
        assert answers(broker.address)
    wait_for(lambda: not answers(broker.address), "the port to be closed")


def test_two_know_nothing_of_each_other() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.address != other.address


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(Fault, match=r"pip install 'service-level-monitor\[demo\]'") as caught, EmbeddedBroker():
        pass
    assert caught.value.exit_code == Exit.UNAVAILABLE
