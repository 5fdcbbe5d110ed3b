"""`slm send` to a real Kafka."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from agents.exits import Exit
from tests.services.kafka import Kafka, KafkaCluster
from tests.services.parts import require
from tests.services.waiting import wait_for
from tests.services.worker import SLM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


PARTITIONS = 3
SERVICES = 7


def event(number: int) -> bytes:
    return b'{"time":%d,"service":"service-%d","step":"answer","duration":%d}' % (
        1_763_900_000 + number,
        number % SERVICES,
        number,
    )


def write(path: Path, count: int, first: int = 0) -> Path:
    path.write_bytes(b"".join(event(number) + b"\n" for number in range(first, first + count)))
    return path


def records(kafka: Kafka, topic: str) -> list[Any]:
    """Everything in a topic, each partition in order."""
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")) as consumer:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        found: list[Any] = []
        while any(consumer.position(place) < ends[place] for place in places):
            found += [record for batch in consumer.poll(timeout_ms=200).values() for record in batch]
    return found


def numbers(found: list[Any]) -> list[int]:
    """Which events the records hold."""
    return [json.loads(record.value)["duration"] for record in found]


@pytest.fixture
def topic(kafka: Kafka) -> str:
    return kafka.create_topic(partitions=PARTITIONS, settings={"message.timestamp.type": "LogAppendTime"})


class Slm:
    """Runs `slm send` to one topic, with journals in a folder of its own."""

    def __init__(self, kafka: Kafka, topic: str, folder: Path) -> None:
        self._command = [*SLM, "send", "--broker", kafka.bootstrap, "--topic", topic]
        self._environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        self.journals = folder / "state/service-level-monitor/send"

    def __call__(self, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._command, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=self._environment,
            timeout=90,
            check=False,
        )

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        command = [*self._command, *map(str, arguments)]
        return subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE, **options)

    def acknowledged(self) -> int:
        """The line that the only journal notes; 0 while there is none."""
        return sum(json.loads(path.read_bytes())["acknowledged"] for path in self.journals.glob("*.json"))


@pytest.fixture
def slm(kafka: Kafka, topic: str, tmp_path: Path) -> Slm:
    return Slm(kafka, topic, tmp_path)


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are killed if the test leaves them."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        with process:  # closes its pipes
            process.wait()


def test_a_file_is_sent_whole_in_order_and_keyed_by_service(kafka: Kafka, topic: str, slm: Slm, tmp_path: Path) -> None:
    result = slm(write(tmp_path / "events.jsonl", 1000), "--json")
    assert result.returncode == Exit.DONE, result.stderr
    summary = json.loads(result.stdout)
    assert (summary["sent"], summary["bad"], summary["interrupted"]) == (1000, 0, False)
    found = records(kafka, topic)
    assert sorted(numbers(found)) == list(range(1000))
    homes: dict[bytes, set[int]] = {}
    for record in found:
        homes.setdefault(record.key, set()).add(record.partition)
    assert homes.keys() == {b"service-%d" % number for number in range(SERVICES)}
    assert all(len(partitions) == 1 for partitions in homes.values())
    for number in range(PARTITIONS):
        own = numbers([record for record in found if record.partition == number])
        assert own == sorted(own)


def test_the_same_content_gets_the_same_ids_however_stored(kafka: Kafka, topic: str, slm: Slm, tmp_path: Path) -> None:
    plain = write(tmp_path / "events.jsonl", 50)
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert slm(plain).returncode == Exit.DONE
    assert slm(packed, "--restart").returncode == Exit.DONE
    ids = Counter(json.loads(record.value)["id"] for record in records(kafka, topic))
    assert set(ids.values()) == {2}
    assert {identity.rpartition("-")[2] for identity in ids} == {str(number) for number in range(1, 51)}


def test_what_was_sent_is_not_sent_again_unless_asked_for(kafka: Kafka, topic: str, slm: Slm, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", 20)
    slm(path)
    again = slm(path)
    assert again.returncode == Exit.DONE
    assert b"all 20 lines have been sent before; --restart sends them again" in again.stderr
    assert b"sent 0 events" in again.stdout
    assert len(records(kafka, topic)) == 20
    slm(path, "--restart")
    assert len(records(kafka, topic)) == 40


def test_a_topic_created_anew_gets_everything_again(kafka: Kafka, topic: str, slm: Slm, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", 20)
    slm(path)
    with closing(kafka.admin()) as admin:
        admin.delete_topics([topic])
        wait_for(lambda: topic not in admin.list_topics(), "the topic to be gone")
    kafka.create_topic(topic, partitions=PARTITIONS)
    assert slm(path).returncode == Exit.DONE
    assert len(records(kafka, topic)) == 20


def test_standard_input_is_sent_as_it_comes_without_its_bad_lines(
    kafka: Kafka, topic: str, slm: Slm, running: list[subprocess.Popen[bytes]]
) -> None:
    process = slm.start("-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    running.append(process)
    assert process.stdin is not None
    process.stdin.write(event(0) + b"\n" + b"bad\n" + event(1) + b"\n")
    process.stdin.flush()
    wait_for(lambda: len(records(kafka, topic)) == 2, "what was piped to be there while the pipe is open")
    process.stdin.write(event(2) + b"\n")
    output, errors = process.communicate(timeout=30)
    assert process.returncode == Exit.NEGATIVE
    assert b"standard input:2: not-json" in errors
    assert b"sent 3 events" in output
    assert b"left out 1 bad line" in output


def test_an_interrupt_ends_a_pipe_that_is_silent(
    slm: Slm, running: list[subprocess.Popen[bytes]], kafka: Kafka, topic: str
) -> None:
    process = slm.start("-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    running.append(process)
    assert process.stdin is not None
    process.stdin.write(event(0) + b"\n")
    process.stdin.flush()
    wait_for(lambda: len(records(kafka, topic)) == 1, "the first line to be there")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED
    assert b"standard input was sent up to line 1" in errors
    assert b"sent 1 event " in output


def test_lines_go_as_they_are_when_asked_for(kafka: Kafka, topic: str, slm: Slm, tmp_path: Path) -> None:
    lines = [b"no json", b'{"service":"a"}', event(1)]
    (tmp_path / "raw.txt").write_bytes(b"\n".join(lines))
    assert slm("--as-is", tmp_path / "raw.txt").returncode == Exit.DONE
    found = {record.value: record.key for record in records(kafka, topic)}
    assert found == {b"no json": None, b'{"service":"a"}': b"a", event(1): b"service-1"}


def test_a_missing_topic_is_named_with_the_command_that_creates_it(kafka: Kafka, tmp_path: Path) -> None:
    result = Slm(kafka, "no-such-topic", tmp_path)(write(tmp_path / "events.jsonl", 1))
    assert result.returncode == Exit.UNAVAILABLE
    assert (
        b"there is no topic no-such-topic; create it with: slm topics --create --topic no-such-topic" in result.stderr
    )


def test_a_rate_is_kept_to(slm: Slm, tmp_path: Path) -> None:
    result = slm("--rate", 100, "--json", write(tmp_path / "events.jsonl", 150))
    assert json.loads(result.stdout)["seconds"] >= 1.4  # the first is due at once


def test_a_file_that_grows_meanwhile_is_noticed(
    slm: Slm, tmp_path: Path, running: list[subprocess.Popen[bytes]]
) -> None:
    path = write(tmp_path / "events.jsonl", 400)
    process = slm.start("--rate", 100, path, stdout=subprocess.DEVNULL)
    running.append(process)
    wait_for(lambda: slm.acknowledged() > 0, "sending to have begun")
    with path.open("ab") as stream:
        stream.write(event(1000) + b"\n")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == Exit.NEGATIVE
    assert b"changed while it was being sent; its first 400 lines were sent" in errors


def test_an_interrupt_is_obeyed_in_good_order_and_the_rest_follows_later(
    kafka: Kafka, topic: str, slm: Slm, tmp_path: Path, running: list[subprocess.Popen[bytes]]
) -> None:
    path = write(tmp_path / "events.jsonl", 3000)
    process = slm.start("--rate", 500, path, stdout=subprocess.PIPE)
    running.append(process)
    wait_for(lambda: slm.acknowledged() > 0, "sending to have begun")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED
    reached = slm.acknowledged()
    assert f"stopped after line {reached:,} of 3,000".encode() in errors
    assert f"sent {reached:,} events".encode() in output
    assert sorted(numbers(records(kafka, topic))) == list(range(reached))

    rest = slm(path)
    assert rest.returncode == Exit.DONE
    assert f"going on after line {reached:,} of 3,000".encode() in rest.stderr
    assert sorted(numbers(records(kafka, topic))) == list(range(3000))


def test_killed_again_and_again_it_loses_no_line_and_repeats_only_ids(
    kafka: Kafka, topic: str, slm: Slm, tmp_path: Path, running: list[subprocess.Popen[bytes]]
) -> None:
    """Killed without warning at arbitrary points; each attempt goes on from the journal."""

    def got_on(process: subprocess.Popen[bytes], before: int) -> bool:
        return process.poll() is not None or slm.acknowledged() > before

    count, chance = 60_000, random.Random(1)
    path = write(tmp_path / "events.jsonl", count)
    for _ in range(4):
        process, before = slm.start(path, stdout=subprocess.DEVNULL), slm.acknowledged()
        running.append(process)
        wait_for(partial(got_on, process, before), "progress")
        time.sleep(chance.uniform(0, 0.2))  # any moment will do
        process.kill()
        process.communicate()
    assert slm(path).returncode == Exit.DONE
    assert slm.acknowledged() == count

    by_id: dict[str, set[int]] = {}
    for record in records(kafka, topic):
        document = json.loads(record.value)
        by_id.setdefault(document["id"], set()).add(document["duration"])
    assert len(by_id) == count
    assert sorted(number for held in by_id.values() for number in held) == list(range(count))


def test_brokers_that_go_away_are_waited_for_and_the_wait_can_be_given_up(
    tmp_path: Path, running: list[subprocess.Popen[bytes]]
) -> None:
    require("kafka")
    count = 20_000
    (tmp_path / "kafka").mkdir()
    with KafkaCluster(tmp_path / "kafka") as own:
        topic = own.create_topic(partitions=PARTITIONS)
        slm = Slm(own, topic, tmp_path)
        path = write(tmp_path / "events.jsonl", count)
        process = slm.start("--rate", 2000, path, stdout=subprocess.DEVNULL)
        running.append(process)
        wait_for(lambda: slm.acknowledged() > 0, "sending to have begun")
        own.kill()
        assert process.stderr is not None
        assert b"has not acknowledged" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == Exit.INTERRUPTED
        assert b"give the same command again to go on" in errors
        assert b"Traceback" not in errors
        own.start()
        assert slm(path).returncode == Exit.DONE
        assert set(numbers(records(own, topic))) == set(range(count))
