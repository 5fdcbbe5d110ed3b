"""What arrives in the rekeyed topic: every record once, in the wire format, by time, and marked if it is too large."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from tests.real_parts.rekey.world import LOG_APPEND_TIME, SMALL, World, check, events, make_world, mixed, rekeyed, send
from tests.services.kafka import Kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def test_one_rekeyer_passes_everything_once_and_leaves_in_good_order(world: Callable[..., World]) -> None:
    here = world(2, 1)
    for topic in here.sources:
        send(here.kafka, topic, mixed(2_000))
    rekeyer = here.start()
    here.wait_until_done(rekeyer)
    send(here.kafka, here.sources[0], mixed(1_000, first=2_000))
    here.wait_until_done(rekeyer)
    rekeyer.terminate(grace=10)
    assert check(here) == 5_000 - 20
    assert "lag=0, last_error=None" in rekeyer.tail(1)
    assert "dropped=20" in rekeyer.tail(1)


def test_a_mapped_topic_arrives_in_the_wire_format(world: Callable[..., World], tmp_path: Path) -> None:
    here = world(1, 1)
    mapping = "{service: {path: app}, time: {path: when, unit: ms}, duration: {path: took, unit: ms}, drop_when: noise}"
    standards = tmp_path / "standards.yaml"
    standards.write_text(f"version: 1\ntopics: {{{here.sources[0]}: {{mapping: {mapping}}}}}\n", "utf-8")
    foreign = [
        b'{"app": "web", "when": 1772328600500, "took": 250}',
        b'{"noise": true}',
        b'{"app": "web", "when": "?"}',
    ]
    send(here.kafka, here.sources[0], foreign)
    send(here.kafka, here.sources[1], events(2))
    here.wait_until_done(here.start(SLM_STANDARDS=str(standards)))
    found = {one.origin.removeprefix(here.sources[0]): one for one in rekeyed(here)}
    assert found.keys() == {"/0/0", "/0/2", f"{here.sources[1]}/0/0", f"{here.sources[1]}/0/1"}
    assert found["/0/0"].key == b"web"
    expected = {"service": "web", "time": 1_772_328_600.5, "duration": 0.25}
    assert json.loads(found["/0/0"].value or b"") == expected
    assert (found["/0/2"].value, found["/0/2"].headers) == (foreign[2], {"slm-reason": b"wrong-type"})


def test_values_too_large_for_the_rekeyed_topic_pass_as_ones_too_large_for_an_event(
    kafka: Kafka, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        here = make_world(kafka, tmp_path, stack)
        large = kafka.create_topic(settings={**LOG_APPEND_TIME, "max.message.bytes": "6000000"})
        here.sources.append(large)
        noise = random.Random(7).randbytes(5_000_000)
        send(kafka, large, [*events(3), noise, *events(2, first=3), noise[:200_000]])
        here.wait_until_done(here.start())
        found = {int(one.origin.rpartition("/")[2]): one for one in rekeyed(here)}
        assert sorted(found) == list(range(7))
        assert (len(found[3].value or b""), found[3].headers["slm-size"]) == (65_537, b"5000000")
        assert (found[3].headers["slm-reason"], found[3].key) == (b"too-large", f"{large}/0".encode())
        assert (found[6].value, found[6].headers["slm-reason"]) == (noise[:200_000], b"too-large")


def test_a_backlog_is_merged_in_order_of_time(kafka: Kafka, tmp_path: Path) -> None:
    with ExitStack() as stack:
        here = make_world(kafka, tmp_path, stack, rekeyed=1)
        topic = kafka.create_topic(partitions=2)
        here.sources.append(topic)
        began = round(time.time() * 1_000) - 600_000
        asyncio.run(send_at(kafka, topic, [(0, began + 100 * n) for n in range(5_000)]))
        asyncio.run(send_at(kafka, topic, [(1, began + 10_000 * n) for n in range(50)]))
        here.wait_until_done(here.start(**SMALL, SLM_LATENESS="8s"))
        times = [json.loads(one.value or b"")["time"] for one in rekeyed(here)]
        assert len(times) == 5_050
        newest = 0.0
        for number in times:
            newest = max(newest, number)
            assert newest - number <= 2.0


async def send_at(kafka: Kafka, topic: str, places: Sequence[tuple[int, int]]) -> None:
    """Send events to partitions with the timestamps given, in milliseconds; their times are the same."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=10)
    await producer.start()
    try:
        for partition, stamp in places:
            value = json.dumps({"time": stamp / 1_000, "service": "s"}).encode()
            await producer.send(topic, value, partition=partition, timestamp_ms=stamp)
        await producer.flush()
    finally:
        await producer.stop()
