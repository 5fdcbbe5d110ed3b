from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.kafka.batches import Fetched
from agents.kafka.bounds import LogBounds
from agents.worker.partitions.owned import LogTruncated, OwnedPartition, OwnedPartitions
from streams.decoding.batch import SourcePartition
from streams.engine.standards_log import ProposedStandards
from tests.fakes.engine import as_fake, fake_task, fetched, folded, partitions_of

if TYPE_CHECKING:
    from agents.worker.partitions.task import PartitionTask

T0, T1 = SourcePartition("t", 0), SourcePartition("t", 1)


def one(beginning: int = 0, end: int = 10) -> tuple[OwnedPartitions, OwnedPartition]:
    partitions = partitions_of(p0=(beginning, end))
    return partitions, partitions.owned()[0]


def deliver(partitions: OwnedPartitions, partition: OwnedPartition, batch: Fetched) -> bool:
    """Hand a batch over as the agent does; tells whether the log must be sought."""
    if partition.misses(batch):
        return True
    if admitted := partition.admit(batch):
        partition.engine.fold(admitted.batch)
        partitions.folded(partition)
    return False


def observe(partitions: OwnedPartitions, beginning: int, end: int) -> None:
    partitions.observe({T0: LogBounds(beginning, end)}, partitions.read())


@pytest.mark.parametrize(
    ("beginning", "deliveries", "expected", "seeks"),
    [
        (0, [range(3), range(3, 5)], [0, 1, 2, 3, 4], 0),
        (5, [range(5, 8)], [5, 6, 7], 0),
        (0, [range(3), range(3)], [0, 1, 2], 0),
        (0, [range(4), range(2, 6)], [0, 1, 2, 3, 4, 5], 0),
        (0, [range(2, 4), range(4), range(4, 5)], [0, 1, 2, 3, 4], 1),
        (0, [range(3), range(5, 7), range(5, 7)], [0, 1, 2], 2),
        (0, [range(5, 7), range(3), range(3, 5), range(5, 7)], [0, 1, 2, 3, 4, 5, 6], 1),
    ],
    ids=[
        "batches that follow each other are folded",
        "a log that begins later is read from there",
        "a batch that comes twice is folded once",
        "of a batch that overlaps only the new records are folded",
        "what comes before its time is dropped and comes again",
        "however often the same records get lost on the way",
        "what was under way is dropped, and comes again in its place",
    ],
)
def test_what_is_folded(beginning: int, deliveries: list[range], expected: list[int], seeks: int) -> None:
    partitions, partition = one(beginning)
    assert sum(deliver(partitions, partition, fetched(batch)) for batch in deliveries) == seeks
    assert folded(partition.engine) == expected


def test_offsets_that_the_log_has_no_records_at_are_passed() -> None:
    partitions, partition = one()
    assert not any(deliver(partitions, partition, b) for b in [fetched(range(3)), fetched(range(5, 7), reads_from=3)])
    assert folded(partition.engine) == [0, 1, 2, 5, 6]


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 2**32))
@example(set(range(13)), 346)  # the same batch gets lost twice
def test_whatever_is_lost_or_repeated_on_the_way_each_record_is_folded_once_in_order(
    offsets: set[int], seed: int
) -> None:
    """A consumer that reads on from its position, hands batches over late, loses them at rebalances, and is sought."""
    log, chance = sorted(offsets), random.Random(seed)
    partitions, partition = one(beginning=0, end=log[-1] + 1)
    queue: list[Fetched] = []
    position, troubles = 0, 12
    for _ in range(2_000):
        if partition.expected > log[-1]:
            break
        ahead = [offset for offset in log if offset >= position]
        action = chance.choice(["fetch", "take", "lose", "rebalance"] if troubles else ["fetch", "take"])
        if action == "fetch" and ahead and len(queue) < 3:
            batch = ahead[: chance.randint(1, 8)]
            queue.append(fetched(batch, reads_from=position))
            position = batch[-1] + 1
        elif action == "take" and queue:
            if deliver(partitions, partition, queue.pop(0)):
                position = partition.expected
        elif action == "lose" and len(queue) > 1:
            queue.pop(0)  # not the last one: behind it comes nothing that could tell
            troubles -= 1
        elif action == "rebalance":
            troubles -= 1
            # Faust clears its queues, but what the agent holds already still comes.
            queue = queue[:1]
            position = partition.expected
    assert folded(partition.engine) == log


def test_kept_partitions_go_on_and_the_keepers_of_others_are_let_go() -> None:
    let_go: list[PartitionTask] = []
    partitions = partitions_of(let_go, p0=(0, 5), p1=(0, 5))
    dropped, kept = partitions.owned()
    deliver(partitions, kept, fetched(range(3), number=1))
    partitions.keep_only({("t", 1), ("t", 2)})
    assert partitions.get("t", 0) is None
    assert partitions.owned() == [kept]
    assert let_go == [dropped.task]
    assert partitions.expected() == {T1: 3}
    assert partitions.unknown({("t", 1), ("t", 2)}) == [SourcePartition("t", 2)]


def test_a_partition_that_comes_back_starts_anew() -> None:
    partitions, partition = one()
    deliver(partitions, partition, fetched(range(3)))
    partitions.keep_only(())
    partitions.add(fake_task(), LogBounds(0, 5))
    assert partitions.expected() == {T0: 0}


