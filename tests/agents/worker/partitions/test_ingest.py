from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.exits import Exit, Fault
from agents.kafka.bounds import LogBounds
from agents.worker.partitions.ingest import FoldError, Ingest
from streams.decoding.batch import SourcePartition
from tests.fakes.engine import FakeTask, as_fake, fake_task, fetched, folded, partitions_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from agents.kafka.batches import Fetched
    from agents.worker.partitions.owned import OwnedPartition
    from agents.worker.partitions.task import PartitionTask

T0 = SourcePartition("t", 0)


class Scene:
    """An agent of one partition, and what it asked others to do."""

    def __init__(self) -> None:
        self.let_go: list[PartitionTask] = []
        self.partitions = partitions_of(self.let_go, p0=(0, 10))
        self.bounds: LogBounds | Exception = LogBounds(0, 10)
        self.seeks: list[tuple[SourcePartition, int]] = []
        self.failures: list[Exception] = []
        self.failed = asyncio.Event()
        self.ingest = Ingest(self.partitions, seek=self.seek, ask_bounds=self.ask_bounds, fail=self.fail)

    @property
    def owned(self) -> OwnedPartition:
        return self.partitions.owned()[0]

    @property
    def engine(self) -> Any:
        return self.owned.engine

    async def seek(self, source: SourcePartition, offset: int) -> None:
        self.seeks.append((source, offset))

    async def ask_bounds(self, sources: Sequence[SourcePartition]) -> dict[SourcePartition, LogBounds]:
        assert list(sources) == [T0]
        if isinstance(self.bounds, Exception):
            raise self.bounds
        return {T0: self.bounds}

    def fail(self, error: Exception) -> None:
        self.failures.append(error)
        self.failed.set()

    async def take(self, *batches: Fetched) -> None:
        async def stream() -> AsyncIterator[Fetched]:
            for batch in batches:
                yield batch

        await self.ingest.run(stream())


async def test_batches_are_handed_to_their_partitions_keeper() -> None:
    scene = Scene()
    await scene.take(fetched(range(3)), fetched(range(3, 5)))
    assert folded(scene.engine) == [0, 1, 2, 3, 4]
    assert scene.owned.log_end == 10
    assert not scene.seeks


async def test_where_records_are_missing_the_log_is_sought_and_where_they_come_again_it_is_not() -> None:
    scene = Scene()
    await scene.take(fetched(range(3)), fetched(range(5, 7)), fetched(range(3)), fetched(range(3, 7)))
    assert scene.seeks == [(T0, 3)]
    assert folded(scene.engine) == list(range(7))


async def test_gaps_of_the_log_are_passed_without_a_question() -> None:
    scene = Scene()
    scene.bounds = TimeoutError()
    await scene.take(fetched(range(3)), fetched(range(5, 7), reads_from=3))
    assert folded(scene.engine) == [0, 1, 2, 5, 6]
    assert not scene.owned.missing


@pytest.mark.parametrize(
    ("beginning", "reads_from", "skipped", "offsets"),
    [
        (5, 5, [5], [0, 1, 2, 5, 6]),
        (9, 5, [5], [0, 1, 2, 5, 6]),
        (4, 5, [4], [0, 1, 2]),
        (3, 5, [], [0, 1, 2]),
    ],
    ids=[
        "as far as it was read",
        "more since it was read",
        "not all that is missing, so that the rest is sought",
        "nothing of what is missing",
    ],
)
async def test_what_the_log_has_lost_is_told_to_an_audit_and_passed(
    beginning: int, reads_from: int, skipped: list[int], offsets: list[int]
) -> None:
    scene = Scene()
    scene.bounds = LogBounds(beginning, 10)
    await scene.take(fetched(range(3)), fetched(range(5, 7), reads_from=reads_from))
    assert folded(scene.engine) == offsets
    assert cast("FakeTask", scene.owned.task).skipped == skipped
    assert scene.owned.missing is bool(skipped)
    assert scene.seeks == ([] if len(offsets) == 5 else [(T0, max(3, *skipped, 0))])


async def test_a_partition_that_was_taken_over_anew_while_kafka_was_asked_is_left_alone() -> None:
    scene = Scene()

    async def ask_bounds(sources: Sequence[SourcePartition]) -> dict[SourcePartition, LogBounds]:
        scene.partitions.keep_only(())
        scene.partitions.add(fake_task(), LogBounds(0, 10))
        return dict.fromkeys(sources, LogBounds(0, 10))

    scene.ingest = Ingest(scene.partitions, seek=scene.seek, ask_bounds=ask_bounds, fail=scene.fail)
    await scene.take(fetched(range(5, 7)))
    assert not scene.seeks
    assert folded(scene.engine) == []


@pytest.mark.parametrize("error", [KafkaConnectionError(), TimeoutError()], ids=["Kafka is away", "it is silent"])
async def test_while_nobody_can_tell_what_the_log_has_lost_it_is_sought(error: Exception) -> None:
    scene = Scene()
    scene.bounds = error
    await scene.take(fetched(range(3)), fetched(range(5, 7)), fetched(range(5, 7)))
    assert folded(scene.engine) == [0, 1, 2]
    assert scene.seeks == [(T0, 3), (T0, 3)]
    scene.bounds = LogBounds(5, 10)
    await scene.take(fetched(range(5, 7)))
    assert folded(scene.engine) == [0, 1, 2, 5, 6]


async def test_batches_of_a_partition_that_has_been_taken_away_are_dropped() -> None:
    scene = Scene()
    scene.partitions.keep_only(())
    await scene.take(fetched(range(3)))
    assert not scene.seeks
    assert not scene.failures


async def test_timestamps_of_producers_are_noted() -> None:
    scene = Scene()
    await scene.take(fetched(range(3), create_time=True))
    assert scene.owned.create_time


async def fail_while_folding(scene: Scene, error: Exception) -> Exception:
    """What the process is told when ``error`` comes out of folding; the agent must not return."""
    as_fake(scene.owned).error = error
    task = scene.owned.task

    async def folding() -> bool:
        task = asyncio.create_task(scene.ingest.take(fetched(range(3))))
        await scene.failed.wait()
        await asyncio.sleep(0)
        waits = not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return waits

    assert await folding(), "Faust would take the batch for processed"
    assert scene.let_go == [task], "nothing of the batch may be carried out"
    assert scene.partitions.committable() == {}
    (failure,) = scene.failures
    return failure


async def test_an_error_of_our_own_is_told_with_its_place_and_the_batch_is_neither_passed_nor_committed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failure = await fail_while_folding(Scene(), ZeroDivisionError("oops"))
    assert isinstance(failure, FoldError)
    assert "t/0, offsets 0 to 2" in str(failure)
    assert "oops" in str(failure)
    assert "ZeroDivisionError" in caplog.text


async def test_a_fault_that_says_what_to_do_is_no_error_of_our_own(caplog: pytest.LogCaptureFixture) -> None:
    fault = Fault("standards of a later version; run that", Exit.STALLED)
    assert await fail_while_folding(Scene(), fault) is fault
    assert not caplog.records
