"""The worker in this process with the embedded broker; `tests/real_parts/test_run.py` tests it with a real one."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.demo.embedded_broker import EmbeddedBroker
from agents.exits import Exit, Fault
from agents.files.standards_file import NO_FILE
from agents.settings.settings import Settings
from agents.status.worker import State
from agents.worker.monitor import MonitorApp, _cancel, build
from tests.services.loopback import free_ports
from tests.services.waiting import wait_for_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


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


async def test_it_counts_beside_other_tasks_and_ends_in_good_order(broker: str) -> None:
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


def test_a_second_run_in_the_same_process_counts_the_same(broker: str) -> None:
    async def once(group: str) -> None:
        async with running(broker, group=group) as monitor:
            await until(lambda: records(monitor) == 300, "all records")

    asyncio.run(send(broker, *events(300)))
    # Two groups: the embedded broker knows no leaving, and would wait for the first run's session to end.
    asyncio.run(once("first"))
    asyncio.run(once("second"))


async def test_it_runs_until_told_to_stop(broker: str) -> None:
    await send(broker, *events(1))
    stop = asyncio.Event()
    monitor = build(settings(broker), NO_FILE, ephemeral=True)
    run = asyncio.create_task(monitor.run(stop))
    await until(lambda: records(monitor) == 1, "the record")
    stop.set()
    await run


async def test_an_internal_error_ends_it_with_code_4(
    broker: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    await send(broker, *events(1))
    monkeypatch.setattr("streams.engine.engine.Engine.fold", broken)
    with pytest.raises(Fault, match=r"internal error at events/\d, offsets 0 to 0: ZeroDivisionError") as caught:
        await build(settings(broker), NO_FILE, ephemeral=True).run()
    assert caught.value.exit_code == Exit.STALLED
    assert "Traceback" in caplog.text


async def test_a_worker_that_makes_no_progress_says_so_and_ends_with_code_4(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("agents.worker.partitions.ingest.Ingest.take", never)
    await send(broker, *events(10))
    monitor = build(settings(broker, stall_timeout="2s"), NO_FILE, ephemeral=True)
    run = asyncio.create_task(monitor.run())
    await until(lambda: monitor.status().state is State.STALLED, "the worker to be stalled")
    with pytest.raises(Fault, match=r"events/\d has had unread records, or an .*no progress for \d s") as caught:
        await run
    assert caught.value.exit_code == Exit.STALLED


async def test_a_port_that_was_taken_meanwhile_ends_it(broker: str) -> None:
    chosen = settings(broker)
    async with await asyncio.start_server(lambda *_: None, chosen.web_host, chosen.web_port):
        with pytest.raises(Fault, match="address already in use"):
            await build(chosen, NO_FILE, ephemeral=True).run()


@pytest.mark.virtual_time
async def test_a_task_that_drops_a_cancellation_is_cancelled_again() -> None:
    dropped = 0

    async def stubborn() -> None:
        nonlocal dropped
        while dropped < 2:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:  # as `asyncio.wait_for` of Python 3.11 does in the wrong moment
                dropped += 1
        await asyncio.sleep(600)

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(600))]
    await asyncio.sleep(0)
    await _cancel(tasks)
    assert dropped == 2
    assert all(task.cancelled() for task in tasks)
