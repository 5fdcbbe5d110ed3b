"""Topics and rekeyers of one test on a real Kafka, and the check that every record was passed once."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections import defaultdict
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka.errors import RetriableError
from kafka.partitioner import murmur2

from agents.settings.settings import Settings
from agents.worker.rekey.offsets import group_of
from tests.services.kafka import Kafka
from tests.services.parts import ROOT
from tests.services.process import Service
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

#: A rekeyer alone, told by the environment what to do; it says every half second how it is.
PROGRAM: Final = f"""
import asyncio, os, signal, sys
sys.path.append({str(ROOT)!r})
from agents.cli import log
from agents.exits import Fault
from agents.files.standards_file import read_standards
from agents.worker.rekey.rekeyer import Rekeyer
from agents.settings.settings import Settings

async def rekey():
    settings = Settings.resolve(environ=os.environ)
    rekeyer = Rekeyer(settings, read_standards(settings.standards))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await rekeyer.start()
    ends = [asyncio.ensure_future(told.wait()), asyncio.ensure_future(rekeyer.wait())]
    while not (done := (await asyncio.wait(ends, timeout=0.5, return_when=asyncio.FIRST_COMPLETED))[0]):
        print(rekeyer.status(), flush=True)
    print(rekeyer.status(), flush=True)
    await rekeyer.stop()
    for end in done:
        end.result()

log.configure()
try:
    asyncio.run(rekey())
except Fault as fault:
    print(fault.message, flush=True)
    os._exit(fault.exit_code)
os._exit(0)
"""
QUICK: Final = {"SLM_SESSION_TIMEOUT": "3s", "SLM_HEARTBEAT": "1s"}
LOG_APPEND_TIME: Final = {"message.timestamp.type": "LogAppendTime"}


class Found(NamedTuple):
    """A record of the rekeyed topic."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None
    origin: str
    headers: dict[str, bytes]


@dataclass
class World:
    """Topics and rekeyers of one test."""

    kafka: Kafka
    folder: Path
    stack: ExitStack
    sources: list[str]
    rekeyed: str
    audit: str
    group: str = field(default_factory=lambda: f"group-{uuid.uuid4().hex[:8]}")
    started: int = 0

    def settings(self, **more: str) -> dict[str, str]:
        return {
            "SLM_BROKER": self.kafka.bootstrap,
            "SLM_TOPICS": ",".join(self.sources),
            "SLM_GROUP": self.group,
            "SLM_REKEYED_TOPIC": self.rekeyed,
            "SLM_AUDIT_TOPIC": self.audit,
            **QUICK,
            **more,
        }

    def start(self, **more: str) -> Service:
        """Start a rekeyer; it ends with the test."""
        self.started += 1
        name = f"rekeyer-{self.started}"
        service = Service(name, [sys.executable, "-c", PROGRAM], self.folder, environment=self.settings(**more))
        return self.stack.enter_context(service)

    def offsets(self) -> dict[tuple[str, int], int]:
        """How far each source partition has been rekeyed, as the group says."""
        with closing(self.kafka.admin()) as admin:
            group = group_of(Settings.resolve(environ=self.settings()))
            try:
                listed = admin.list_group_offsets(group)[group]
            except RetriableError:  # the coordinator is not up yet
                return {}
        return {(tp.topic, tp.partition): found.offset for tp, found in listed.items() if found.offset >= 0}

    def ends(self) -> dict[tuple[str, int], int]:
        """Where the logs of the sources end, but for the empty ones."""
        return {place: end for place, end in asyncio.run(log_ends(self.kafka.bootstrap, self.sources)).items() if end}

    def wait_until_done(self, *rekeyers: Service, seconds: float = 90) -> None:
        ends = self.ends()
        try:
            wait_for(lambda: self.offsets() == ends, "everything to be rekeyed", seconds=seconds)
        except TimeoutError as error:
            error.add_note(f"{self.offsets()} of {ends}")
            for rekeyer in rekeyers:
                error.add_note(rekeyer.tail())
            raise


def make_world(kafka: Kafka, folder: Path, stack: ExitStack, *sources: int, rekeyed: int = 3) -> World:
    create = partial(kafka.create_topic, settings=LOG_APPEND_TIME)
    topics = [create(partitions=n) for n in sources]
    return World(kafka, folder, stack, topics, create(partitions=rekeyed), kafka.create_topic())


