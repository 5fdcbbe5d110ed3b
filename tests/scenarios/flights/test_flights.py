"""336,776 real flights: what the monitor says of a year equals a direct computation, to the last integer.

The same year goes two ways: through `slm replay`, and through a real Kafka with four partitions, two workers and a
real Prometheus that scrapes them.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agents.cli.terminal.replay import print_tables
from agents.files.event_log import EventLog
from agents.files.standards_file import read_standards
from agents.replay.replay import Replay, document, replay
from streams import conventions
from streams.engine.watermark import TimePolicy
from streams.texts.phrase import Language
from tests.scenarios.flights import table
from tests.services.kafka import Kafka
from tests.services.prometheus import Prometheus, Sample, scraping
from tests.services.waiting import wait_for
from tests.services.worker import SLM, Worker

STANDARDS = Path(__file__).parent / "standards.yaml"
OBJECTIVE = "departs-within-15m"
PARTITIONS = 4

Key = tuple[str, ...]


@pytest.fixture(scope="module")
def flights() -> list[table.Flight]:
    found = table.read()
    assert len(found) == table.FLIGHTS
    return found


@pytest.fixture(scope="module")
def expected(flights: list[table.Flight]) -> dict[str, table.Totals]:
    totals = table.totals(flights)
    assert len(totals) == 16
    return totals


@pytest.fixture(scope="module")
def log(flights: list[table.Flight], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The year as an event log."""
    path = tmp_path_factory.mktemp("flights") / "flights.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(event) + "\n" for event in table.events(flights))
    return path


