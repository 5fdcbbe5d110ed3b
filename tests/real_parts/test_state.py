"""What a worker concludes survives it: saved state, transactions, ticks and standards on a real Kafka."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections import Counter
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from tests.real_parts.traffic import accepted, events, figures, read_all, send, source
from tests.services.parts import require
from tests.services.waiting import wait_for
from tests.services.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tests.services.kafka import Kafka, KafkaCluster

STANDARDS = """
version: 1
services:
  service-1:
    objectives:
      available: {measure: {availability: {by: request}}, target: TARGET, window: 5m}
"""
QUICK = ["--session-timeout", "3s", "--heartbeat", "1s"]
STATE, DEAD_LETTERS, BREACHES, AUDIT = (
    f"service-level-{name}" for name in ("state", "dead-letters", "breaches", "audit")
)


@pytest.fixture
def standards(tmp_path: Path) -> Path:
    path = tmp_path / "standards.yaml"
    path.write_text(STANDARDS.replace("TARGET", "99%"))
    return path


@pytest.fixture
def start(kafka: Kafka, tmp_path: Path, standards: Path) -> Iterable[Callable[..., Worker]]:
    """Start a worker of the test's group with the test's standards."""
    group = f"group-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:

        def starting(name: str, *topics: str, options: Sequence[str] = (), cluster: Kafka = kafka) -> Worker:
            given = [*QUICK, "--standards", str(standards), *options]
            worker = Worker(tmp_path, cluster.bootstrap, topics, group=group, options=given, name=name)
            return stack.enter_context(worker)

        yield starting


def told(kafka: Kafka, topic: str, source_topic: str) -> list[dict[str, Any]]:
    """Committed records of ``topic`` about ``source_topic``."""
    documents = [
        json.loads(record.value) for record in read_all(kafka.bootstrap, topic, isolation_level="read_committed")
    ]
    return [one for one in documents if one.get("topic", one.get("letters", [{}])[0].get("topic")) == source_topic]


def letters(kafka: Kafka, topic: str) -> Counter[tuple[int, int]]:
    found = (letter for record in told(kafka, DEAD_LETTERS, topic) for letter in record["letters"])
    return Counter((letter["partition"], letter["offset"]) for letter in found)


def spread(count: int, *, seconds: float, service: str, bad_until: int = 0, ago: float = 1_500) -> list[Any]:
    """``count`` requests spread over ``seconds``; the first ``bad_until`` failed, one in 500 is no event at all."""
    began = time.time() - ago
    rows: list[tuple[bytes, bytes]] = []
    for number in range(count):
        event = {"time": round(began + number * seconds / count, 3), "service": service, "id": f"{service}-{number}"}
        event["outcome"] = "failed" if number < bad_until else "ok"
        rows.append((service.encode(), b"junk" if number % 500 == 250 else json.dumps(event).encode()))
    return rows


def test_after_a_crash_figures_go_on_and_nothing_is_told_again(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 2)
    send(kafka.bootstrap, topic, spread(20_000, seconds=1_200, service="service-1", bad_until=4_000))
    worker = start("first", topic)
    worker.wait_until_ready(partitions=2)
    wait_for(lambda: sum(letters(kafka, topic).values()) == 40, "the dead letters")
    wait_for(lambda: len(told(kafka, BREACHES, topic)) == 2, "the breach to open and close")
    before = figures(worker)
    worker.service.kill()

    heir = start("heir", topic)
    heir.wait_until_ready(partitions=2)
    assert figures(heir) == before
    assert any(row["saved_offset"] for row in heir.status()["partitions"]), "what was saved was not read"
    send(kafka.bootstrap, topic, spread(1_000, seconds=60, service="service-1", ago=200))
    wait_for(lambda: accepted(heir) == 19_960 + 998, "what came later")
    wait_for(lambda: sum(letters(kafka, topic).values()) == 42, "the later dead letters")
    assert set(letters(kafka, topic).values()) == {1}
    breaches = told(kafka, BREACHES, topic)
    assert [breach["change"] for breach in breaches] == ["opened", "closed"]
    assert len({breach["breach"] for breach in breaches}) == 1
    assert {record["detail"]["breach"] for record in told(kafka, AUDIT, topic)} == {breaches[0]["breach"]}


def test_workers_killed_one_after_the_other_under_load_tell_everything_once(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic = source(kafka, 2)
    small = ["--batch-records", "500", "--fetch-bytes", "65536"]
    rows = spread(60_000, seconds=1_200, service="service-1", bad_until=6_000)
    for turn in range(3):
        send(kafka.bootstrap, topic, rows[turn * 20_000 : (turn + 1) * 20_000])
        worker = start(f"worker-{turn}", topic, options=small)
        wait_for(lambda: accepted(worker) > 1_000, "a worker to be at work")  # noqa: B023 - called at once
        worker.service.kill()
    last = start("last", topic)
    last.wait_until_ready(partitions=2)
    assert accepted(last) == 60_000 - 120
    assert figures(last) == {"service-1": 60_000 - 120}
    wait_for(lambda: sum(letters(kafka, topic).values()) >= 120, "the dead letters")
    assert set(letters(kafka, topic).values()) == {1}
    assert [breach["change"] for breach in told(kafka, BREACHES, topic)] == ["opened", "closed"]


def test_a_zombie_writes_nothing_any_more(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 1)
    rows = spread(20_000, seconds=1_200, service="service-1", bad_until=4_000)
    zombie = start("zombie", topic)
    zombie.wait_until_ready(partitions=1)
    send(kafka.bootstrap, topic, rows[:10_000])
    os.kill(zombie.service.pid, signal.SIGSTOP)
    try:
        heir = start("heir", topic)
        heir.wait_until_ready(partitions=1)
        send(kafka.bootstrap, topic, rows[10_000:])
        wait_for(lambda: accepted(heir) == 19_960, "the heir to have read everything")
    finally:
        os.kill(zombie.service.pid, signal.SIGCONT)

    def at_peace() -> bool:
        for one in (zombie, heir):
            one.service.ensure_running()
        return accepted(zombie, heir) == 19_960 and zombie.ready() and heir.ready()

    wait_for(at_peace, "both to be at peace", seconds=60)
    wait_for(lambda: sum(letters(kafka, topic).values()) >= 40, "the dead letters")
    assert set(letters(kafka, topic).values()) == {1}
    assert [breach["change"] for breach in told(kafka, BREACHES, topic)] == ["opened", "closed"]


def test_an_idle_partition_notices_time_passing_by_ticks(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 1)
    worker = start("worker", topic, options=["--tick-interval", "1s", "--lateness", "1s"])
    send(kafka.bootstrap, topic, spread(100, seconds=1, service="service-1", bad_until=100, ago=2))
    wait_for(lambda: len(told(kafka, BREACHES, topic)) == 1, "the breach, with no further event", seconds=40)
    assert worker.status()["worker"]["ticks"] >= 1
    assert worker.status()["events"]["ignored"] >= 1
    assert worker.status()["events"]["accepted"] == 100


def test_producers_that_stamp_records_themselves_get_no_ticks(kafka: Kafka, start: Callable[..., Worker]) -> None:
    kafka.create_own_topics()
    topic, other = kafka.create_topic(settings={"message.timestamp.type": "CreateTime"}), source(kafka, 1)
    rows = spread(10, seconds=1, service="service-1", ago=2)
    send(kafka.bootstrap, topic, rows)
    send(kafka.bootstrap, other, rows)
    worker = start("worker", topic, other, options=["--tick-interval", "1s"])
    worker.wait_until_ready(partitions=2)
    wait_for(lambda: worker.status()["worker"]["ticks"] >= 3, "ticks in the other topic")
    assert len(read_all(kafka.bootstrap, topic)) == 10
    assert "create-time-topic" in [warning["key"] for warning in worker.status()["worker"]["warnings"]]


def in_force(worker: Worker) -> set[str]:
    return {row["standards"] for row in worker.status().get("partitions", ())}


def test_a_changed_standards_file_holds_from_the_next_slice_on_and_a_bad_one_never(
    kafka: Kafka, start: Callable[..., Worker], standards: Path
) -> None:
    topic = source(kafka, 1)
    worker = start("worker", topic, options=["--tick-interval", "1s", "--lateness", "1s"])
    send(kafka.bootstrap, topic, spread(1_000, seconds=1, service="service-1", bad_until=50, ago=2))
    wait_for(lambda: len(told(kafka, BREACHES, topic)) == 1, "the breach of 99 %", seconds=40)
    (before,) = in_force(worker)

    standards.write_text("services: [")
    os.kill(worker.service.pid, signal.SIGHUP)
    wait_for(lambda: worker.status()["worker"]["refused_standards"], "the refusal")
    assert "slm_standards_refused 1.0" in worker.answer("/metrics")[1].decode()
    assert in_force(worker) == {before}

    standards.write_text(STANDARDS.replace("TARGET", "90%"))
    os.kill(worker.service.pid, signal.SIGHUP)
    wait_for(lambda: in_force(worker) - {before}, "the new standards to be in force", seconds=40)
    assert worker.status()["worker"]["refused_standards"] is None
    wait_for(lambda: len(told(kafka, BREACHES, topic)) == 2, "the breach to be withdrawn")
    assert [breach["change"] for breach in told(kafka, BREACHES, topic)] == ["opened", "withdrawn"]
    assert sum(figures(worker).values()) == 998
    worker.service.kill()

    # An heir with the earlier file changes nothing: that content was proposed before, and its file is not newer.
    standards.write_text(STANDARDS.replace("TARGET", "99%"))
    os.utime(standards, (0, 0))
    heir = start("heir", topic, options=["--tick-interval", "1s", "--lateness", "1s"])
    heir.wait_until_ready(partitions=1)
    assert before not in in_force(heir)
    wait_for(lambda: heir.status()["worker"]["ticks"] >= 2, "time to pass")
    assert before not in in_force(heir)
    os.kill(heir.service.pid, signal.SIGHUP)
    wait_for(lambda: in_force(heir) == {before}, "what its operator asks for", seconds=40)


def state_rows(kafka: Kafka) -> dict[bytes, bytes]:
    return {record.key: record.value for record in read_all(kafka.bootstrap, STATE)}


def test_a_damaged_row_is_noticed_and_rebuilt_from_the_log(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = source(kafka, 1)
    send(kafka.bootstrap, topic, spread(5_000, seconds=1_200, service="service-1", bad_until=500))
    worker = start("worker", topic)
    worker.wait_until_ready(partitions=1)
    wait_for(lambda: len(told(kafka, BREACHES, topic)) == 2, "the breach to open and close")
    assert worker.end() == 0
    before = figures_after(worker, start, topic)
    rows = {key: value for key, value in state_rows(kafka).items() if key.startswith(f"{topic}\t".encode())}
    name = next(key for key in sorted(rows) if key.rpartition(b"\t")[2].startswith(b"s/c"))
    put(kafka, name, rows[name][:-1] + bytes([rows[name][-1] ^ 1]))

    heir = start("heir", topic)
    heir.wait_until_ready(partitions=1)
    assert figures(heir) == before
    assert "state-damaged" in [warning["key"] for warning in heir.status()["worker"]["warnings"]]
    wait_for(lambda: [r for r in told(kafka, AUDIT, topic) if r["type"] == "damage"], "the audit to be told")
    assert len(told(kafka, BREACHES, topic)) == 2
    assert set(letters(kafka, topic).values()) == {1}
    assert heir.end() == 0
    again = start("again", topic)
    again.wait_until_ready(partitions=1)
    assert figures(again) == before
    assert "state-damaged" not in [warning["key"] for warning in again.status()["worker"]["warnings"]]


def figures_after(_: Worker, start: Callable[..., Worker], topic: str) -> dict[str, int]:
    """Figures of a fresh worker, which ends then."""
    worker = start("look", topic)
    worker.wait_until_ready(partitions=1)
    found = figures(worker)
    assert worker.end() == 0
    return found


def put(kafka: Kafka, key: bytes, value: bytes) -> None:
    from kafka import KafkaProducer  # noqa: PLC0415 - here alone

    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        producer.send(STATE, value, key, partition=0).get(30)


def test_at_full_load_a_worker_that_is_asked_to_end_does_so_within_ten_seconds(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic = source(kafka, 4)
    for _ in range(3):
        send(kafka.bootstrap, topic, events(60_000))
    worker = start("worker", topic, options=["--batch-records", "500", "--fetch-bytes", "65536"])
    wait_for(lambda: accepted(worker) > 5_000, "the worker to be at work")
    assert worker.end(seconds=10) == 0
    heir = start("heir", topic)
    heir.wait_until_ready(partitions=4)
    assert accepted(heir) == 180_000


def test_a_row_that_kafka_does_not_take_ends_the_worker_with_code_4_and_the_reason(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic, state = source(kafka, 1), kafka.create_topic(settings={"max.message.bytes": "300"})
    send(kafka.bootstrap, topic, spread(1_000, seconds=1_200, service="service-1"))
    worker = start("worker", topic, options=["--state-topic", state])
    assert worker.exit_code() == 4
    last = worker.service.tail(1)
    assert "Kafka refuses what was concluded" in last
    assert "MessageSizeTooLarge" in last
    with closing(kafka.admin()) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, state, {"max.message.bytes": "1048588"})])
    heir = start("heir", topic, options=["--state-topic", state])
    heir.wait_until_ready(partitions=1)
    assert accepted(heir) == 998
    wait_for(lambda: letters(kafka, topic), "the dead letters")
    assert set(letters(kafka, topic).values()) == {1}


def test_while_kafka_takes_no_transaction_reading_stops_and_goes_on_afterwards(
    kafka_cluster: KafkaCluster, start: Callable[..., Worker]
) -> None:
    require("kafka")
    topic = source(kafka_cluster, 1)
    letters_topic = on_one_node(kafka_cluster, 3)
    # Every event is bad, so that all of it has to be written where nobody takes it at present.
    junk = [(b"k", b"x" * 1_000 + str(number).encode()) for number in range(40_000)]
    worker = start("worker", topic, options=["--dead-letters-topic", letters_topic], cluster=kafka_cluster)
    worker.wait_until_ready(partitions=1)
    kafka_cluster.kill(3)
    try:
        send(",".join(kafka_cluster.bootstrap.split(",")[:2]), topic, junk)
        looks: list[tuple[int, int]] = []  # it stops for a moment where that transaction begins, then for good

        def stands_still() -> bool:
            if not (status := worker.status()):
                return False
            lag = sum(partition["lag"] for partition in status["partitions"])  # none while its group has no coordinator
            looks.append((status["events"]["records"], lag))
            still = looks[-10:] == looks[-1:] * 10 and sum(looks[-1]) == 40_000
            return still and "dead letters" in (status["worker"]["waits"] or "")

        wait_for(stands_still, "reading to stop", seconds=60)
        assert looks[-1][0] < 30_000
    finally:
        kafka_cluster.start(3)
    wait_for(lambda: worker.status()["events"]["records"] == 40_000, "reading to go on", seconds=90)
    wait_for(lambda: worker.status()["partitions"][0]["saved_offset"] == 40_000, "everything to be saved", seconds=60)
    assert worker.end() == 0


def on_one_node(cluster: KafkaCluster, node: int) -> str:
    """A topic that lies on one node alone."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    with closing(cluster.admin()) as admin:
        options = {"num_partitions": -1, "assignments": {0: [node]}, "configs": {"min.insync.replicas": "1"}}
        admin.create_topics({name: options}, wait_for_metadata=True)
    return name
