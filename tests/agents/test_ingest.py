from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agents.ingest import FoldError, Ingest
from agents.partitions import Bounds, Partitions, Source
from streams.engine import DeadLetter
from streams.rejections import Reason
from tests.agents.fakes import FakeEngine, fake_engine, fetched, folded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from agents.batches import Fetched


class Scene:
    """An agent of one partition, and what it asked others to do."""

    def __init__(self) -> None:
        self.partitions = Partitions(fake_engine)
        self.partitions.add(Source("t", 0), Bounds(0, 10))
        self.letters: list[DeadLetter] = []
        self.seeks: list[tuple[Source, int]] = []
        self.failures: list[Exception] = []
        self.ingest = Ingest(self.partitions, self, seek=self.seek, fail=self.failures.append)

    @property
    def engine(self) -> Any:
        return self.partitions.owned()[0].engine

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters

    async def seek(self, source: Source, offset: int) -> None:
        self.seeks.append((source, offset))

    def take(self, *batches: Fetched) -> None:
        async def stream() -> AsyncIterator[Fetched]:
            for batch in batches:
                yield batch

        asyncio.run(self.ingest.run(stream()))


def test_batches_are_folded_and_what_they_reject_becomes_dead_letters() -> None:
    scene = Scene()
    letter = DeadLetter("t", 0, 1, Reason.NOT_JSON, "", b"junk")
    scene.engine.letters = [letter]
    scene.take(fetched(range(3)), fetched(range(3, 5)))
    assert folded(scene.engine) == [0, 1, 2, 3, 4]
    assert scene.letters == [letter, letter]
    assert scene.ingest.fold_seconds > 0
    assert not scene.seeks


def test_where_records_are_missing_the_log_is_sought_and_where_they_come_again_it_is_not() -> None:
    scene = Scene()
    scene.take(fetched(range(3)), fetched(range(5, 7)), fetched(range(3)), fetched(range(3, 7)))
    assert scene.seeks == [(Source("t", 0), 3)]
    assert folded(scene.engine) == list(range(7))


def test_batches_of_a_partition_that_has_been_taken_away_are_dropped() -> None:
    scene = Scene()
    scene.partitions.keep_only(())
    scene.take(fetched(range(3)))
    assert not scene.seeks
    assert not scene.failures


def test_timestamps_of_producers_are_noted() -> None:
    scene = Scene()
    scene.take(fetched(range(3), create_time=True))
    assert scene.partitions.owned()[0].create_time


def test_an_error_of_our_own_is_told_with_its_place_and_the_batch_is_neither_passed_nor_committed() -> None:
    scene = Scene()
    assert isinstance(scene.engine, FakeEngine)
    scene.engine.error = ZeroDivisionError("oops")

    async def folding() -> bool:
        failed = asyncio.Event()

        def fail(error: Exception) -> None:
            scene.failures.append(error)
            failed.set()

        scene.ingest = Ingest(scene.partitions, scene, seek=scene.seek, fail=fail)
        task = asyncio.create_task(scene.ingest.take(fetched(range(3))))
        await failed.wait()
        await asyncio.sleep(0)
        waits = not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return waits

    assert asyncio.run(folding()), "the agent must not return: Faust would take the batch for processed"
    (failure,) = scene.failures
    assert isinstance(failure, FoldError)
    assert "t/0, offsets 0 to 2" in str(failure)
    assert "oops" in str(failure)
    assert scene.partitions.committable() == {}
