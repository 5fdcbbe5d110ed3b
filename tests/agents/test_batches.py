from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import faust
from aiokafka import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.batches import BatchScheduling, BatchSchema, Fetched
from tests.agents.fakes import fetched


def record(topic: str, partition: int, offset: int, *, timestamp: int = 5, timestamp_type: int = 1) -> Any:
    value = None if offset == 3 else f"{topic}/{partition}/{offset}".encode()
    return ConsumerRecord(topic, partition, offset, timestamp, timestamp_type, b"key", value, None, 3, 9, ())


def partition_of(topic: str, partition: int, *offsets: int) -> tuple[TP, list[Any]]:
    return TP(topic, partition), [record(topic, partition, offset) for offset in offsets]


def test_a_source_partition_is_one_message_and_other_topics_are_read_record_by_record() -> None:
    records = dict([partition_of("source", 0, 1, 2, 3), partition_of("source", 1, 7), partition_of("other", 0, 4, 5)])
    yielded = list(BatchScheduling.of(["source"])().iterate(records))
    assert [(tp.topic, tp.partition, one.offset) for tp, one in yielded] == [
        ("source", 0, 3),
        ("source", 1, 7),
        ("other", 0, 4),
        ("other", 0, 5),
    ]
    batch = yielded[0][1].value.batch
    assert (batch.source, batch.partition) == ("source", 0)
    assert batch.values == [b"source/0/1", b"source/0/2", None]
    assert batch.offsets.tolist() == [1, 2, 3]
    assert batch.timestamps.tolist() == [5, 5, 5]


def test_a_partition_without_records_yields_nothing() -> None:
    assert list(BatchScheduling.of(["source"])().iterate({TP("source", 0): []})) == []


def test_faust_makes_a_message_of_the_pseudo_record_and_the_schema_lets_the_batch_through() -> None:
    ((tp, pseudo),) = BatchScheduling.of(["source"])().iterate(dict([partition_of("source", 0, 1, 2)]))
    consumer = SimpleNamespace(app=SimpleNamespace(consumer_generation_id=1))
    message = driver.Consumer._to_message(cast("Any", consumer), tp, pseudo)
    assert (message.topic, message.partition, message.offset) == ("source", 0, 2)
    schema = BatchSchema()
    app = cast("faust.App", None)
    assert schema.loads_value(app, cast("Any", message)) is pseudo.value
    assert schema.loads_key(app, cast("Any", message)) == b"key"


def test_timestamps_that_are_absent_and_those_of_producers_are_told_apart() -> None:
    absent = Fetched.of([record("t", 0, 1, timestamp=-1, timestamp_type=0)])
    assert absent.batch.timestamps.tolist() == [-1]
    assert absent.create_time
    assert not Fetched.of([record("t", 0, 1)]).create_time


def test_the_records_since_an_offset() -> None:
    rest = fetched([1, 2, 5, 6]).since(3)
    assert rest.batch.offsets.tolist() == [5, 6]
    assert rest.batch.values == [b"5", b"6"]
    assert (rest.first, rest.end) == (5, 7)


def test_the_private_ways_of_faust_that_the_batches_rely_on_are_those_of_this_version() -> None:
    assert faust.__version__ == "0.15.3"
