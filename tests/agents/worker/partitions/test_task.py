"""The task of one partition: when transactions are made, and when folding waits."""

from __future__ import annotations

import asyncio

import pytest

from agents.exits import Exit, Fault
from agents.worker.partitions import task as module
from agents.worker.partitions.task import LINGER_SECONDS
from streams.events import control_records
from streams.texts.states import States
from tests.fakes.clock import now
from tests.fakes.task_scene import JUNK, LONG, OTHERS, PREFIX, Scene, event, letters, slices

pytestmark = pytest.mark.virtual_time

# -- transactions ---------------------------------------------------------------------------------------------------


async def test_what_became_final_is_carried_out_with_the_partition_row_at_its_end() -> None:
    scene = Scene()
    await scene.close_slice(0)
    outputs = await scene.transaction()
    assert slices(outputs) == [0]
    assert outputs[-1].key == PREFIX + b"p"
    await scene.task.drop()
    assert scene.writer.committed == [outputs]
    assert scene.task.saved_offset == 2
    assert (scene.totals.committed, scene.totals.failed) == (1, 0)


async def test_what_becomes_final_at_about_the_same_time_shares_a_transaction() -> None:
    scene = Scene()
    await scene.close_slice(0)
    await scene.close_slice(20)
    assert slices(await scene.transaction()) == [0, 10, 20]
    assert await scene.nothing_begins()
    await scene.task.drop()


async def test_folding_goes_on_while_a_transaction_is_under_way_and_its_conclusions_go_into_the_next() -> None:
    scene = Scene()
    scene.writer.gate.clear()
    await scene.close_slice(0)
    first = await scene.transaction()
    await scene.fold(JUNK, second=15)
    await scene.close_slice(20)
    assert await scene.nothing_begins(), "one transaction at a time"
    assert scene.task.saved_offset is None
    assert scene.task.transaction_seconds == LONG
    assert scene.task.waits == States.WAITS_FOR_TRANSACTION.key
    scene.writer.gate.set()
    await asyncio.sleep(module._GATHER_SECONDS / 2)
    scene.writer.gate.clear()
    second = await scene.transaction()
    assert (slices(first), letters(first)) == ([0], [])
    assert (slices(second), letters(second)) == ([10, 20], [2])
    assert scene.task.saved_offset == 2, "what was folded meanwhile is not saved yet"
    scene.writer.gate.set()
    assert await scene.nothing_begins()
    await scene.task.drop()
    assert scene.writer.committed == [first, second]
    assert scene.task.saved_offset == 5
    assert scene.totals.seconds >= LONG


async def test_dead_letters_alone_wait_for_others_no_longer_than_the_linger() -> None:
    scene = Scene()
    await scene.fold(JUNK)
    began = now()
    assert await scene.nothing_begins(LINGER_SECONDS / 2)
    await scene.fold(JUNK)
    assert letters(await scene.transaction()) == [0, 1]
    assert LINGER_SECONDS <= now() - began <= LINGER_SECONDS + 0.1
    await scene.fold(JUNK)
    began = now()
    assert letters(await scene.transaction()) == [2]
    assert LINGER_SECONDS <= now() - began <= LINGER_SECONDS + 0.1
    await scene.task.drop()


async def test_dead_letters_go_along_with_what_becomes_final_before() -> None:
    scene = Scene()
    await scene.fold(JUNK)
    await scene.close_slice(0)
    assert letters(await scene.transaction()) == [0]
    assert now() < LINGER_SECONDS
    assert await scene.nothing_begins()
    await scene.task.drop()


async def test_where_nothing_becomes_final_nothing_is_written() -> None:
    scene = Scene()
    await scene.fold(event(0), event(1))
    assert await scene.nothing_begins()
    await scene.task.drop()


# -- backpressure ---------------------------------------------------------------------------------------------------


async def fold_until_it_waits(scene: Scene, *values: bytes, most: int) -> asyncio.Task[None]:
    """Fold batches of ``values``, each ten seconds later, until the task holds one back; that one's task."""
    for turn in range(most):
        folding = asyncio.create_task(scene.fold(*values, event(turn * 10), second=turn * 10))
        done, _ = await asyncio.wait({folding}, timeout=LONG)
        if not done:
            return folding
    raise AssertionError(f"{most} batches were folded, and nothing was held back")


@pytest.mark.parametrize(
    ("bound", "most", "values"),
    [("MOST_LETTER_BYTES", 20_000, [JUNK * 100]), ("MOST_SLICES", 5, [])],
    ids=["bytes of dead letters", "closed slices"],
)
async def test_a_broker_that_does_not_take_the_transaction_stops_folding_within_bounds(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int, values: list[bytes]
) -> None:
    monkeypatch.setattr(module, bound, most)
    scene = Scene()
    scene.writer.gate.clear()
    waiting = await fold_until_it_waits(scene, *values, most=1_000)
    pending = scene.processor.letter_bytes if values else scene.processor.slices
    assert most <= pending < most + 1_000
    assert scene.task.waits == States.WAITS_FOR_OUTPUT.key
    reached = scene.task.engine.progress.next_offset
    await asyncio.sleep(LONG)
    assert scene.task.engine.progress.next_offset == reached
    assert scene.writer.begun.qsize() == 1, "there is one transaction under way, and none behind it"
    scene.writer.gate.set()
    await waiting
    assert scene.task.waits is None
    assert scene.task.engine.progress.next_offset == scene.offset
    await scene.task.drop()


async def test_when_the_keeper_ends_what_waits_for_room_is_let_go_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SLICES", 5)
    scene = Scene()
    scene.writer.gate.clear()
    waiting = await fold_until_it_waits(scene, most=1_000)
    reached = scene.task.engine.progress.next_offset
    await scene.task.drop()
    await waiting
    assert scene.task.engine.progress.next_offset == reached


async def test_many_dead_letters_do_not_wait_for_the_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LETTER_BYTES", 1_000)
    scene = Scene()
    await scene.fold(*[JUNK] * 10)
    assert letters(await scene.transaction()) == list(range(10))
    assert now() < LINGER_SECONDS
    await scene.task.drop()


# -- standards that the log names -----------------------------------------------------------------------------------


async def test_standards_that_the_log_names_are_looked_up_and_the_batch_is_folded_once() -> None:
    scene = Scene(hidden=[OTHERS])
    scene.control.gate.clear()
    values = [event(0), JUNK, control_records.standards(OTHERS.digest, 7), event(1)]
    folding = asyncio.create_task(scene.fold(*values))
    await scene.control.looking.wait()
    assert scene.task.waits == States.WAITS_FOR_STANDARDS.key
    assert scene.task.engine.progress.records == 0
    scene.control.gate.set()
    await folding
    assert scene.task.waits is None
    assert scene.control.looked_up == [OTHERS.digest]
    assert scene.task.engine.latest_standards == (OTHERS.digest, 7)
    assert scene.task.engine.progress.records == len(values)
    assert letters(await scene.transaction()) == [1]
    await scene.task.drop()


async def test_a_look_up_that_fails_for_good_is_the_folders_to_tell() -> None:
    scene = Scene()
    scene.control.unreadable = Fault("a later version wrote them", Exit.STALLED)
    with pytest.raises(Fault, match="a later version"):
        await scene.fold(control_records.standards(OTHERS.digest, 7))
    assert scene.task.waits is None
    assert scene.task.engine.progress.records == 0
    await scene.task.drop()
