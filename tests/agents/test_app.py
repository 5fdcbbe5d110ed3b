"""The worker inside this process, on the embedded broker; `tests/services/test_run.py` has it on a real one."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from agents.app import MonitorApp, _fault, build
from agents.broker import EmbeddedBroker
from agents.exits import Exit, Fault
from agents.exposition import render
from agents.files import NO_FILE, StandardsFile
from agents.partitions import Bounds, LogTruncated, Partition, Source
from agents.settings import Settings
from agents.status import State
from streams.standards.load import load
from streams.standards.model import Standards
from streams.standards_log import ProposedStandards
from streams.texts import Warnings
from tests.agents.fakes import FakeKeeper, as_fake, fake_keeper
from tests.services.loopback import free_ports
from tests.services.waiting import wait_for_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedBroker() as embedded:
        yield embedded.address


async def send(broker: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send("events", value, key=value[-9:]) for value in values])
    finally:
        await producer.stop()


def events(count: int) -> list[bytes]:
    now = time.time()
    return [
        json.dumps({"time": now - 5, "service": f"s{n % 5}", "duration": 1, "id": str(n)}).encode()
        for n in range(count)
    ]


def settings(broker: str, **others: str) -> Settings:
    (port,) = free_ports(1)
    return Settings.resolve({"broker": broker, "topics": "events", "web_port": port, **others})


@asynccontextmanager
async def running(broker: str, **others: str) -> AsyncIterator[MonitorApp]:
    monitor = build(settings(broker, **others), NO_FILE, ephemeral=True)
    await monitor.start()
    try:
        yield monitor
    finally:
        await monitor.stop()


def records(monitor: MonitorApp) -> int:
    return sum(engine.progress.records for engine in monitor.engines())


async def until(condition: Any, what: str) -> None:
    async def holds() -> bool:
        return bool(condition())

    await wait_for_async(holds, what)


def test_it_counts_beside_other_tasks_and_ends_in_good_order(broker: str) -> None:
    async def scenario() -> None:
        await send(broker, *events(500), b"junk")
        async with running(broker) as monitor:
            assert monitor.status().state is State.STARTING
            await until(lambda: records(monitor) == 501, "the records sent before")
            await send(broker, *events(200))
            await until(lambda: records(monitor) == 701, "the records sent later")
            status = monitor.status()
            assert status.state is State.RUNNING
            assert [row.partition for row in status.partitions] == [0, 1, 2, 3]
            assert all(row.caught_up and row.lag == 0 for row in status.partitions)
            assert sum(row.next_offset for row in status.partitions) == 701
            assert "embedded-broker" in status.warnings
            assert status.fold_seconds > 0
            assert sum(engine.progress.accepted for engine in monitor.engines()) == 700
        await send(broker, *events(10))

    asyncio.run(scenario())


def test_a_second_run_in_the_same_process_counts_the_same(broker: str) -> None:
    async def once(group: str) -> None:
        async with running(broker, group=group) as monitor:
            await until(lambda: records(monitor) == 300, "all records")

    asyncio.run(send(broker, *events(300)))
    # Two groups: the embedded broker knows no leaving, and would wait for the first run's session to end.
    asyncio.run(once("first"))
    asyncio.run(once("second"))


def test_it_runs_until_told_to_stop(broker: str) -> None:
    async def scenario() -> None:
        await send(broker, *events(1))
        stop = asyncio.Event()
        monitor = build(settings(broker), NO_FILE, ephemeral=True)
        run = asyncio.create_task(monitor.run(stop))
        await until(lambda: records(monitor) == 1, "the record")
        stop.set()
        await run

    asyncio.run(scenario())


def test_an_internal_error_ends_it_with_code_4(
    broker: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        await send(broker, *events(1))
        await build(settings(broker), NO_FILE, ephemeral=True).run()

    monkeypatch.setattr("streams.engine.Engine.fold", broken)
    with pytest.raises(Fault, match=r"internal error at events/\d, offsets 0 to 0: ZeroDivisionError") as caught:
        asyncio.run(scenario())
    assert caught.value.exit_code == Exit.STALLED
    assert "Traceback" in caplog.text


def test_a_worker_that_makes_no_progress_says_so_and_ends_with_code_4(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        await send(broker, *events(10))
        monitor = build(settings(broker, stall_timeout="2s"), NO_FILE, ephemeral=True)
        run = asyncio.create_task(monitor.run())
        await until(lambda: monitor.status().state is State.STALLED, "the worker to be stalled")
        await run

    monkeypatch.setattr("agents.ingest.Ingest.take", never)
    with pytest.raises(Fault, match=r"events/\d has had unread records, or an .*no progress for \d s") as caught:
        asyncio.run(scenario())
    assert caught.value.exit_code == Exit.STALLED


def test_a_port_that_was_taken_meanwhile_ends_it(broker: str) -> None:
    async def scenario() -> None:
        chosen = settings(broker)
        server = await asyncio.start_server(lambda *_: None, chosen.web_host, chosen.web_port)
        async with server:
            await build(chosen, NO_FILE, ephemeral=True).run()

    with pytest.raises(Fault, match="address already in use"):
        asyncio.run(scenario())


# -- what it shows, without a broker --------------------------------------------------------------------------------

OTHER = StandardsFile(load("version: 1\ntimezone: Asia/Shanghai\n", file="other"), "", 1_000)


def idle(*, ephemeral: bool = False, file: StandardsFile = NO_FILE) -> MonitorApp:
    """A worker that has been assigned partitions and was never started."""
    monitor = build(settings("127.0.0.1:9"), file, ephemeral=ephemeral)
    monitor._worker.settled = True
    monitor._watch.touched(time.monotonic())
    return monitor


def own(monitor: MonitorApp, number: int = 0) -> Partition:
    """A partition that ``monitor`` owns and has read to its end."""
    keeper = fake_keeper("events", number)
    monitor.partitions.add(keeper, Bounds(0, 0), create_time=False)
    as_fake(monitor.partitions.owned()[-1]).standards = monitor.standards
    return monitor.partitions.owned()[-1]


def metrics(monitor: MonitorApp) -> list[str]:
    return render(monitor, None)[0].decode().splitlines()


def shown(monitor: MonitorApp, metric: str) -> list[str]:
    return [line.rpartition(" ")[2] for line in metrics(monitor) if line.partition("{")[0].partition(" ")[0] == metric]


def in_loop(scenario: Callable[[], None]) -> None:
    async def inside() -> None:
        scenario()

    asyncio.run(inside())


def test_a_refused_standards_file_leaves_the_earlier_one_and_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    def scenario() -> None:
        monitor = idle(file=OTHER)
        assert shown(monitor, "slm_standards_refused") == ["0.0"]
        monitor.reload("standards.yaml has 2 problems: …")
        assert monitor.file is OTHER
        assert monitor.standards is OTHER.standards
        assert monitor.status().refused_standards == "standards.yaml has 2 problems: …"
        assert Warnings.STANDARDS_REJECTED.key in monitor.status().warnings
        assert shown(monitor, "slm_standards_refused") == ["1.0"]
        assert "the earlier standards stay: standards.yaml has 2 problems" in caplog.text
        newer = StandardsFile(Standards(digest="newer"), "", 2_000)
        monitor.reload(newer)
        assert monitor.file is newer
        assert monitor.status().refused_standards is None
        assert Warnings.STANDARDS_REJECTED.key not in monitor.status().warnings
        assert shown(monitor, "slm_standards_refused") == ["0.0"]

    in_loop(scenario)


def test_what_is_as_it_should_be_warns_of_nothing() -> None:
    def scenario() -> None:
        services = load("version: 1\nservices: {hotline: {}}\n", file="f")
        monitor = idle(file=StandardsFile(services))
        own(monitor)
        assert monitor.status().warnings == ()

    in_loop(scenario)


def spoil_broker(monitor: MonitorApp, _: Partition) -> None:
    monitor._note_answer(TimeoutError())


def spoil_standards(_: MonitorApp, one: Partition) -> None:
    as_fake(one).standards = Standards(digest="of another worker's file")


def spoil_timestamps(_: MonitorApp, one: Partition) -> None:
    one.create_time = True


def spoil_stamps(_: MonitorApp, one: Partition) -> None:
    one.engine.progress.unguarded = True


def spoil_log(_: MonitorApp, one: Partition) -> None:
    one.missing = True


def spoil_state(monitor: MonitorApp, _: Partition) -> None:
    monitor.custody.damaged = True


def spoil_ticks(monitor: MonitorApp, _: Partition) -> None:
    monitor._upkeep.refused = True


def spoil_labels(_: MonitorApp, one: Partition) -> None:
    one.engine.progress.folded["service"] = 1


@pytest.mark.parametrize(
    ("spoil", "warning"),
    [
        (spoil_broker, Warnings.BROKER_SILENT),
        (spoil_standards, Warnings.STANDARDS_DIFFER),
        (spoil_timestamps, Warnings.CREATE_TIME_TOPIC),
        (spoil_stamps, Warnings.TIMESTAMPS_MISSING),
        (spoil_log, Warnings.GAP_IN_LOG),
        (spoil_state, Warnings.STATE_DAMAGED),
        (spoil_ticks, Warnings.TICKS_REFUSED),
        (spoil_labels, Warnings.LABELS_FOLDED),
    ],
    ids=lambda what: what.key if isinstance(what, Warnings) else "",
)
def test_what_is_not_as_it_should_be_is_warned_of(
    spoil: Callable[[MonitorApp, Partition], None], warning: Warnings
) -> None:
    def scenario() -> None:
        monitor = idle()
        one = own(monitor)
        assert monitor.status().warnings == (Warnings.NO_STANDARDS.key,)
        spoil(monitor, one)
        assert sorted(monitor.status().warnings) == sorted((warning.key, Warnings.NO_STANDARDS.key))

    in_loop(scenario)


def test_the_embedded_broker_warns_of_itself_and_of_nothing_that_it_cannot_do() -> None:
    def scenario() -> None:
        monitor = idle(ephemeral=True)
        own(monitor).create_time = True
        assert set(monitor.status().warnings) == {Warnings.EMBEDDED_BROKER.key, Warnings.NO_STANDARDS.key}

    in_loop(scenario)


def test_states_and_what_is_shown_in_each() -> None:
    def scenario() -> None:
        monitor = idle()
        monitor._worker.settled = False
        assert monitor.status().state is State.STARTING
        monitor._worker.settled = True
        one, other = own(monitor), own(monitor, 1)
        assert monitor.status().state is State.RUNNING
        assert monitor.engines() == [one.engine, other.engine]
        as_fake(other).replaying = True
        assert monitor.status().state is State.RECOVERING
        assert monitor.engines() == [one.engine], "figures that are not complete are not shown"
        assert [row.recovering for row in monitor.status().partitions] == [False, True]
        as_fake(other).replaying = False
        monitor._was_settled = True
        monitor._watch.touched_at = time.monotonic() - monitor.settings.session_timeout
        assert monitor.status().state is State.EVICTED
        assert (monitor.engines(), monitor.status().partitions) == ([], ())

    in_loop(scenario)


def test_what_standards_hold_and_what_is_pending_is_shown_for_each_partition() -> None:
    def scenario() -> None:
        monitor = idle(file=OTHER)
        as_fake(own(monitor)).latest_standards = ProposedStandards("next", 1)
        (row,) = monitor.status().partitions
        assert (row.standards, row.pending_standards) == (OTHER.standards.digest, "next")

    in_loop(scenario)


def test_why_nothing_is_read_is_shown() -> None:
    def scenario() -> None:
        monitor = idle()
        cast("FakeKeeper", own(monitor).keeper).waits = "waits-for-output"
        assert monitor.status().waits == "waits-for-output"

    in_loop(scenario)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Fault("a line", Exit.USAGE), Exit.USAGE, "a line"),
        (LogTruncated(Source("t", 0), 5, 4), Exit.STALLED, "t/0 was read up to offset 5 but now ends at 4"),
        (KafkaConnectionError(), Exit.UNAVAILABLE, "start the worker again once the broker answers"),
        (TopicAuthorizationFailedError(), Exit.UNAVAILABLE, "give this client the right"),
        (TimeoutError(), Exit.UNAVAILABLE, "start the worker again once the broker answers"),
        (ZeroDivisionError("oops"), Exit.STALLED, "oops"),
        (None, Exit.STALLED, "ended by itself; start it again"),
    ],
)
def test_every_end_has_a_line_and_a_code(error: Exception | None, code: Exit, message: str) -> None:
    fault = _fault(error)
    assert fault.exit_code == code
    assert message in fault.message