async def log_ends(bootstrap: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        places = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic) or ()]
        ends: dict[Any, int] = await consumer.end_offsets(places)
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}
    finally:
        await consumer.stop()


async def reading(bootstrap: str, topics: Sequence[str]) -> list[Any]:
    """All committed records of ``topics``, each partition in order."""
    ends = await log_ends(bootstrap, topics)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        records: list[Any] = []
        for place, end in sorted(ends.items()):
            tp = TopicPartition(*place)
            consumer.assign([tp])
            while await consumer.position(tp) < end:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
        return records
    finally:
        await consumer.stop()


def read(kafka: Kafka, *topics: str) -> list[Any]:
    return asyncio.run(reading(kafka.bootstrap, topics))


def rekeyed(world: World) -> list[Found]:
    """What the rekeyed topic holds, to readers of committed records."""
    found = []
    for record in read(world.kafka, world.rekeyed):
        headers = dict(record.headers)
        origin = headers.pop("slm-source").decode()
        found.append(Found(record.partition, record.offset, record.key, record.value, origin, headers))
    return found


def send(kafka: Kafka, topic: str, values: Iterable[bytes | None], *, partition: int | None = None) -> None:
    """Send ``values`` as producers do that do not key: to any partition."""

    async def sending() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=10, max_request_size=8_000_000)
        await producer.start()
        try:
            sent = [await producer.send(topic, v, key=b"" if v is None else None, partition=partition) for v in values]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    asyncio.run(sending())


SERVICES: Final = [f"service-{number}" for number in range(17)]


def events(count: int, *, first: int = 0) -> list[bytes]:
    return [
        json.dumps({"time": 1_772_328_600 + n / 100, "service": SERVICES[n % 17], "n": n}).encode()
        for n in range(first, first + count)
    ]


def mixed(count: int, *, first: int = 0) -> list[bytes | None]:
    """Events, and in between everything else that topics hold."""
    rows: list[bytes | None] = [*events(count, first=first)]
    for number, kind in enumerate(range(0, count, 50)):
        match number % 5:
            case 0:
                rows[kind] = b"junk %d" % (first + kind)
            case 1:
                data = {"service": SERVICES[kind % 17], "n": first + kind}
                envelope = {"specversion": "1.0", "type": "x.interaction", "time": "2026-03-01T09:30:00Z", "data": data}
                rows[kind] = json.dumps(envelope).encode()
            case 2:
                rows[kind] = b'{"kind": "control", "type": "tick"}'
            case 3:
                rows[kind] = b'{"time": 1, "service": "s", "outcome": %d}' % (first + kind)
            case 4:
                rows[kind] = None
    return rows


def service_in(value: bytes | None) -> str | None:
    """The service in an event of these tests, judged by other code than the product's; None: it is no event."""
    try:
        document = json.loads(value or b"")
    except ValueError:
        return None
    document = document.get("data", document)
    return document["service"] if document.get("outcome", "ok") == "ok" else None


def check(world: World) -> int:
    """Every record of the sources is in the rekeyed topic once, in order, under the right key; how many there are."""
    wanted: dict[str, tuple[bytes, bytes | None]] = {}
    for record in read(world.kafka, *world.sources):
        place = f"{record.topic}/{record.partition}"
        if record.value is None or b'"control"' not in record.value:
            key = service_in(record.value) or place
            wanted[f"{place}/{record.offset}"] = key.encode(), record.value
    found = rekeyed(world)
    assert len(found) == len(wanted), f"{len(found) - len(wanted)} too many"
    assert {one.origin: (one.key, one.value) for one in found} == wanted
    partitions = len(world.kafka.describe_topic(world.rekeyed))
    assert all(one.partition == (murmur2(one.key) & 0x7FFFFFFF) % partitions for one in found)
    runs = defaultdict(list)
    for one in found:
        place, _, offset = one.origin.rpartition("/")
        runs[one.partition, place].append(int(offset))
    assert all(offsets == sorted(offsets) for offsets in runs.values())
    return len(found)


#: Many small transactions, so that faults meet them at every step.
SMALL: Final = {"SLM_BATCH_RECORDS": "150", "SLM_FETCH_BYTES": "65536"}
