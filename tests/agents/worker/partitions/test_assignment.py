"""What an assignment does to the partitions of a worker, and how that is shown."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.decoding.batch import Batch
from tests.fakes.assignment_scene import LONG, SESSION, T0, T0_MS, T1, Scene
from tests.fakes.clock import now

pytestmark = pytest.mark.virtual_time

# -- assignments ----------------------------------------------------------------------------------------------------


async def test_what_is_assigned_is_recovered_and_read_on_from_where_its_log_goes_on() -> None:
    scene = Scene()
    scene.gate.clear()
    await scene.assign(T0, T1)
    assert scene.owned() == []
    assert scene.assignment.recovering
    assert [(one.recovering, one.state_unread) for one in scene.assignment.status()] == [(True, True)] * 2
    scene.gate.set()
    await asyncio.sleep(1)
    assert scene.owned() == [T0, T1]
    assert sorted(scene.begun) == [(T0, 5), (T1, 5)]
    assert not scene.assignment.recovering
    assert not scene.assignment.evicted
    await scene.assignment.finish(LONG)


async def test_a_member_that_stays_keeps_what_it_has_and_lets_go_of_what_is_revoked() -> None:
    scene = Scene()
    await scene.assign(T0, T1)
    kept = scene.task(T0)
    await scene.assign(T0)
    assert scene.owned() == [T0]
    assert scene.task(T0) is kept
    assert scene.writers[T1].closed.is_set()
    assert not scene.writers[T0].closed.is_set()
    assert len(scene.recovered) == 2
    await scene.assignment.finish(LONG)


@pytest.mark.parametrize(
    ("generation", "member"),
    [(4, "me"), (3, "another")],
    ids=["a generation was missed", "the group knows this worker by another name"],
)
async def test_a_member_that_was_away_keeps_nothing_for_others_may_have_owned_it(generation: int, member: str) -> None:
    scene = Scene()
    await scene.assign(T0, T1)
    before = {source: (scene.task(source), scene.writers[source]) for source in (T0, T1)}
    await scene.assign(T0, T1, generation=generation, member=member)
    for source, (task, writer) in before.items():
        assert task.ended
        assert writer.closed.is_set()
        assert scene.task(source) is not task
    assert len(scene.recovered) == 4
    await scene.assignment.finish(LONG)


async def test_recoveries_under_way_go_on_only_where_the_member_stays() -> None:
    scene = Scene()
    scene.gate.clear()
    await scene.assign(T0, T1)
    await scene.assign(T0)
    assert scene.assignment.recoveries.in_progress == [T0]
    scene.assignment.assigned([T0])  # of the same generation
    assert scene.assignment.recoveries.in_progress == [T0]
    scene.member = ("me", 9)
    scene.assignment.assigned([T0])
    assert scene.assignment.recoveries.in_progress == []


async def test_what_was_recovered_for_nothing_is_closed() -> None:
    scene = Scene()
    await scene.assign(T0)
    await scene.assignment._recovered(T1, scene.recovery(T1))
    assert scene.owned() == [T0]
    assert scene.writers[T1].closed.is_set()
    await scene.assignment.finish(LONG)


async def test_a_worker_that_is_out_of_touch_takes_nothing_over() -> None:
    scene = Scene()
    scene.assignment.assigned([T0])
    await asyncio.sleep(SESSION)
    scene.assignment.want([T0])
    await asyncio.sleep(LONG)
    assert scene.recovered == []
    scene.liveness.touched(now())
    await asyncio.sleep(0.5)
    assert scene.recovered == [T0]
    await scene.assignment.finish(LONG)


async def test_damaged_state_is_remembered() -> None:
    scene = Scene()
    await scene.assign(T0)
    assert not scene.assignment.damaged
    await scene.assign(T0, T1)
    scene.assignment.partitions.keep_only({T0})
    await scene.assignment._recovered(T1, scene.recovery(T1, damaged=("m",)))
    assert scene.assignment.damaged
    await scene.assignment.finish(LONG)


# -- what others see ------------------------------------------------------------------------------------------------


async def test_the_watch_is_shown_what_moves_and_why_it_may_not() -> None:
    scene = Scene()
    await scene.assign(T0)
    scene.refuse = KafkaConnectionError()
    scene.read[T1] = 40
    await scene.assign(T0, T1)
    owned, coming = scene.assignment.moving()
    assert owned == (T0, 5, True, None)
    assert coming == (T1, 40, True, f"t/1: {scene.refuse!r}")
    assert scene.assignment.waits() == f"t/1: {scene.refuse!r}"
    scene.refuse = None
    await asyncio.sleep(1)
    assert scene.assignment.waits() is None
    await scene.assignment.finish(LONG)


async def test_a_transaction_under_way_is_something_to_do() -> None:
    scene = Scene()
    await scene.assign(T0)
    scene.writers[T0].gate.clear()
    task = scene.task(T0)
    await task.fold(Batch.of(*T0, [b"junk"] * 4, 5, [T0_MS] * 4))
    await asyncio.sleep(LONG)
    (moving,) = scene.assignment.moving()
    assert (moving.position, moving.waiting, moving.why) == (9, True, task.waits)
    scene.writers[T0].gate.set()
    await asyncio.sleep(1)
    (moving,) = scene.assignment.moving()
    assert (moving.position, moving.waiting) == (18, False)
    await scene.assignment.finish(LONG)


async def test_at_the_end_every_keeper_carries_out_what_is_left_and_recoveries_are_given_up() -> None:
    scene = Scene()
    await scene.assign(T0)
    await scene.task(T0).fold(Batch.of(*T0, [b"junk"], 5, [T0_MS]))
    scene.gate.clear()
    await scene.assign(T0, T1)
    await scene.assignment.finish(LONG)
    assert len(scene.writers[T0].committed) == 1
    assert scene.writers[T0].closed.is_set()
    assert scene.owned() == []
    assert scene.assignment.recoveries.in_progress == []
    assert T1 not in scene.recovered
