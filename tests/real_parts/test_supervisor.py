"""`slm run --workers N` on a real Kafka: one page for all, workers that come again, and none left behind."""

from __future__ import annotations

import os
import re
import signal
import uuid
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka.errors import CoordinatorNotAvailableError

from tests.real_parts.traffic import events, send
from tests.services.loopback import HOST, fetch, fetch_json, listening
from tests.services.waiting import wait_for
from tests.services.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.services.kafka import Kafka

PARTITIONS = 4


@pytest.fixture
def start(kafka: Kafka, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start two workers under a supervisor that read the topic given."""
    kafka.create_own_topics()
    with ExitStack() as stack:

        def start_two(topic: str, *words: str) -> Worker:
            group = f"group-{uuid.uuid4().hex[:8]}"
            options = ["--workers", "2", *words]
            return stack.enter_context(
                Worker(tmp_path, kafka.bootstrap, [topic], group=group, options=options, ports=3)
            )

        yield start_two


def accepted(url: str) -> int:
    try:
        return int(fetch_json(f"{url}/api/status")["events"]["accepted"])
    except OSError:
        return -1


def children(worker: Worker) -> dict[int, int]:
    """Process ids of the workers by their ports."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            words = status.with_name("cmdline").read_bytes().split(b"\0")
            ours = f"PPid:\t{worker.service.pid}\n" in status.read_text("utf-8")
        except OSError:
            continue
        if ours and b"--web-port" in words:
            last = len(words) - 1 - words[::-1].index(b"--web-port")
            found[int(words[last + 1])] = int(status.parent.name)
    return found


def test_two_workers_share_the_work_and_come_again_and_one_page_shows_them_all(
    kafka: Kafka, start: Callable[..., Worker]
) -> None:
    topic = kafka.create_topic(partitions=PARTITIONS, settings={"message.timestamp.type": "LogAppendTime"})
    send(kafka.bootstrap, topic, events(5_000))
    supervisor = start(topic, "--histogram-bounds", "0.1,1,10")
    each = [f"http://{HOST}:{supervisor.port + number}" for number in (1, 2)]
    wait_for(lambda: accepted(supervisor.url) == 5_000, "the page to show all events", seconds=60)
    wait_for(lambda: all(accepted(url) > 0 for url in each), "both workers to have a share", seconds=60)
    wait_for(supervisor.ready, "all to be ready", seconds=60)
    document = supervisor.status()
    assert [row["partition"] for row in document["partitions"]] == list(range(PARTITIONS))
    assert len(document["services"]) == 11
    assert supervisor.answer("/metrics")[0] == 404
    for url in each:
        assert set(re.findall(rb'le="([^"]+)"', fetch(f"{url}/metrics"))) == {
            b"0.100655",
            b"1.0",
            b"10.152407",
            b"+Inf",
        }
    before = children(supervisor)
    assert sorted(before) == [supervisor.port + 1, supervisor.port + 2]

    os.kill(before[supervisor.port + 1], signal.SIGKILL)
    send(kafka.bootstrap, topic, events(1_000))
    wait_for(lambda: len(children(supervisor)) == 2 and children(supervisor) != before, "it to be started again")
    wait_for(lambda: accepted(supervisor.url) == 6_000, "everything to be shown again", seconds=60)
    assert "Worker 1 ended with code -9; it is started again in 1 s." in supervisor.service.tail()

    assert supervisor.end(signal.SIGTERM, seconds=20) == 0
    assert not any(listening(supervisor.port + number) for number in range(3))


def members(kafka: Kafka, group: str) -> int | None:
    """How many members a group has; None while it has no coordinator, as the first of a new broker."""
    with closing(kafka.admin()) as admin:
        try:
            found: dict[str, Any] = admin.describe_groups([group])
        except CoordinatorNotAvailableError:
            return None
    return len(found[group]["members"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_leave_their_group_though_others_tell_them_to_end_too(
    kafka: Kafka, start: Callable[..., Worker], number: signal.Signals
) -> None:
    """As systemd does, which sends SIGTERM to every process of a unit."""
    topic = kafka.create_topic(partitions=PARTITIONS, settings={"message.timestamp.type": "LogAppendTime"})
    supervisor = start(topic)
    wait_for(lambda: members(kafka, supervisor.group) == 2, "both workers to be members", seconds=60)
    wait_for(supervisor.ready, "all to be ready", seconds=60)
    found = children(supervisor)
    os.kill(supervisor.service.pid, number)
    for pid in found.values():
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    assert supervisor.exit_code(seconds=20) == {signal.SIGTERM: 0, signal.SIGINT: 130}[number]
    assert members(kafka, supervisor.group) == 0, "they would stay members for a session time-out"


def test_a_hangup_lets_every_worker_read_the_standards_again(
    kafka: Kafka, start: Callable[..., Worker], tmp_path: Path
) -> None:
    topic = kafka.create_topic(partitions=PARTITIONS, settings={"message.timestamp.type": "LogAppendTime"})
    standards = tmp_path / "standards.yaml"
    standards.write_text("version: 1\nservices: {desk: {}}\n", "utf-8")
    supervisor = start(topic, "--standards", str(standards))
    wait_for(supervisor.ready, "all to be ready", seconds=60)
    each = [f"http://{HOST}:{supervisor.port + number}" for number in (0, 1, 2)]
    standards.write_text("services: [", "utf-8")
    os.kill(supervisor.service.pid, signal.SIGHUP)

    def refused(url: str) -> bool:
        return bool(fetch_json(f"{url}/api/status")["worker"]["refused_standards"])

    wait_for(lambda: all(map(refused, each)), "every page to tell of the refusal")


def test_workers_end_when_their_supervisor_is_killed(kafka: Kafka, start: Callable[..., Worker]) -> None:
    topic = kafka.create_topic(partitions=PARTITIONS, settings={"message.timestamp.type": "LogAppendTime"})
    supervisor = start(topic)
    wait_for(lambda: len(children(supervisor)) == 2, "both workers to be started")
    found = children(supervisor)
    wait_for(lambda: all(listening(port) for port in found), "both to serve their pages", seconds=60)
    os.kill(supervisor.service.pid, signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in found.values()), "them to end", seconds=20)
