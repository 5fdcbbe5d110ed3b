"""An assignment with real tasks of real engines; recoveries and the group follow the test's script."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, cast

from agents.kafka.bounds import LogBounds
from agents.settings.settings import Settings
from agents.worker.partitions.assignment import Assignment
from agents.worker.partitions.liveness import Liveness
from agents.worker.partitions.recovery import Recovered
from streams.decoding.batch import Batch, SourcePartition
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.standards.model import Standards
from streams.state.processor import PartitionProcessor, take_over
from tests.fakes.clock import now
from tests.fakes.engine import FakeControl, FakeWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.worker.partitions.task import PartitionTask

T0, T1 = SourcePartition("t", 0), SourcePartition("t", 1)
SETTINGS: Final = Settings.resolve({"session_timeout": "10s"})
SESSION: Final = SETTINGS.session_timeout
T0_MS: Final = 1_772_438_400_000
LONG: Final = 600.0


class Scene:
    """A worker's assignment of partitions of topic t, with a heartbeat at the beginning."""

    def __init__(self) -> None:
        self.control = FakeControl([Standards()])
        self.liveness = Liveness(60.0, SESSION, now())
        self.member = ("me", 1)
        self.begun: list[tuple[SourcePartition, int]] = []
        self.left_alone: list[SourcePartition] = []
        self.failures: list[Exception] = []
        self.recovered: list[SourcePartition] = []
        self.writers: dict[SourcePartition, FakeWriter] = {}
        self.refuse: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.read: dict[SourcePartition, int] = {}  # as of a `Recovery`
        self.assignment = Assignment(
            SETTINGS,
            control=self.control.control,
            recovery=cast("Any", self),
            liveness=self.liveness,
            reader=self,
            fail=self.failures.append,
            clock=now,
        )

    async def begin(self, source: SourcePartition, offset: int) -> None:
        self.begun.append((source, offset))

    async def seek_again(self, source: SourcePartition, offset: int) -> None:
        raise NotImplementedError

    async def bounds(self, sources: Sequence[SourcePartition]) -> dict[SourcePartition, LogBounds]:
        raise NotImplementedError

    def leave_alone(self, source: SourcePartition) -> None:
        self.left_alone.append(source)

    def membership(self) -> tuple[str, int]:
        return self.member

    def topic_partitions(self, topic: str) -> int | None:
        del topic
        return 2

    def recovery(self, source: SourcePartition, damaged: tuple[str, ...] = ()) -> Recovered:
        processor = take_over({}, Start(*source, Standards(), self.control.book, TimePolicy(0)), beginning=0)
        processor.check(5, 9, None)
        writer = self.writers[source] = FakeWriter()
        return Recovered(
            PartitionProcessor(processor.engine, processor.saver, damaged),
            writer,
            LogBounds(5, 9),
            create_time=False,
            rows=3,
        )

    async def recover(self, source: SourcePartition) -> Recovered:
        await self.gate.wait()
        if self.refuse is not None:
            raise self.refuse
        self.recovered.append(source)
        return self.recovery(source)

    async def assign(self, *sources: SourcePartition, generation: int | None = None, member: str = "me") -> None:
        """The group assigns ``sources``, and the consumer's seek starts the recoveries of those without a task."""
        before = self.member[1]
        self.member = (member, before + 1 if generation is None else generation)
        self.liveness.touched(now())
        self.assignment.assigned(sources)
        self.assignment.want(self.assignment.partitions.unknown(sources))
        await asyncio.sleep(0.5)

    def task(self, source: SourcePartition) -> PartitionTask:
        owned = self.assignment.partitions.get(*source)
        assert owned is not None
        return owned.task

    async def lose(self, source: SourcePartition, error: Exception) -> None:
        """Make a transaction of ``source`` fail with ``error``."""
        self.writers[source].errors.append(error)
        task = self.task(source)
        values = [json.dumps({"service": "s", "time": T0_MS / 1_000 + second}).encode() for second in (0, 10)]
        await task.fold(Batch.of(*source, values, 5, [T0_MS, T0_MS + 10_000]))
        await asyncio.sleep(0.5)
        assert task.ended

    def owned(self) -> list[SourcePartition]:
        return [one.source for one in self.assignment.partitions.owned()]
