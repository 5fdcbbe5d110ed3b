from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
import uuid
from collections import defaultdict
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced
from kafka import TopicPartition as Partition
from kafka.errors import RetriableError
from kafka.partitioner import murmur2

from agents.settings.settings import Settings
from agents.worker.rekey.offsets import Offsets, group_of
from agents.worker.rekey.writer import RekeyWriter
from streams.decoding.batch import Batch, SourcePartition
from streams.decoding.rekeying import Baseline, RekeyMark, rekey
from tests.services.kafka import Kafka, KafkaCluster
from tests.services.parts import ROOT, require
from tests.services.process import Service
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
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


@pytest.fixture
def world(kafka: Kafka, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world: how many partitions each source has, and the rekeyed topic."""
    with ExitStack() as stack:
        yield partial(make_world, kafka, tmp_path, stack)


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


#: Many small transactions, so that faults meet them at every step.
SMALL: Final = {"SLM_BATCH_RECORDS": "150", "SLM_FETCH_BYTES": "65536"}


class Storm:
    """Faults at rekeyers, chosen by a seed: crashes, freezes beyond the session timeout, comings and goings.

    Args:
        world: whose rekeyers are meant.
        seed: of the choices.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self._frozen: dict[Service, float] = {}
        self.running = [world.start(**SMALL) for _ in range(2)]
        self.faults: dict[str, int] = defaultdict(int)

    def strike(self) -> None:
        """One fault; most often after the one before was overcome, at times in the midst of it."""
        if self._chance.random() < 0.7:
            self._wait_for_progress()
        awake = [one for one in self.running if one not in self._frozen]
        choice = self._chance.choice(["kill", "kill", "freeze", "leave", "join"])
        if not awake or len(self.running) < 2:
            choice = "join"
        elif len(self.running) > 3:
            choice = "kill"
        self.faults[choice] += 1
        self._do(choice, self._chance.choice(awake or self.running or [None]))

    def _do(self, choice: str, victim: Service | None) -> None:
        if choice == "join" or victim is None:
            self.running.append(self._world.start(**SMALL))
        elif choice == "freeze":
            os.kill(victim.pid, signal.SIGSTOP)
            self._frozen[victim] = time.monotonic()
        else:
            self.running.remove(victim)
            victim.kill() if choice == "kill" else victim.terminate(grace=15)

    def _wait_for_progress(self) -> None:
        before = self._world.offsets()

        def moved() -> bool:
            self._thaw()
            return self._world.offsets() != before

        if self.running:
            wait_for(moved, "the rekeyers to get on", seconds=60)

    def _thaw(self, *, all_of_them: bool = False) -> None:
        """Let those go on that were frozen for longer than the session timeout: now others have their partitions."""
        for victim, since in list(self._frozen.items()):
            if all_of_them or time.monotonic() - since > 4.0:
                del self._frozen[victim]
                os.kill(victim.pid, signal.SIGCONT)

    def end(self) -> None:
        """Let everybody go on who is still there."""
        self._thaw(all_of_them=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1])
def test_rekeyers_that_crash_freeze_and_come_and_go_pass_everything_once(
    world: Callable[..., World], seed: int
) -> None:
    here = world(4, 2)
    send(here.kafka, here.sources[0], mixed(4_000))
    storm = Storm(here, seed)
    sent = 4_000
    while sent < 50_000:
        send(here.kafka, here.sources[sent % 2], mixed(1_001, first=sent))
        sent += 1_001
        storm.strike()
    storm.end()
    last = here.start()
    here.wait_until_done(last, *storm.running)
    assert check(here) > 45_000
    print(dict(storm.faults))


def source_batch(world: World, source: SourcePartition) -> Batch:
    records = [record for record in read(world.kafka, source.topic) if record.partition == source.partition]
    stamps = [record.timestamp for record in records]
    return Batch.of(*source, [record.value for record in records], timestamps=stamps)


async def half_written(writer: RekeyWriter, batch: Batch, settings: Settings) -> None:
    """What a rekeyer has done that is killed right before it commits."""
    await writer._producer.begin_transaction()
    await writer._send(rekey(batch).records, f"{batch.source}/{batch.partition}", ())
    offset = {TopicPartition(batch.source, batch.partition): (len(batch), "")}
    await writer._producer.send_offsets_to_transaction(offset, group_of(settings))


