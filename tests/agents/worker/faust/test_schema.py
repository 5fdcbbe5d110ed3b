from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import faust
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from agents.worker.faust.schema import BatchSchema
from tests.fakes.engine import fetched


def test_a_batch_is_one_message_to_faust_and_the_schema_lets_it_through() -> None:
    tp, strategy = TP("t", 0), cast("Any", DefaultSchedulingStrategy)()
    one, other = fetched([1, 2]), fetched([3])
    yielded = list(strategy.iterate({tp: [one, other], TP("t", 1): []}))
    assert yielded == [(tp, one), (tp, other)]
    consumer = SimpleNamespace(app=SimpleNamespace(consumer_generation_id=1))
    message = driver.Consumer._to_message(cast("Any", consumer), tp, one)
    assert (message.topic, message.partition, message.offset) == (one.topic, one.partition, 2)
    schema = BatchSchema()
    app = cast("faust.App", None)
    assert schema.loads_value(app, cast("Any", message)) is one
    assert schema.loads_key(app, cast("Any", message)) is None


def test_the_records_since_an_offset() -> None:
    rest = fetched([1, 2, 5, 6]).since(3)
    assert rest.batch.offsets.tolist() == [5, 6]
    assert rest.batch.values == [b"5", b"6"]
    assert (rest.first, rest.end, rest.reads_from) == (5, 7, 3)


def test_the_private_ways_of_faust_that_the_batches_rely_on_are_those_of_this_version() -> None:
    assert faust.__version__ == "0.15.3"
