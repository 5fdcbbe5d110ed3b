"""Faults that end a worker, or its topic, for good: each a story of its own."""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka import TopicPartition
from kafka.admin import NewPartitions

from tests.faults.log.floor import Row, event
from tests.faults.log.producing import Sending
from tests.faults.log.promises import PARTITIONS, SERVICES, standards_file
from tests.faults.log.topics import RunTopics
from tests.faults.outcome.exposed import Exposed
from tests.faults.outcome.judging import judge
from tests.faults.outcome.outputs import Topics
from tests.services.parts import require
from tests.services.waiting import wait_for
from tests.services.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.faults.parts.site import Site

QUICK = ("--session-timeout", "6s", "--heartbeat", "2s", "--stall-timeout", "20s", "--tick-interval", "1h")
STOPPED = {3, 4}


@pytest.fixture
def topics(site: Site) -> Iterator[RunTopics]:
    """Topics of this test alone."""
    made = RunTopics.create(site.kafka, f"scenario-{uuid.uuid4().hex[:6]}")
    yield made
    site.drop_topics(made.names)


@pytest.fixture
def start(site: Site, topics: RunTopics, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start a worker; it ends with the test."""
    standards = tmp_path / "standards.yaml"
    standards.write_text(standards_file(), "utf-8")
    with ExitStack() as stack:

        def starting(name: str, *, environment: Mapping[str, str] | None = None) -> Worker:
            options = [*QUICK, "--standards", str(standards), *topics.options]
            worker = Worker(
                tmp_path, site.kafka.bootstrap, [topics.source], group=topics.source, options=options, name=name
            )
            worker.service._environment |= environment or {}
            return stack.enter_context(worker)

        yield starting


def send(site: Site, topics: RunTopics, rows: Sequence[Row]) -> None:
    sending = Sending(site.kafka.bootstrap, topics.source, rows, 100_000)
    sending.let(len(rows))
    sending.start()
    sending.join()
    assert sending.error is None
    assert len(sending.sent.acknowledged) == len(rows)


def events(count: int, *, seconds_ago: tuple[int, int], seed: int = 0) -> list[Row]:
    """Events of the last minutes, evenly over the time between."""
    rng = random.Random(seed)
    now = time.time_ns() // 1_000_000
    began, ended = (now - ago * 1_000 for ago in seconds_ago)
    made = []
    for number in range(count):
        service = rng.choice(SERVICES)
        at = began + number * (ended - began) // count
        identity = f',"id":"{seed}-{number:06}"'
        made.append(Row(service.encode(), event(rng, service, at, bad=rng.random() < 0.3, identity=identity)))
    return made


def wait_until_saved(worker: Worker) -> None:
    """Wait until a transaction carries what has become final of each partition."""

    def saved() -> bool:
        rows = worker.status().get("partitions", ())
        return len(rows) == PARTITIONS and all(row["saved_offset"] for row in rows)

    wait_for(saved, "every partition to have saved state")


def judged(worker: Worker, outputs: Topics, *, gaps: int = 0) -> list[str]:
    """What is found when a worker has come to rest."""
    outputs.more()
    exposed = Exposed()
    exposed.add("worker", worker.answer("/metrics")[1].decode())
    return judge(exposed, outputs, gaps=gaps).lines


@pytest.mark.timeout(180)
def test_a_topic_that_gains_partitions_stops_its_workers_and_they_say_how_to_go_on(
    site: Site, topics: RunTopics, start: Callable[..., Worker]
) -> None:
    send(site, topics, events(2_000, seconds_ago=(300, 0)))
    worker = start("worker")
    worker.wait_until_ready(partitions=PARTITIONS)
    with closing(site.kafka.admin()) as admin:
        # With room for their state, too: that would not help.
        admin.create_partitions(dict.fromkeys((topics.source, topics.state), NewPartitions(PARTITIONS + 2)))
    assert worker.exit_code(seconds=90) in STOPPED
    again = start("again")
    assert again.exit_code() in STOPPED
    for ended in (worker, again):
        line = ended.service.tail(1)
        assert re.search(rf"{topics.source} has {PARTITIONS + 2} partitions and had {PARTITIONS}\b", line), line
        assert ";" in line, line


@pytest.mark.timeout(180)
def test_a_topic_that_was_made_anew_stops_whoever_has_state_of_the_old_one(
    site: Site, topics: RunTopics, start: Callable[..., Worker]
) -> None:
    send(site, topics, events(2_000, seconds_ago=(300, 0)))
    worker = start("worker")
    worker.wait_until_ready(partitions=PARTITIONS)
    wait_until_saved(worker)
    assert worker.end() == 0
    site.drop_topics([topics.source])
    remake(site, topics.source)
    send(site, topics, events(4_000, seconds_ago=(300, 0), seed=1))
    again = start("again")
    assert again.exit_code() == 4
    assert f"{topics.source}/" in again.service.tail(1)
    assert "is not the log that its saved state was made of" in again.service.tail(1)


def remake(site: Site, name: str) -> None:
    """Create a topic whose deletion may still be under way."""

    def made() -> bool:
        with closing(site.kafka.admin()) as admin:
            if name in admin.list_topics():
                return False
        site.kafka.create_topic(name, partitions=PARTITIONS, settings={"message.timestamp.type": "LogAppendTime"})
        return True

    wait_for(made, f"{name} to be made anew")


@pytest.mark.timeout(180)
def test_records_lost_to_retention_while_no_worker_ran_are_audited_once_and_the_rest_counts(
    site: Site, topics: RunTopics, start: Callable[..., Worker]
) -> None:
    send(site, topics, events(6_000, seconds_ago=(900, 500)))
    worker = start("worker")
    worker.wait_until_ready(partitions=PARTITIONS)
    wait_until_saved(worker)
    with Topics(site.kafka.bootstrap, topics) as outputs:
        outputs.more()
        assert not outputs.gaps
        assert worker.end() == 0
        # What follows is gone before anybody has read it, and so are all events of slices that were still open.
        before = {number: len([p for p, _ in outputs.log if p == number]) for number in range(PARTITIONS)}
        send(site, topics, events(3_000, seconds_ago=(499, 400), seed=1))
        with Topics(site.kafka.bootstrap, topics) as lost:
            lost.follow()
            ends = {number: len([p for p, _ in lost.log if p == number]) for number in range(PARTITIONS)}
        assert all(ends[number] > before[number] for number in range(PARTITIONS))
        with closing(site.kafka.admin()) as admin:
            admin.delete_records({TopicPartition(topics.source, number): end for number, end in ends.items()})
        send(site, topics, events(6_000, seconds_ago=(300, 0), seed=2))

        again = start("again")
        again.wait_until_ready(partitions=PARTITIONS)
        status = again.status()
        found = gaps(outputs)
        assert sorted(gap["partition"] for gap in found) == list(range(PARTITIONS))
        assert all(gap["detail"]["to"] == ends[gap["partition"]] for gap in found)
        assert all(gap["detail"]["from"] <= before[gap["partition"]] for gap in found)
        assert status["events"]["accepted"] > 6_000
        assert again.end() == 0

        # Whoever comes next audits nothing again, and shows the same.
        third = start("third")
        third.wait_until_ready(partitions=PARTITIONS)
        assert third.status()["events"] == status["events"]
        assert len(gaps(outputs)) == PARTITIONS


def gaps(outputs: Topics) -> list[dict[str, Any]]:
    """Every audit of a gap so far."""
    outputs.more()
    return outputs.gaps


@pytest.mark.timeout(180)
@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_a_worker_whose_clock_is_an_hour_off_concludes_the_same(
    site: Site, topics: RunTopics, start: Callable[..., Worker], shift: str
) -> None:
    require("faketime")
    send(site, topics, events(3_000, seconds_ago=(900, 100)))
    worker = start("worker", environment=faketime(shift))
    # It takes its time: see `fleet.shifted` on what becomes of waits under this library.
    worker.wait_until_ready(partitions=PARTITIONS, seconds=120)
    shown = wait_for(lambda: worker.status().get("now"), "the worker to tell the time")
    assert abs(shown - time.time()) > 3_000, "its clock is right"
    send(site, topics, events(2_000, seconds_ago=(60, 0), seed=1))
    with Topics(site.kafka.bootstrap, topics) as outputs:
        wait_for(lambda: not judged(worker, outputs), "the worker to show what follows from the log", seconds=60)
        assert outputs.due()
        assert worker.end() == 0
        heir = start("heir")
        heir.wait_until_ready(partitions=PARTITIONS)
        wait_for(lambda: not judged(heir, outputs), "its heir to show the same")


def faketime(shift: str) -> dict[str, str]:
    """Variables that shift a process's clock, its timers excepted: what the command would set.

    The command itself would stay as a parent, and signals would end that.
    """
    shown = subprocess.run(["faketime", "-f", shift, "env"], capture_output=True, text=True, check=True).stdout
    variables = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    assert "LD_PRELOAD" not in os.environ
    return {name: variables[name] for name in ("LD_PRELOAD", "FAKETIME")} | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