def test_what_a_killed_rekeyer_had_not_committed_is_passed_by_its_heir_and_never_by_itself(
    world: Callable[..., World],
) -> None:
    here = world(1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    send(here.kafka, source.topic, mixed(500))

    batch = source_batch(here, source)

    async def scene() -> None:
        dead = await RekeyWriter.open(settings, source)
        await half_written(dead, batch, settings)
        heir = here.start()
        await asyncio.to_thread(here.wait_until_done, heir)
        with pytest.raises(ProducerFenced):
            await dead._producer.commit_transaction()
        await dead.close()

    asyncio.run(scene())
    assert check(here) == 498
    everything = asyncio.run(count_uncommitted(here))
    assert everything == 2 * 498


def test_who_comes_back_after_others_have_taken_over_writes_nothing_more(world: Callable[..., World]) -> None:
    here = world(1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    send(here.kafka, source.topic, mixed(500))
    batch = source_batch(here, source)

    async def scene() -> None:
        zombie = await RekeyWriter.open(settings, source)
        heir = here.start()
        await asyncio.to_thread(here.wait_until_done, heir)
        with pytest.raises(ProducerFenced):
            await zombie.write(
                rekey(batch).records, f"{source.topic}/0", 500, RekeyMark.of(batch, Baseline(0, (0, 0, 0)))
            )
        await zombie.close()

    asyncio.run(scene())
    assert check(here) == 498


async def count_uncommitted(world: World) -> int:
    """How many records the rekeyed topic holds with those of transactions that were aborted."""
    ends = await log_ends(world.kafka.bootstrap, [world.rekeyed])
    consumer = AIOKafkaConsumer(bootstrap_servers=world.kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        count = 0
        for place, end in ends.items():
            tp = TopicPartition(*place)
            consumer.assign([tp])
            while await consumer.position(tp) < end:
                count += sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
        return count
    finally:
        await consumer.stop()


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.01], ids=["at once", "a moment later", "a little later"])
def test_who_takes_over_in_the_midst_of_a_commit_sees_offset_and_records_alike(
    world: Callable[..., World], pause: float
) -> None:
    here = world(1, rekeyed=1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    batch = Batch.of(*source, events(1_000))

    async def scene() -> None:
        offsets = Offsets(settings)
        writer = await RekeyWriter.open(settings, source)
        for turn in range(10):
            piece = batch.between(100 * turn, 100 * turn + 100)
            mark = RekeyMark.of(piece, Baseline(0, (0,)))
            committing = asyncio.ensure_future(writer.write(rekey(piece).records, "x/0", 100 * turn + 100, mark))
            await asyncio.sleep(pause)
            heir = await RekeyWriter.open(settings, source)
            committed = await offsets.committed(source)
            records = await reading(here.kafka.bootstrap, [here.rekeyed])
            origins = [int(dict(record.headers)["slm-source"].rpartition(b"/")[2]) for record in records]
            assert (committed.offset if committed else 0) == len(set(origins)) == len(origins)
            await asyncio.gather(committing, return_exceptions=True)
            await writer.close()
            writer = heir
            if committed is None or committed.offset != 100 * turn + 100:
                await writer.write(rekey(piece).records, "x/0", 100 * turn + 100, mark)
        await writer.close()
        offsets.close()

    asyncio.run(scene())


def test_offsets_that_the_group_has_forgotten_are_found_in_the_rekeyed_topic(world: Callable[..., World]) -> None:
    here = world(2)
    send(here.kafka, here.sources[0], mixed(1_000))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    with closing(here.kafka.admin()) as admin:
        admin.delete_groups([group_of(Settings.resolve(environ=here.settings()))])
    assert here.offsets() == {}
    send(here.kafka, here.sources[0], mixed(500, first=1_000))
    here.wait_until_done(here.start())
    assert check(here) == 1_500 - 6


def exit_code(service: Service) -> int:
    wait_for(lambda: not service.running, f"{service.name} to end", seconds=60)
    return service._started().returncode


def test_a_rekeyed_topic_with_other_partitions_than_before_is_refused(world: Callable[..., World]) -> None:
    here = world(1)
    send(here.kafka, here.sources[0], events(100))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    with closing(here.kafka.admin()) as admin:
        admin.create_partitions({here.rekeyed: 5})
    second = here.start()
    assert exit_code(second) == 4
    assert f"{here.rekeyed} had 3 partitions when rekeying began and has 5 now" in second.tail(1)
    assert "--rekeyed-topic" in second.tail(1)


@pytest.mark.parametrize(
    ("count", "said"),
    [(50, "ends at offset 50, before 100, up to which"), (200, "has another record at offset 99 than the one rekeyed")],
    ids=["shorter", "longer"],
)
def test_a_source_made_anew_is_refused(world: Callable[..., World], count: int, said: str) -> None:
    here = world(1)
    (topic,) = here.sources
    send(here.kafka, topic, events(100))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    with closing(here.kafka.admin()) as admin:
        admin.delete_topics([topic])
        wait_for(lambda: topic not in admin.list_topics(), "the topic to be gone")
    here.kafka.create_topic(topic, settings=LOG_APPEND_TIME)
    send(here.kafka, topic, events(count, first=1_000))
    second = here.start()
    assert exit_code(second) == 4
    assert said in second.tail(1)


def test_records_that_a_source_has_lost_are_told_to_the_audit(world: Callable[..., World]) -> None:
    here = world(1)
    (topic,) = here.sources
    send(here.kafka, topic, events(100))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    send(here.kafka, topic, events(200, first=100))
    with closing(here.kafka.admin()) as admin:
        admin.delete_records({Partition(topic, 0): 150})
    for _ in range(2):
        rekeyer = here.start()
        here.wait_until_done(rekeyer)
        rekeyer.terminate(grace=10)
    assert {found.origin for found in rekeyed(here)} == {f"{topic}/0/{n}" for n in (*range(100), *range(150, 300))}
    (record,) = read(here.kafka, here.audit)
    document = json.loads(record.value)
    assert (document["type"], document["topic"], document["partition"]) == ("gap", topic, 0)
    assert (document["detail"]["from"], document["detail"]["to"]) == (100, 150)


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


def test_a_broker_that_goes_is_waited_for(tmp_path: Path) -> None:
    require("kafka")
    with KafkaCluster(tmp_path) as kafka, ExitStack() as stack:
        here = make_world(kafka, tmp_path, stack, 2)
        send(kafka, here.sources[0], mixed(1_000))
        rekeyer = here.start(**SMALL)
        wait_for(here.offsets, "rekeying to begin")
        kafka.kill()
        wait_for(lambda: "Rekeying waits" in rekeyer.tail(200), "the line about the broker", seconds=60)
        kafka.start()
        send(kafka, here.sources[0], mixed(1_000, first=1_000))
        here.wait_until_done(rekeyer)
        assert "last_error=None" in rekeyer.tail(1)
        kafka.kill()
        began = time.monotonic()
        rekeyer.terminate(grace=20)
        print(f"ended in {time.monotonic() - began:.1f} s")
        assert rekeyer._started().returncode == 0
        kafka.start()
        assert check(here) == 2_000 - 8


@pytest.mark.timeout(300)
@pytest.mark.parametrize("nodes", [1, 3], ids=["one node", "two nodes of three"])
def test_brokers_that_crash_in_the_midst_of_transactions_lose_and_double_nothing(tmp_path: Path, nodes: int) -> None:
    require("kafka")
    with KafkaCluster(tmp_path, nodes=nodes) as kafka, ExitStack() as stack:
        here = make_world(kafka, tmp_path, stack, 3)
        rekeyers = [here.start(**SMALL) for _ in range(2)]
        for turn in range(4):
            send(kafka, here.sources[0], mixed(3_000, first=3_000 * turn))
            before = here.offsets()
            wait_for(lambda before=before: here.offsets() != before, "rekeying to get on", seconds=90)  # type: ignore[misc]
            down = kafka.nodes if nodes == 1 else [1 + turn % 3, 1 + (turn + 1) % 3]
            for node in down:
                kafka.kill(node)
            for node in down:
                kafka.start(node)
        here.wait_until_done(*rekeyers, seconds=150)
        assert check(here) == 12_000 - 48


def test_what_a_transaction_lost_of_its_partitions_is_written_again_and_only_that(world: Callable[..., World]) -> None:
    here = world(1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    send(here.kafka, source.topic, mixed(1_000))
    batch = source_batch(here, source)

    async def partly_written() -> None:
        writer = await RekeyWriter.open(settings, source)
        mark = RekeyMark.of(batch, Baseline(0, (0, 0, 0)))
        arrived = [record for record in rekey(batch).records if writer.partition_of(record.key) != 1]
        await writer.write(arrived, f"{source.topic}/0", len(batch), mark)
        await writer.close()

    asyncio.run(partly_written())
    rekeyer = here.start()
    wait_for(lambda: "lag=0, last_error=None" in rekeyer.tail(1), "the rekeyer to be done")
    assert check(here) == 1_000 - 4


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
