from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.exits import Exit, Fault
from agents.worker.partitions.recoveries import Recoveries
from streams.decoding.batch import SourcePartition
from tests.fakes.clock import now

pytestmark = pytest.mark.virtual_time

T0, T1 = SourcePartition("t", 0), SourcePartition("t", 1)
LONG: Final = 600.0


class Recovered:
    """Stands for what a recovery gives."""

    rows = 7


class Scene:
    """Take-overs whose recoveries fail as told, wait for a gate, and take a second."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tried: list[SourcePartition] = []
        self.given_up: list[SourcePartition] = []
        self.done: list[SourcePartition] = []
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse: Exception | None = None
        self.recoveries = Recoveries(self.recover, done=self.on_done, fail=self.failures.append, clock=now)

    async def recover(self, source: SourcePartition) -> Any:
        self.tried.append(source)
        try:
            await asyncio.sleep(1)
            await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up.append(source)
            raise
        if self.errors:
            raise self.errors.pop(0)
        return Recovered()

    async def on_done(self, source: SourcePartition, _: object) -> None:
        assert source not in self.recoveries.in_progress
        if self.refuse is not None:
            raise self.refuse
        self.done.append(source)


async def test_partitions_are_taken_over_side_by_side_and_counted() -> None:
    scene = Scene()
    scene.recoveries.want([T1, T0])
    assert scene.recoveries.in_progress == [T0, T1]
    await asyncio.sleep(1.5)
    assert sorted(scene.done) == [T0, T1]
    assert scene.recoveries.in_progress == []
    counts = scene.recoveries.counts
    assert (counts.count, counts.last_seconds, counts.last_rows) == (2, 1.0, 7)


async def test_what_is_wanted_twice_is_taken_over_once() -> None:
    scene = Scene()
    scene.recoveries.want([T0])
    scene.recoveries.want([T0])
    await asyncio.sleep(LONG)
    assert (scene.tried, scene.done) == ([T0], [T0])


@pytest.mark.parametrize("error", [KafkaConnectionError(), TimeoutError(), ConnectionError()], ids=repr)
async def test_it_tries_until_kafka_answers_and_says_once_that_it_does_not(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(error, error, error)
    scene.recoveries.want([T0])
    await asyncio.sleep(1.2)
    assert scene.recoveries.trouble == f"t/0: {error!r}"
    assert scene.recoveries.in_progress == [T0]
    await asyncio.sleep(LONG)
    assert (len(scene.tried), scene.done) == (4, [T0])
    assert scene.recoveries.trouble is None
    assert scene.recoveries.counts.count == 1
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == ["t/0 cannot be taken over yet"]


@pytest.mark.parametrize("error", [Fault("state unusable", Exit.STALLED), ZeroDivisionError()], ids=["fault", "bug"])
async def test_what_trying_again_would_not_help_is_told(error: Exception) -> None:
    scene = Scene(error)
    scene.recoveries.want([T0])
    await asyncio.sleep(LONG)
    assert scene.failures == [error]
    assert scene.recoveries.in_progress == []
    assert scene.tried == [T0]


async def test_an_error_of_the_one_who_begins_is_told_too() -> None:
    scene = Scene()
    scene.refuse = ZeroDivisionError()
    scene.recoveries.want([T0])
    await asyncio.sleep(LONG)
    assert scene.failures == [scene.refuse]


async def test_recoveries_of_partitions_that_were_revoked_are_given_up_with_their_troubles() -> None:
    scene = Scene(KafkaConnectionError(), KafkaConnectionError())
    scene.recoveries.want([T0, T1])
    await asyncio.sleep(1.2)
    scene.gate.clear()
    scene.recoveries.keep_only({T1})
    assert scene.recoveries.in_progress == [T1]
    assert (scene.recoveries.trouble or "").startswith("t/1")
    scene.recoveries.keep_only(())
    assert scene.recoveries.trouble is None
    scene.gate.set()
    await asyncio.sleep(LONG)
    assert (scene.done, scene.failures) == ([], [])


async def test_stopping_gives_up_all_and_waits_until_they_have_ended() -> None:
    scene = Scene()
    scene.gate.clear()
    scene.recoveries.want([T0, T1])
    await asyncio.sleep(LONG)
    await scene.recoveries.stop()
    assert sorted(scene.given_up) == [T0, T1]
    assert (scene.done, scene.failures, scene.recoveries.in_progress) == ([], [], [])


async def test_what_was_given_up_can_be_wanted_again_at_once() -> None:
    scene = Scene()
    scene.recoveries.want([T0])
    await asyncio.sleep(0.5)
    scene.recoveries.keep_only(())
    scene.recoveries.want([T0])
    await asyncio.sleep(LONG)
    assert (scene.tried, scene.given_up, scene.done) == ([T0, T0], [T0], [T0])
