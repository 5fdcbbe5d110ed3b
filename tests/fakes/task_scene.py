"""A partition task with a real engine and rows, and a writer whose transactions a test can hold back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from agents.kafka.state_topic import state_prefix
from agents.settings.settings import Settings
from agents.worker.partitions.task import PartitionTask, TaskTotals
from agents.worker.transactions.outputs import Output
from streams.decoding.batch import Batch, SourcePartition
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.standards.model import Standards
from streams.state.processor import take_over
from tests.fakes.clock import now
from tests.fakes.engine import FakeControl, FakeWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE: Final = SourcePartition("events", 0)
SETTINGS: Final = Settings.resolve({})
STANDARDS: Final = Standards(digest="first")
OTHERS: Final = Standards(digest="second")
T0_MS: Final = 1_772_438_400_000
JUNK: Final = b"junk"
PREFIX: Final = state_prefix(SOURCE, SETTINGS.group)
#: Seconds, much longer than every interval of the task.
LONG: Final = 600.0


class Scene:
    """A partition task, and what it made of the batches that it was given."""

    def __init__(
        self,
        *errors: Exception,
        rows: Mapping[bytes, bytes] | None = None,
        lateness_ms: int = 0,
        hidden: Sequence[Standards] = (),
        offset: int = 0,
    ) -> None:
        self.control = FakeControl([STANDARDS], hidden)
        self.writer = FakeWriter(*errors)
        self.totals = TaskTotals()
        self.ends: list[tuple[PartitionTask, Exception]] = []
        self.ended = asyncio.Event()
        self.offset = offset
        start = Start(*SOURCE, STANDARDS, self.control.book, TimePolicy(lateness_ms, 300_000))
        self.processor = take_over(rows or {}, start, beginning=0)
        if not rows:
            self.processor.check(0, 0, None)
        self.task = PartitionTask(
            SOURCE,
            SETTINGS,
            self.processor,
            self.writer,
            control=self.control.control,
            totals=self.totals,
            on_end=self.on_end,
            clock=now,
        )

    def on_end(self, task: PartitionTask, error: Exception) -> None:
        self.ends.append((task, error))
        self.ended.set()

    async def fold(self, *values: bytes, second: int = 0) -> None:
        """Fold the next records, all stamped with the same second."""
        first, self.offset = self.offset, self.offset + len(values)
        stamps = [T0_MS + second * 1_000] * len(values)
        await self.task.fold(Batch.of(*SOURCE, values, first, stamps))

    async def close_slice(self, second: int) -> None:
        """Fold an event in the slice that begins at ``second``, and one after it, so that the slice becomes final."""
        await self.fold(event(second), second=second)
        await self.fold(event(second + 10), second=second + 10)

    async def transaction(self) -> list[Output]:
        """The outputs of the next transaction, once it has begun."""
        return await self.writer.begun.get()

    async def nothing_begins(self, seconds: float = LONG) -> bool:
        """Whether no transaction begins within ``seconds``."""
        try:
            await asyncio.wait_for(self.transaction(), seconds)
        except TimeoutError:
            return True
        return False


def event(second: int) -> bytes:
    return json.dumps({"service": "s", "time": T0_MS / 1_000 + second, "duration": 1}).encode()


def letters(outputs: Sequence[Output]) -> list[int]:
    """Offsets of the dead letters in ``outputs``."""
    records = [json.loads(one.value or b"") for one in outputs if one.topic == SETTINGS.dead_letters_topic]
    return [letter["offset"] for record in records for letter in record["letters"]]


def rows(outputs: Sequence[Output]) -> dict[bytes, bytes | None]:
    """Rows of state in ``outputs``, by name."""
    return {one.key.removeprefix(PREFIX): one.value for one in outputs if one.topic == SETTINGS.state_topic}


def slices(outputs: Sequence[Output]) -> list[int]:
    """Seconds at which the closed slices in ``outputs`` begin."""
    names = sorted(name.decode() for name in rows(outputs) if name.startswith(b"s/c/"))
    return [(int(name.split("/")[-1]) - T0_MS) // 1_000 for name in names]