def test_a_keeper_that_ends_takes_its_own_partition_with_it_and_no_successors() -> None:
    let_go: list[PartitionTask] = []
    partitions = partitions_of(let_go, p0=(0, 5), p1=(0, 5))
    ended = partitions.owned()[0].task
    assert partitions.drop(ended)
    assert [one.source for one in partitions.owned()] == [T1]
    partitions.add(fake_task(), LogBounds(0, 5))
    assert not partitions.drop(ended)
    assert let_go == [ended]
    assert len(partitions) == 2


def test_caught_up_is_having_reached_the_end_that_was_seen_at_assignment_and_stays() -> None:
    partitions, partition = one(end=4)
    deliver(partitions, partition, fetched(range(3)))
    assert not partition.caught_up
    deliver(partitions, partition, fetched([3]))
    assert partition.caught_up
    observe(partitions, 0, 50)
    status = partition.status()
    assert (status.caught_up, status.lag, status.log_end, status.next_offset) == (True, 46, 50, 4)


def test_an_empty_log_is_caught_up_at_once() -> None:
    assert one(beginning=7, end=7)[1].caught_up


def test_markers_behind_the_last_record_are_neither_lag_nor_left_uncommitted() -> None:
    partitions, partition = one(end=4)
    partitions.sought([T0])
    partitions.fetched("t", 0, delivered=3, position=4)
    assert partition.lag == 4, "handed over is not folded"
    deliver(partitions, partition, fetched(range(3)))
    assert (partition.lag, partition.caught_up) == (0, True)
    assert partitions.committable() == {T0: 4}


def test_what_was_handed_over_but_lost_is_neither_read_nor_committed() -> None:
    partitions, partition = one(end=9)
    partitions.sought([T0])
    deliver(partitions, partition, fetched(range(3)))
    partitions.fetched("t", 0, delivered=9, position=9)
    assert partitions.committable() == {T0: 3}
    assert partition.lag == 6


def test_where_the_consumer_stands_before_it_is_sent_to_its_place_says_nothing() -> None:
    partitions, partition = one(end=4)
    partitions.fetched("t", 0, delivered=None, position=4)
    assert (partition.lag, partition.caught_up, partitions.committable()) == (4, False, {})
    partitions.sought([T0, T1])
    partitions.fetched("t", 0, delivered=None, position=4)
    assert (partition.lag, partition.caught_up, partitions.committable()) == (0, True, {T0: 4})


def test_places_from_before_a_rebalance_say_nothing_after_it() -> None:
    partitions, partition = one(end=4)
    partitions.sought([T0])
    partitions.unsought()
    partitions.fetched("t", 0, delivered=None, position=4)
    assert (partition.lag, partition.caught_up) == (4, False)
    partitions.sought([T0])
    partitions.fetched("t", 0, delivered=None, position=0)
    assert (partition.lag, partition.caught_up) == (4, False)


def test_nothing_is_committed_before_something_was_read() -> None:
    assert one(beginning=5)[0].committable() == {}


def test_a_log_that_ends_before_what_was_read_is_another_log() -> None:
    partitions, partition = one()
    deliver(partitions, partition, fetched(range(5)))
    observe(partitions, 0, 5)
    with pytest.raises(LogTruncated, match="t/0 was read up to offset 5 but now ends at 4"):
        observe(partitions, 0, 4)


def test_an_answer_of_the_broker_that_records_have_overtaken_is_no_other_log() -> None:
    partitions, partition = one()
    before = partitions.read()
    deliver(partitions, partition, fetched(range(5)))
    partitions.observe({T0: LogBounds(0, 3)}, before)
    assert partition.log_end == 10


def test_records_that_retention_took_away_unread_are_noted() -> None:
    partitions, partition = one()
    deliver(partitions, partition, fetched(range(5)))
    observe(partitions, 5, 9)
    assert not partition.missing
    observe(partitions, 6, 9)
    assert partition.missing


def test_reports_about_partitions_that_are_gone_are_ignored() -> None:
    partitions = partitions_of()
    partitions.fetched("t", 0, delivered=1, position=1)
    observe(partitions, 0, 4)
    assert len(partitions) == 0


def test_while_records_are_folded_again_nothing_is_committed_and_nothing_is_caught_up() -> None:
    partitions, partition = one(end=3)
    as_fake(partition).restoring = True
    deliver(partitions, partition, fetched(range(5)))
    assert partitions.committable() == {}
    assert not partition.caught_up
    assert partition.status().recovering
    as_fake(partition).restoring = False
    deliver(partitions, partition, fetched([5]))
    assert partitions.committable() == {T0: 6}
    assert partition.caught_up


def test_what_is_saved_and_which_standards_hold_and_are_about_to_are_shown() -> None:
    _, partition = one()
    engine, task = as_fake(partition), partition.task
    assert partition.status().pending_standards is None
    engine.latest_standards = ProposedStandards("next", 1)
    task.saved_offset = 3
    status = partition.status()
    assert (status.saved_offset, status.standards, status.pending_standards) == (3, "in force", "next")


def test_a_log_is_read_on_from_where_saved_state_ends() -> None:
    partitions = partitions_of()
    task = fake_task()
    task.engine.start_from(40)
    partitions.add(task, LogBounds(10, 50), create_time=False)
    (partition,) = partitions.owned()
    assert (partition.expected, partition.lag, partition.create_time) == (40, 10, False)
