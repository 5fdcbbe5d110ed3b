"""The consequences of a failed transaction, and of being fenced by another worker."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.exits import Exit, Fault
from agents.worker.transactions.writer import Fenced, Refused
from tests.fakes.assignment_scene import LONG, SESSION, T0, T1, Scene
from tests.fakes.clock import now

pytestmark = pytest.mark.virtual_time

# -- refusals -------------------------------------------------------------------------------------------------------


async def test_a_worker_whose_partition_another_took_over_drops_it_and_waits_for_its_group() -> None:
    scene = Scene()
    await scene.assign(T0, T1)
    await scene.lose(T0, Fenced())
    assert scene.assignment.evicted
    assert scene.owned() == [T1]
    assert scene.left_alone == [T0]
    assert scene.writers[T0].closed.is_set()
    scene.liveness.touched(now())
    scene.assignment.want([T0])
    await asyncio.sleep(LONG)
    assert scene.recovered.count(T0) == 1, "it would put the other out of business in turn"
    scene.assignment.assigned([T1])
    assert not scene.assignment.evicted
    assert scene.failures == []
    await scene.assignment.finish(LONG)


async def test_it_ends_only_if_its_group_still_counts_it_as_the_owner_after_a_session() -> None:
    scene = Scene()
    await scene.assign(T0)
    await scene.lose(T0, Fenced())
    lost = now()
    scene.assignment.check(lost + LONG)  # no heartbeat since: the group may have given it away long ago
    scene.liveness.touched(lost + 1)
    scene.assignment.check(lost + 1)
    scene.assignment.check(lost + SESSION - 1)
    with pytest.raises(Fault, match=r"t/0 is owned by another process .* make sure that no other") as caught:
        scene.assignment.check(lost + SESSION + 1)
    assert caught.value.exit_code == Exit.STALLED


async def test_a_partition_that_comes_back_with_an_assignment_is_taken_over_again() -> None:
    scene = Scene()
    await scene.assign(T0)
    await scene.lose(T0, Fenced())
    await scene.assign(T0)
    assert scene.owned() == [T0]
    assert not scene.assignment.evicted
    scene.assignment.check(now() + LONG)
    await scene.assignment.finish(LONG)


@pytest.mark.parametrize("error", [KafkaConnectionError(), TimeoutError(), ConnectionError()], ids=repr)
async def test_after_a_transaction_of_unknown_end_it_recovers_once_a_later_heartbeat_confirms_that_it_owns(
    error: Exception,
) -> None:
    scene = Scene()
    await scene.assign(T0)
    await scene.lose(T0, error)
    assert scene.owned() == []
    assert scene.assignment.recovering
    assert not scene.assignment.evicted
    await asyncio.sleep(SESSION / 2)
    assert scene.recovered == [T0], "whoever is no owner any more must not fence the one who is"
    scene.liveness.touched(now())
    await asyncio.sleep(1)
    assert scene.recovered == [T0, T0]
    assert scene.owned() == [T0]
    scene.assignment.check(now() + LONG)
    await scene.assignment.finish(LONG)


async def test_what_kafka_refuses_for_good_ends_the_worker_with_the_reason() -> None:
    scene = Scene()
    await scene.assign(T0)
    await scene.lose(T0, Refused("MessageSizeTooLargeError: too large"))
    (fault,) = scene.failures
    assert isinstance(fault, Fault)
    assert fault.exit_code == Exit.STALLED
    assert "refuses what was concluded about t/0: MessageSizeTooLargeError: too large; “slm topics”" in str(fault)
    assert not scene.assignment.recovering


async def test_an_error_of_our_own_ends_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    await scene.assign(T0)
    error = ZeroDivisionError("oops")
    await scene.lose(T0, error)
    assert scene.failures == [error]
    assert "ZeroDivisionError: oops" in caplog.text


async def test_a_client_that_may_not_take_over_ends_with_the_reason() -> None:
    scene = Scene()
    scene.refuse = Refused("TransactionalIdAuthorizationFailed")
    await scene.assign(T0)
    (fault,) = scene.failures
    assert isinstance(fault, Fault)
    assert fault.exit_code == Exit.STALLED
    assert "take over t/0: TransactionalIdAuthorizationFailed; give this client the right" in str(fault)


async def test_a_topic_that_has_gained_partitions_is_not_taken_over() -> None:
    scene = Scene()
    scene.control.grown = Fault("t has 8 partitions and had 4", Exit.UNAVAILABLE)
    await scene.assign(T0)
    assert scene.failures == [scene.control.grown]
    assert scene.recovered == []


@pytest.mark.parametrize("error", [Fenced(), KafkaConnectionError(), Refused("why")], ids=repr)
async def test_the_end_of_a_keeper_that_was_let_go_already_changes_nothing(error: Exception) -> None:
    scene = Scene()
    await scene.assign(T0)
    task = scene.task(T0)
    scene.assignment.assigned([])
    scene.assignment._ended(task, error)
    scene.liveness.touched(now())
    await asyncio.sleep(LONG)
    assert scene.recovered == [T0], "somebody else may own it by now"
    assert scene.failures == []
    assert not scene.assignment.evicted
