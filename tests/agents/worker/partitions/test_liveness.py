from __future__ import annotations

import pytest

from agents.worker.partitions.liveness import Liveness, Moving, Stuck
from streams.decoding.batch import SourcePartition

STALL, SESSION = 60.0, 10.0
T0 = SourcePartition("t", 0)


def watch() -> Liveness:
    return Liveness(STALL, SESSION, 0.0)


def at(position: int, *, waiting: bool = True, why: str | None = None) -> Moving:
    return Moving(T0, position, waiting, why)


@pytest.mark.parametrize(
    ("first", "then", "stalled"),
    [
        (at(5, waiting=False), at(5, waiting=False), False),
        (at(1), at(2), False),
        (at(1), at(1), True),
        (at(1), at(1, waiting=False), False),
    ],
    ids=[
        "with nothing to do there is nothing to move for",
        "with progress it runs",
        "something to do and no progress for the stall timeout is a stall",
        "what was done in the end is no stall",
    ],
)
def test_a_stall(first: Moving, then: Moving, stalled: bool) -> None:
    seen = watch()
    seen.look([first], 40.0)
    seen.look([then], 100.0)
    assert seen.is_stalled(100.0) is stalled


def test_without_partitions_nothing_stalls() -> None:
    seen = watch()
    seen.look([], 0.0)
    assert not seen.is_stalled(1_000.0)


def test_a_worker_that_is_silent_for_a_session_may_have_lost_its_partitions() -> None:
    seen = watch()
    seen.touched(50.0)
    assert seen.in_touch(59.9)
    assert not seen.in_touch(60.0)


def test_heartbeats_that_are_told_out_of_order_do_not_go_back() -> None:
    seen = watch()
    seen.touched(50.0)
    seen.touched(20.0)
    assert seen.in_touch(59.9)


@pytest.mark.parametrize(
    ("why", "shown"), [(None, "for 120 s; start"), ("Kafka is away", r"for 120 s \(Kafka is away\); start")]
)
def test_a_partition_that_is_stuck_for_twice_the_stall_timeout_ends_the_process_unless_the_broker_is_away(
    why: str | None, shown: str
) -> None:
    seen = watch()
    for now in (0.0, 60.0, 119.0):
        seen.touched(now)
        seen.look([at(1, why=why)], now)
        seen.check(now)
    seen.look([at(1, why=why)], 120.0)
    with pytest.raises(
        Stuck, match=f"t/0 has had unread records, or an unfinished transaction, and no progress {shown}"
    ):
        seen.check(120.0)
    seen.check(130.0)


def test_a_partition_that_comes_anew_has_its_time() -> None:
    seen = watch()
    seen.look([at(1)], 0.0)
    seen.look([], 50.0)
    seen.look([at(1)], 100.0)
    assert not seen.is_stalled(150.0)
