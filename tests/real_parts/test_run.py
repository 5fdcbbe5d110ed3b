from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiokafka import AIOKafkaProducer
from kafka import TopicPartition as Partition

from streams.events.rejections import Reason
from tests.real_parts.traffic import (
    SERVICES,
    accepted,
    events,
    figures,
    group_offsets,
    log_ends,
    read_all,
    send,
    source,
)
from tests.services.kafka import Kafka, KafkaCluster
from tests.services.parts import require
from tests.services.waiting import wait_for
from tests.services.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def start(kafka: Kafka, group: str, tmp_path: Path) -> Iterable[Callable[..., Worker]]:
    """Start a worker of the test's group; it ends with the test."""
    with ExitStack() as stack:

        def starting(name: str, *topics: str, options: Sequence[str] = (), broker: str | None = None) -> Worker:
            worker = Worker(tmp_path, broker or kafka.bootstrap, topics, group=group, options=options, name=name)
            return stack.enter_context(worker)

        yield starting


def test_counts_are_exact_the_group_reaches_the_logs_ends_and_a_restart_shows_the_same(
    kafka: Kafka, group: str, start: Callable[..., Worker]
) -> None:
    topics = [source(kafka), source(kafka)]
    for topic, count in zip(topics, (30_000, 7_001), strict=True):
        send(kafka.bootstrap, topic, events(count, prefix=topic))

    first = start("first", *topics)
    first.wait_until_ready(partitions=8)
    status = first.status()
    assert status["events"]["records"] == status["events"]["accepted"] == 37_001
    before = figures(first)
    assert sum(before.values()) == 37_001
    ends = log_ends(kafka, topics, 4)
    wait_for(lambda: group_offsets(kafka, group) == ends, "the group's offsets to reach the logs' ends")
    assert all(row["lag"] == 0 for row in first.status()["partitions"])
    assert first.end() == 0

    again = start("again", *topics)
    again.wait_until_ready(partitions=8)
    assert figures(again) == before
    assert again.end(signal.SIGINT) == 130


