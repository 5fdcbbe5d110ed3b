"""A real Kafka with a topic full of events, and workers that read it: how fast, and whether rightly."""

from __future__ import annotations

import json
import re
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Producer

from tests.faults.log.topics import RunTopics
from tests.services.kafka import KafkaCluster
from tests.services.waiting import wait_for
from tests.services.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.floor import Floor

_BATCH_BYTES: Final = 262_144
_LARGEST_BYTES: Final = 16 * 1024 * 1024
_SECONDS: Final = 300


@contextmanager
def broker(folder: Path) -> Iterator[KafkaCluster]:
    """One Kafka node with Java's own settings."""
    with KafkaCluster(Path(tempfile.mkdtemp(prefix="kafka-", dir=folder)), java_options=()) as kafka:
        yield kafka


@dataclass(frozen=True)
class Filled:
    """A source topic with the events of ``floor``, the first of them at ``began_s``."""

    kafka: KafkaCluster
    topic: str
    partitions: int
    floor: Floor
    began_s: float


@dataclass(frozen=True)
class Layout:
    """How a topic holds its events: partitions, compression, and most records of a batch (None: by its bytes)."""

    partitions: int = 4
    codec: str = "lz4"
    batch: int | None = None

    def producer_options(self) -> dict[str, Any]:
        """Options of librdkafka's producer."""
        options: dict[str, Any] = {"compression.type": self.codec, "batch.size": _BATCH_BYTES}
        if self.batch is None:
            return options
        # Batches are cut by their number of records alone.
        large = {"batch.num.messages": self.batch, "batch.size": _LARGEST_BYTES, "message.max.bytes": _LARGEST_BYTES}
        return options | large


def fill(kafka: KafkaCluster, floor: Floor, layout: Layout) -> Filled:
    """A new topic with all events of ``floor``, which end a minute ago."""
    settings = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(_LARGEST_BYTES)}
    topic = kafka.create_topic(f"bench-{uuid.uuid4().hex[:8]}", partitions=layout.partitions, settings=settings)
    began_s = round(time.time() - floor.span_s - 60)
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "linger.ms": 50 if layout.batch is None else 500,
            **layout.producer_options(),
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
            "acks": "all",
            "enable.idempotence": True,
        }
    )
    for number, row in enumerate(floor.rows(began_s)):
        while True:
            try:
                producer.produce(topic, row.value, row.key)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 10_000 == 0:
            producer.poll(0)
    if producer.flush(_SECONDS):
        raise TimeoutError("the broker did not take all events")
    return Filled(kafka, topic, layout.partitions, floor, began_s)


class WrongResultError(Exception):
    """What was measured did not do its work."""


@dataclass(frozen=True)
class Ran:
    """How fast workers were: events a second of the clock, events a second of their processors' time."""

    per_second: float
    per_cpu_second: float


@contextmanager
def workers(filled: Filled, folder: Path, count: int = 1, options: tuple[str, ...] = ()) -> Iterator[list[Worker]]:
    """So many workers that begin to read ``filled``, with topics and a group of their own."""
    name = f"run-{uuid.uuid4().hex[:8]}"
    folder = folder / name
    folder.mkdir(parents=True)
    own = RunTopics.create(filled.kafka, name, partitions=filled.partitions, replicas=1, state_settings=())
    standards = folder / "standards.yaml"
    standards.write_text(filled.floor.standards_file(), "utf-8")
    words = [*own.options, "--standards", str(standards), "--tick-interval", "1h", *options]
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                Worker(folder, filled.kafka.bootstrap, [filled.topic], group=name, options=words, name=f"worker-{i}")
            )
            for i in range(count)
        ]


def run(
    filled: Filled,
    folder: Path,
    *,
    count: int = 1,
    options: tuple[str, ...] = (),
    beside: Callable[[list[Worker]], Any] | None = None,
) -> Ran:
    """Let workers read all of ``filled``.

    Args:
        filled: what is read.
        folder: for their logs.
        count: how many workers.
        options: further options of theirs.
        beside: is called again and again while they read.

    Raises:
        ServiceError: one has ended.
        WrongResultError: their figures are not what follows from the events.
    """
    with workers(filled, folder, count, options) as started:
        # Several count from when each has its partitions: while one is alone it reads what others will read again.
        begun = _READING if count == 1 else _OWNING
        wait_for(lambda: all(_state(worker) in begun for worker in started), "the workers to read", seconds=60)
        before = _read(started) if count > 1 else 0
        if before > filled.floor.count / 2:
            raise WrongResultError(f"{before:,} events were read before all workers had their partitions")
        began, cpu = time.perf_counter(), sum(map(cpu_seconds, started))

        seconds = used = 0.0

        def done() -> bool:
            nonlocal seconds, used
            for worker in started:
                worker.service.ensure_running()
            if beside is not None:
                beside(started)
            if not all(worker.ready() for worker in started):
                return False
            seconds, used = time.perf_counter() - began, sum(map(cpu_seconds, started)) - cpu
            return _read(started) >= filled.floor.count

        wait_for(done, "the workers to have read everything", seconds=_SECONDS)
        check(started, filled.floor)
    events = filled.floor.count - before
    return Ran(events / seconds, events / used)


#: States in which a worker has its partitions.
_READING: Final = {"running", "recovering"}
_OWNING: Final = {"running"}


def _state(worker: Worker) -> str:
    """What a worker does; looking costs it next to nothing."""
    body = worker.answer("/ready")[1]
    return str(json.loads(body)["state"]) if body else ""


def _read(started: list[Worker]) -> int:
    """How many records the workers have folded; looking costs them something."""
    return sum(worker.status().get("events", {}).get("records", 0) for worker in started)


def cpu_seconds(worker: Worker) -> float:
    """Processor time that a worker's process has taken so far."""
    fields = Path(f"/proc/{worker.service.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


_SAMPLE: Final = re.compile(r"^slm_interactions_total\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


def check(started: list[Worker], floor: Floor) -> None:
    """Make sure that the workers' figures follow from the events. Raises `WrongResultError`."""
    due = {key: count for key, count in floor.interactions().items() if count}
    accepted = sum(worker.status()["events"]["accepted"] for worker in started)
    if accepted != floor.count - floor.rejected:
        raise WrongResultError(f"{accepted} events were accepted, {floor.count - floor.rejected} are good")
    found: dict[tuple[str, str, str], int] = {}

    def right() -> bool:
        nonlocal found
        found = _interactions(started)
        return found == due

    try:
        wait_for(right, "right figures", seconds=60)
    except TimeoutError:
        wrong = {key: (due.get(key), found.get(key)) for key in due.keys() | found.keys()}
        differing = {key: both for key, both in wrong.items() if both[0] != both[1]}
        raise WrongResultError(f"{len(differing)} figures differ (due, found): {list(differing.items())[:3]}") from None


def _interactions(started: list[Worker]) -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for worker in started:
        for match in _SAMPLE.finditer(worker.answer("/metrics")[1].decode()):
            labels = dict(_LABEL.findall(match["labels"]))
            key = labels["service"], labels["step"], labels["outcome"]
            found[key] = found.get(key, 0) + round(float(match["value"]))
    return {key: count for key, count in found.items() if count}