def slm(*arguments: object) -> bytes:
    """Standard output of a command that has to succeed."""
    command = [*SLM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def replayed(log: Path) -> Replay:
    return replay([EventLog(str(log))], read_standards(STANDARDS), topic="service-events", policy=TimePolicy())


@pytest.mark.timeout(600)
def test_replay_equals_the_table(replayed: Replay, expected: Mapping[str, table.Totals]) -> None:
    found = document(replayed)
    steps = {(step["service"], step["step"]): step for step in found["steps"]}
    objectives = {objective["service"]: objective for objective in found["objectives"]}
    assert found["records"]["accepted"] == sum(t.departed * 2 + t.cancelled for t in expected.values())
    assert found["records"]["rejected"] == {}
    assert {key: _counted(step) for key, step in steps.items()} == dict(_steps(expected))
    assert {carrier: (one["good_in_log"], one["total_in_log"]) for carrier, one in objectives.items()} == {
        carrier: (total.punctual, total.departed) for carrier, total in expected.items()
    }


@pytest.mark.parametrize("language", Language)
@pytest.mark.timeout(600)
def test_the_readme_shows_what_replay_prints(
    replayed: Replay, language: Language, capsys: pytest.CaptureFixture[str]
) -> None:
    print_tables(replayed, language)
    printed = "".join(f"{line.rstrip()}\n" for line in capsys.readouterr().out.splitlines())
    recorded = STANDARDS.with_name(f"flights.{language}.txt")
    if os.environ.get("SLM_UPDATE_RECORDED"):
        recorded.write_text(printed, "utf-8")
    assert recorded.read_text("utf-8") == printed, "if it should be so, run again with SLM_UPDATE_RECORDED=1"


def _counted(step: dict[str, Any]) -> tuple[int, int, dict[str, int], int]:
    return step["ok"], step["failed"], step["failure_points"], step["response_microseconds"]["sum"]


def _steps(expected: Mapping[str, table.Totals]) -> Iterator[tuple[Key, tuple[int, int, dict[str, int], int]]]:
    """Served, failed, failures by fail point and the sum of durations in microseconds, of every step."""
    for carrier, total in expected.items():
        for step, ok, failed, point in (
            ("departure", total.departed, total.cancelled, "cancelled"),
            ("arrival", total.arrived, total.diverted, "diverted"),
        ):
            microseconds = total.late_minutes[step] * 60_000_000
            yield (carrier, step), (ok, failed, {point: failed} if failed else {}, microseconds)


@pytest.mark.timeout(900)
def test_prometheus_equals_the_table(
    log: Path,
    expected: Mapping[str, table.Totals],
    kafka: Kafka,
    start_prometheus: Callable[..., Prometheus],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    stamped = {"message.timestamp.type": "LogAppendTime"}
    topic = kafka.create_topic(partitions=PARTITIONS, settings=stamped)
    letters = kafka.create_topic()
    kafka.create_own_topics()
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(kafka, topic, letters, tmp_path, name)) for name in ("one", "two")]
        for worker in workers:
            worker.wait_until_ready(partitions=PARTITIONS // 2)
        prometheus = start_prometheus(scraping(*(f"127.0.0.1:{worker.port}" for worker in workers), every="2s"))
        slm("send", log, "--broker", kafka.bootstrap, "--topic", topic)
        judged = sum(total.departed * 2 + total.cancelled for total in expected.values())
        _wait_until_scraped(prometheus, judged)
        _compare(prometheus, expected)


def _worker(kafka: Kafka, topic: str, letters: str, folder: Path, name: str) -> Worker:
    options = ["--standards", str(STANDARDS), "--dead-letters-topic", letters]
    return Worker(folder, kafka.bootstrap, [topic], group=f"flights-{topic}", name=name, options=options)


def _wait_until_scraped(prometheus: Prometheus, events: int) -> None:
    everything = f"sum({conventions.PIPELINE_EVENTS.name}) == {events}"
    try:
        prometheus.wait_for(everything, seconds=300)
    except TimeoutError as error:
        error.add_note(f"{prometheus.query(f'sum by (result, reason) ({conventions.PIPELINE_EVENTS.name})')}")
        raise
    # The counts of a scrape belong together, but those of two workers may be from different moments.
    lag = f"sum({conventions.PIPELINE_LAG.name}) == 0"
    wait_for(lambda: prometheus.query(lag) and prometheus.query(everything), "both workers to be at the end")


def _compare(prometheus: Prometheus, expected: Mapping[str, table.Totals]) -> None:
    interactions = _by(prometheus, conventions.INTERACTIONS.name, "service", "step", "outcome")
    assert {key: n for key, n in interactions.items() if n} == dict(_outcomes(expected))
    failures = _by(prometheus, conventions.FAILURES.name, "service", "step", "failure_point")
    assert {key: n for key, n in failures.items() if n} == dict(_failures(expected))
    good = _by(prometheus, conventions.OBJECTIVE_GOOD.name, "service", "objective")
    judged = _by(prometheus, conventions.OBJECTIVE_EVENTS.name, "service", "objective")
    assert good == {(carrier, OBJECTIVE): total.punctual for carrier, total in expected.items()}
    assert judged == {(carrier, OBJECTIVE): total.departed for carrier, total in expected.items()}
    seconds = _by(prometheus, f"{conventions.RESPONSE_TIME.name}_sum", "service", "step")
    assert seconds == {
        (carrier, step): 60 * total.late_minutes[step]
        for carrier, total in expected.items()
        for step in ("departure", "arrival")
    }


def _by(prometheus: Prometheus, metric: str, *labels: str) -> dict[Key, int]:
    """Values summed over workers, which must be whole numbers, by ``labels``."""
    found: list[Sample] = prometheus.query(f"sum by ({', '.join(labels)}) ({metric})")
    assert all(sample.value == int(sample.value) for sample in found)
    return {tuple(sample.labels[label] for label in labels): int(sample.value) for sample in found}


def _outcomes(expected: Mapping[str, table.Totals]) -> Iterator[tuple[Key, int]]:
    for (carrier, step), (ok, failed, _, _) in _steps(expected):
        yield (carrier, step, "ok"), ok
        if failed:
            yield (carrier, step, "failed"), failed


def _failures(expected: Mapping[str, table.Totals]) -> Iterator[tuple[Key, int]]:
    for (carrier, step), (_, _, points, _) in _steps(expected):
        for point, count in points.items():
            yield (carrier, step, point), count