def test_a_second_worker_joins_and_leaves_and_nothing_is_lost_or_doubled(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic = source(kafka)
    send(kafka.bootstrap, topic, events(20_000))
    first = start("first", topic)
    first.wait_until_ready(partitions=4)

    second = start("second", topic)
    second.wait_until_ready(partitions=2)
    first.wait_until_ready(partitions=2)
    assert accepted(first, second) == 20_000

    send(kafka.bootstrap, topic, events(10_000))
    wait_for(lambda: accepted(first, second) >= 30_000, "both workers to read what came later")
    expected = {
        f"service-{n}": len(range(n, 20_000, SERVICES)) + len(range(n, 10_000, SERVICES)) for n in range(SERVICES)
    }
    assert figures(first, second) == expected

    assert second.end() == 0
    first.wait_until_ready(partitions=4)
    assert figures(first) == expected
    assert first.status()["events"]["accepted"] == 30_000


def test_workers_that_come_and_go_under_load_count_every_event_once(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka)
    first = start("first", topic, options=["--batch-records", "500", "--fetch-bytes", "65536"])
    first.wait_until_ready(partitions=4)
    total = 0
    for turn in range(4):
        send(kafka.bootstrap, topic, events(20_000))
        total += 20_000
        other = start(f"other-{turn}", topic, options=["--batch-records", "500"])
        send(kafka.bootstrap, topic, events(20_000))
        total += 20_000
        other.wait_until_ready(partitions=2)
        first.wait_until_ready(partitions=2)
        send(kafka.bootstrap, topic, events(5_000))
        total += 5_000
        # One in two is killed: its partitions come free when its session has timed out.
        if turn % 2:
            other.service.kill()
        else:
            assert other.end() == 0
    first.wait_until_ready(partitions=4)
    wait_for(lambda: accepted(first) >= total, "the last worker to read everything")
    assert sum(figures(first).values()) == first.status()["events"]["accepted"] == total


#: Bad records, and the reason that each is rejected for.
BAD: Final[dict[bytes | None, Reason]] = {
    b"junk": Reason.NOT_JSON,
    b'{"time": NaN, "service": "s"}': Reason.NOT_FINITE,
    b'{"time": 1772328600, "service": "s", "outcome": 3}': Reason.WRONG_TYPE,
    b'{"time": 1772328600, "service": "s", "kind": "rumour"}': Reason.UNKNOWN_KIND,
    b'{"time": 1772328600}': Reason.MISSING_SERVICE,
    b'{"service": "s"}': Reason.MISSING_TIME,
    b'{"time": "2026-03-01T09:30:00", "service": "s"}': Reason.TIME_WITHOUT_OFFSET,
    b'{"time": "2100-01-01T00:00:00Z", "service": "s"}': Reason.FUTURE,
    b'{"time": 1772328600, "service": "s", "kind": "feedback", "score": -1}': Reason.NEGATIVE,
    b'{"time": 1772328600, "service": "\xff"}': Reason.INVALID_UTF8,
    b"x" * 1_000_000: Reason.TOO_LARGE,
    None: Reason.TOMBSTONE,
}


def test_malformed_records_become_dead_letters_while_their_neighbours_count(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic, letters = source(kafka, 1), kafka.create_topic()
    good = events(len(BAD) + 1)
    rows: list[tuple[bytes, bytes | None]] = [*good[-1:]]
    for neighbour, raw in zip(good, BAD, strict=False):
        rows += [(b"k", raw), neighbour]
    send(kafka.bootstrap, topic, rows)

    worker = start("worker", topic, options=["--dead-letters-topic", letters])
    worker.wait_until_ready(partitions=1)
    assert worker.status()["events"]["accepted"] == len(good)

    def written() -> list[dict[str, Any]]:
        records = read_all(kafka.bootstrap, letters)
        assert {record.key for record in records} <= {f"{topic}/0".encode()}
        return [letter for record in records for letter in json.loads(record.value)["letters"]]

    wait_for(lambda: len(written()) == len(BAD), "the dead letters")
    assert {letter["offset"]: letter["reason"] for letter in written()} == {
        2 * place + 1: reason for place, reason in enumerate(BAD.values())
    }
    assert all((letter["topic"], letter["partition"]) == (topic, 0) for letter in written())
    by_reason = {letter["reason"]: letter for letter in written()}
    assert base64.b64decode(by_reason[Reason.NOT_JSON]["raw"]) == b"junk"
    assert (by_reason[Reason.TOO_LARGE]["truncated"], by_reason[Reason.TOO_LARGE]["size"]) == (True, 1_000_000)
    exposed = worker.answer("/metrics")[1].decode()
    for reason in BAD.values():
        assert re.search(rf'^slm_pipeline_events_total{{.*reason="{reason}".*}} 1\.0$', exposed, re.MULTILINE), reason


def test_a_topic_of_the_monitor_that_is_missing_is_named_with_the_command_that_creates_it(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic = source(kafka, 1)
    worker = start("worker", topic, options=["--dead-letters-topic", "nobody-created-this"])
    assert worker.exit_code() == 3
    last = worker.service.tail(1)
    assert "there is no topic nobody-created-this" in last
    assert f"slm topics --create --topic {topic}" in last


def test_transactions_leave_markers_that_neither_stall_nor_show_as_lag_and_aborted_events_do_not_count(
    kafka: Kafka, group: str, start: Callable[..., Worker]
) -> None:
    topic = source(kafka, 1)

    async def transactions() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"test-{topic}")
        await producer.start()
        try:
            for turn in range(20):
                await producer.begin_transaction()
                for key, value in events(100):
                    await producer.send(topic, value, key=key)
                await (producer.abort_transaction() if turn % 5 == 4 else producer.commit_transaction())
        finally:
            await producer.stop()

    asyncio.run(transactions())
    worker = start("worker", topic)
    worker.wait_until_ready(partitions=1)
    asyncio.run(transactions())
    wait_for(lambda: accepted(worker) == 3_200, "the events of committed transactions")
    wait_for(lambda: worker.status()["partitions"][0]["lag"] == 0, "the lag to be 0")
    ends = log_ends(kafka, [topic], 1)
    wait_for(lambda: group_offsets(kafka, group) == ends, "the group's offset to reach the log's end")
    assert accepted(worker) == 3_200


def test_a_log_that_begins_later_is_read_from_there(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 1)
    send(kafka.bootstrap, topic, events(1_000))
    with closing(kafka.admin()) as admin:
        admin.delete_records({Partition(topic, 0): 600})
    worker = start("worker", topic)
    worker.wait_until_ready(partitions=1)
    assert accepted(worker) == 400


def test_a_topic_made_anew_is_another_log(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 1)
    send(kafka.bootstrap, topic, events(1_000))
    worker = start("worker", topic)
    worker.wait_until_ready(partitions=1)
    with closing(kafka.admin()) as admin:
        admin.delete_topics([topic])
        wait_for(lambda: topic not in admin.list_topics(), "the topic to be gone")
        wait_for(lambda: worker.status().get("partitions") == [], "the worker to have let go")
    kafka.create_topic(topic)
    send(kafka.bootstrap, topic, events(10))
    wait_for(lambda: accepted(worker) == 10, "the events of the new topic")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["asked to end", "interrupted"])
def test_a_broker_that_goes_is_waited_for_and_one_that_stays_away_does_not_keep_the_worker(
    tmp_path: Path, number: signal.Signals
) -> None:
    require("kafka")
    with KafkaCluster(tmp_path) as kafka:
        topic = source(kafka, 2)
        send(kafka.bootstrap, topic, events(1_000))
        with Worker(tmp_path, kafka.bootstrap, [topic], group="group", options=["--session-timeout", "9s"]) as worker:
            worker.wait_until_ready(partitions=2)
            kafka.kill()
            wait_for(lambda: worker.answer("/ready")[0] == 503, "/ready to say that the broker is away", seconds=40)
            assert worker.status()["partitions"] == []
            kafka.start()
            send(kafka.bootstrap, topic, events(1_000))
            worker.wait_until_ready(partitions=2)
            wait_for(lambda: accepted(worker) >= 2_000, "what came after the broker's return")
            assert accepted(worker) == 2_000
            kafka.kill()
            assert worker.end(number, seconds=10) == (0 if number is signal.SIGTERM else 130)


def test_a_worker_that_was_frozen_shows_nothing_that_another_has_taken_over(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic, quick = source(kafka, 2), ["--session-timeout", "3s", "--heartbeat", "1s"]
    send(kafka.bootstrap, topic, events(1_000))
    frozen = start("frozen", topic, options=quick)
    frozen.wait_until_ready(partitions=2)
    os.kill(frozen.service.pid, signal.SIGSTOP)
    try:
        heir = start("heir", topic, options=quick)
        heir.wait_until_ready(partitions=2)
        send(kafka.bootstrap, topic, events(500))
        wait_for(lambda: accepted(heir) == 1_500, "the heir to have read everything")
    finally:
        os.kill(frozen.service.pid, signal.SIGCONT)

    def shared() -> bool:
        # At no time do both show the same events.
        total = accepted(frozen, heir)
        assert total <= 1_500
        return total == 1_500 and len(frozen.status()["partitions"]) == 1

    wait_for(shared, "the two to share the partitions")


def test_a_worker_too_many_stands_by(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 1)
    send(kafka.bootstrap, topic, events(100))
    first, second = start("first", topic), start("second", topic)
    first.wait_until_ready()
    second.wait_until_ready()
    wait_for(lambda: accepted(first, second) == 100, "one of them to have read the topic")
    idle, busy = sorted((first, second), key=lambda worker: len(worker.status()["partitions"]))
    assert (idle.status()["partitions"], idle.status()["worker"]["state"]) == ([], "running")
    busy.service.kill()
    idle.wait_until_ready(partitions=1)
    assert accepted(idle) == 100


def test_two_workers_cannot_have_one_port(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 1)
    worker = start("worker", topic)
    worker.wait_until_ready(partitions=1)
    other = start("other", topic, options=["--web-port", str(worker.port)])
    assert other.exit_code() == 2
    assert f"port {worker.port} on 127.0.0.1 is taken" in other.service.tail()
    assert "--web-port" in other.service.tail()
