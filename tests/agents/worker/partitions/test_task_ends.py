"""How a task ends, and how it begins with saved state."""

from __future__ import annotations

import asyncio
import json
from typing import Final

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.worker.partitions.task import LINGER_SECONDS, PartitionTask
from agents.worker.transactions.writer import Fenced, Refused
from tests.fakes.clock import now
from tests.fakes.task_scene import JUNK, LONG, SETTINGS, Scene, event, letters, rows, slices

pytestmark = pytest.mark.virtual_time

# -- ends -----------------------------------------------------------------------------------------------------------

ERRORS: Final = [Fenced(), Refused("MessageSizeTooLargeError"), KafkaConnectionError(), ZeroDivisionError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_of_a_transaction_is_told_once_and_ends_the_keeper(error: Exception) -> None:
    scene = Scene(error)
    await scene.close_slice(0)
    await scene.ended.wait()
    assert scene.ends == [(scene.task, error)]
    assert scene.task.ended
    assert (scene.totals.committed, scene.totals.failed) == (0, 1)
    assert scene.task.saved_offset is None
    await scene.close_slice(20)
    await scene.task.skip_to(90)
    assert scene.task.engine.progress.next_offset == 2
    scene.writer.begun.get_nowait()
    await scene.task.finish(LONG)
    assert scene.writer.begun.empty(), "of what an uncertain transaction had, nothing may be written again"
    assert scene.writer.closed.is_set()
    assert len(scene.ends) == 1


async def test_a_keeper_that_is_dropped_gives_up_its_transaction_closes_its_writer_and_tells_nobody() -> None:
    scene = Scene()
    scene.writer.gate.clear()
    await scene.close_slice(0)
    await scene.transaction()
    await scene.task.drop()
    assert scene.writer.closed.is_set()
    assert not scene.writer.committed
    await scene.close_slice(20)
    assert scene.task.engine.progress.next_offset == 2
    assert not scene.ends


async def test_a_keeper_may_be_dropped_from_where_it_tells_its_end() -> None:
    scene = Scene(Fenced())
    dropping: list[asyncio.Task[None]] = []

    def drop(task: PartitionTask, _: Exception) -> None:
        dropping.append(asyncio.create_task(task.drop()))
        scene.ended.set()

    scene.task._on_end = drop
    await scene.close_slice(0)
    await scene.ended.wait()
    await dropping[0]
    assert scene.writer.closed.is_set()


async def test_finishing_carries_out_what_is_left_without_waiting_for_more() -> None:
    scene = Scene()
    await scene.fold(JUNK)
    await scene.task.finish(LONG)
    (outputs,) = scene.writer.committed
    assert letters(outputs) == [0]
    assert now() < LINGER_SECONDS
    assert scene.writer.closed.is_set()
    assert scene.task.ended


async def test_finishing_waits_for_the_transaction_under_way_and_carries_out_what_came_behind_it() -> None:
    scene = Scene()
    scene.writer.gate.clear()
    await scene.close_slice(0)
    await scene.transaction()
    await scene.fold(JUNK, second=15)
    finishing = asyncio.create_task(scene.task.finish(LONG))
    await asyncio.sleep(LONG / 2)
    assert not finishing.done()
    scene.writer.gate.set()
    await finishing
    first, second = scene.writer.committed
    assert (slices(first), letters(second)) == ([0], [2])


async def test_finishing_gives_a_broker_that_is_away_its_time_and_no_more() -> None:
    scene = Scene()
    scene.writer.gate.clear()
    await scene.close_slice(0)
    await scene.transaction()
    began = now()
    await scene.task.finish(3.0)
    assert now() - began == pytest.approx(3.0)
    assert scene.writer.closed.is_set()
    assert not scene.writer.committed
    assert not scene.ends


async def test_finishing_with_nothing_left_writes_nothing() -> None:
    scene = Scene()
    await scene.fold(event(0))
    await scene.task.finish(LONG)
    assert scene.writer.begun.empty()
    assert scene.writer.closed.is_set()


# -- recovery and gaps ----------------------------------------------------------------------------------------------


async def saved_state() -> dict[bytes, bytes]:
    """Rows of an owner before, whose open slice needs the records from offset 1 on; the last one folded is 3."""
    scene = Scene()
    await scene.fold(event(0), event(10), event(11), event(12), second=12)
    saved = rows(await scene.transaction())
    await scene.task.drop()
    return {name: value for name, value in saved.items() if value is not None}


async def test_nothing_is_taken_while_records_are_folded_again() -> None:
    scene = Scene(rows=await saved_state(), offset=1)
    assert scene.task.saved_offset == 4
    assert scene.processor.expected == 1
    await scene.fold(event(10), event(11), second=12)
    assert scene.task.engine.restoring
    assert await scene.nothing_begins()
    await scene.fold(event(12), JUNK, event(20), second=20)
    outputs = await scene.transaction()
    assert (slices(outputs), letters(outputs)) == ([10], [4])
    await scene.task.drop()


async def test_nothing_is_taken_at_the_end_either() -> None:
    scene = Scene(rows=await saved_state(), lateness_ms=5_000, offset=1)
    await scene.fold(event(10), second=12)
    await scene.task.finish(LONG)
    assert scene.writer.begun.empty()


async def test_what_recovery_has_to_tell_goes_out_by_itself() -> None:
    scene = Scene(rows=await saved_state(), lateness_ms=5_000, offset=1)
    await scene.fold(event(10), event(11), event(12), second=12)
    outputs = await scene.transaction()
    audit = [json.loads(one.value or b"") for one in outputs if one.topic == SETTINGS.audit_topic]
    assert [record["type"] for record in audit] == ["policy"]
    await scene.task.drop()


async def test_a_gap_in_the_log_is_told_with_the_place_where_it_goes_on() -> None:
    scene = Scene()
    await scene.fold(event(0))
    await scene.task.skip_to(50)
    outputs = await scene.transaction()
    (audit,) = [json.loads(one.value or b"") for one in outputs if one.topic == SETTINGS.audit_topic]
    assert (audit["type"], audit["detail"]) == ("gap", {"from": 1, "to": 50})
    await scene.task.drop()


async def test_a_gap_before_the_first_record_waits_for_a_place_in_the_log() -> None:
    scene = Scene()
    await scene.task.skip_to(50)
    assert await scene.nothing_begins()
    scene.offset = 50
    await scene.fold(event(0))
    outputs = await scene.transaction()
    assert outputs[0].topic == SETTINGS.audit_topic
    await scene.task.drop()
    assert not scene.ends
