from __future__ import annotations

import pytest

from agents.partitions import Bounds, Partition, Partitions, Source
from agents.status import State
from agents.watch import Stuck, Watch
from tests.agents.fakes import fake_engine, fetched

STALL, SESSION = 60.0, 10.0


def watch() -> Watch:
    return Watch(STALL, SESSION, 0.0)


def partition(*, read: int, end: int) -> Partition:
    partitions = Partitions(fake_engine)
    partitions.add(Source("t", 0), Bounds(0, end))
    (owned,) = partitions.owned()
    if read:
        owned.engine.fold(fetched(range(read)).batch)
    return owned


@pytest.mark.parametrize(
    ("touched", "settled", "read", "state"),
    [
        (100.0, False, [0, 0], State.STARTING),
        (100.0, True, [5, 5], State.RUNNING),
        (100.0, True, [1, 2], State.RUNNING),
        (100.0, True, [1, 1], State.STALLED),
        (90.0, True, [1, 1], State.STALLED),
    ],
    ids=[
        "before the first assignment it starts",
        "with everything read it runs",
        "with progress it runs",
        "unread records and no progress for the stall timeout is a stall",
        "so it is when the broker is silent too",
    ],
)
def test_state(touched: float, settled: bool, read: list[int], state: State) -> None:
    seen = watch()
    seen.look([partition(read=read[0], end=5)], 40.0)
    seen.look([partition(read=read[1], end=5)], 100.0)
    seen.touched(touched)
    assert seen.state(100.0, settled=settled) is state


def test_a_worker_that_is_silent_for_a_session_may_have_lost_its_partitions() -> None:
    seen = watch()
    seen.touched(50.0)
    assert seen.in_touch(59.9)
    assert not seen.in_touch(60.0)


def test_a_partition_that_is_stuck_for_twice_the_stall_timeout_ends_the_process_unless_the_broker_is_away() -> None:
    seen = watch()
    for now in (0.0, 60.0, 119.0):
        seen.touched(now)
        seen.look([partition(read=1, end=5)], now)
        seen.check(now)
    seen.look([partition(read=1, end=5)], 120.0)
    with pytest.raises(Stuck, match="t/0 has had unread records and no progress for 120 s"):
        seen.check(120.0)
    seen.check(130.0)


def test_a_partition_that_comes_anew_has_its_time() -> None:
    seen = watch()
    seen.look([partition(read=1, end=5)], 0.0)
    seen.look([], 50.0)
    seen.look([partition(read=1, end=5)], 100.0)
    seen.touched(150.0)
    assert seen.state(150.0, settled=True) is State.RUNNING
