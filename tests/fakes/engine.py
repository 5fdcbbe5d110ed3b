"""Fakes that record what they were given, for tests of the parts around them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from agents.kafka.batches import Fetched
from agents.kafka.bounds import LogBounds
from agents.worker.partitions.owned import OwnedPartition, OwnedPartitions
from streams.decoding.batch import Batch, LastRecord, SourcePartition
from streams.decoding.dead_letters import DeadLetter
from streams.engine.closing import Advanced
from streams.engine.progress import Progress, SavedPoint
from streams.engine.standards_log import ProposedStandards, StandardsNeeded
from streams.standards.model import Standards

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.control.topic import ControlTopic
    from agents.files.standards_file import StandardsFile
    from agents.worker.partitions.task import PartitionTask
    from agents.worker.transactions.outputs import Output


@dataclass(eq=False)
class FakeEngine:
    """Records the offsets that it was given."""

    topic: str
    number: int
    offsets: list[int] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    error: Exception | None = None
    standards: Standards = field(default_factory=lambda: Standards(digest="in force"))
    latest_standards: ProposedStandards = field(default_factory=lambda: ProposedStandards("in force", 0))
    standards_history: frozenset[str] = frozenset({"in force"})
    saved: SavedPoint | None = None
    last: LastRecord | None = None
    restoring: bool = False
    tickable: bool = True

    def __post_init__(self) -> None:
        self.progress = Progress(self.topic, self.number)

    @property
    def expected(self) -> int | None:
        return self.progress.next_offset

    def fold(self, batch: Batch) -> list[DeadLetter]:
        if self.error is not None:
            raise self.error
        self.offsets += batch.offsets.tolist()
        self.progress.next_offset = self.offsets[-1] + 1
        return self.letters

    def start_from(self, offset: int) -> None:
        self.progress.next_offset = offset

    def advance(self) -> Advanced:
        return Advanced()


@dataclass(eq=False)
class FakeTask:
    """Folds into a fake engine, and saves nothing."""

    source: SourcePartition
    engine: FakeEngine
    saved_offset: int | None = None
    waits: str | None = None
    transaction_seconds: float = 0.0
    ended: bool = False
    skipped: list[int] = field(default_factory=list)

    async def fold(self, batch: Batch) -> None:
        self.engine.fold(batch)

    async def skip_to(self, offset: int) -> None:
        self.skipped.append(offset)
        self.engine.start_from(offset)

    async def drop(self) -> None:
        self.ended = True


def fake_task(topic: str = "t", number: int = 0) -> PartitionTask:
    return cast("PartitionTask", FakeTask(SourcePartition(topic, number), FakeEngine(topic, number)))


def as_fake(partition: OwnedPartition) -> FakeEngine:
    """The engine of ``partition``, which is a fake one."""
    engine: Any = partition.engine
    assert isinstance(engine, FakeEngine)
    return engine


def partitions_of(let_go: list[PartitionTask] | None = None, **bounds: tuple[int, int]) -> OwnedPartitions:
    """Partitions of topic t, by ``p0=(beginning, end)``; ``let_go`` records the tasks that are released."""
    partitions = OwnedPartitions((let_go if let_go is not None else []).append)
    for name, (beginning, end) in bounds.items():
        partitions.add(fake_task("t", int(name.removeprefix("p"))), LogBounds(beginning, end))
    return partitions


def folded(engine: Any) -> list[int]:
    assert isinstance(engine, FakeEngine)
    return engine.offsets


def fetched(
    offsets: Iterable[int],
    *,
    reads_from: int | None = None,
    topic: str = "t",
    number: int = 0,
    create_time: bool = False,
) -> Fetched:
    """Records at ``offsets``, read from ``reads_from`` on, by default from the first of them."""
    wanted = list(offsets)
    batch = Batch.of(topic, number, [str(offset).encode() for offset in wanted])
    batch.offsets[:] = wanted
    return Fetched(batch, create_time, wanted[0] if reads_from is None else reads_from)


class FakeWriter:
    """Commits transactions once its ``gate`` is open, or raises its ``errors``; ``begun`` has each as it begins."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.begun: asyncio.Queue[list[Output]] = asyncio.Queue()
        self.committed: list[list[Output]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = asyncio.Event()

    async def write(self, outputs: Sequence[Output]) -> None:
        self.begun.put_nowait(list(outputs))
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.committed.append(list(outputs))

    async def close(self) -> None:
        self.closed.set()


class FakeControl:
    """Knows some standards at once and others after a look-up, which waits for its ``gate``; records publications."""

    def __init__(self, known: Iterable[Standards] = (), hidden: Iterable[Standards] = ()) -> None:
        self.standards: dict[str, Standards | None] = {one.digest: one for one in known}
        self.hidden = {one.digest: one for one in hidden}
        self.looked_up: list[str] = []
        self.published: list[StandardsFile] = []
        self.looking = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.grown: Exception | None = None
        self.unreadable: Exception | None = None
        self.unpublishable: Exception | None = None

    @property
    def control(self) -> ControlTopic:
        return cast("ControlTopic", self)

    def book(self, digest: str) -> Standards | None:
        if digest not in self.standards:
            raise StandardsNeeded(digest)
        return self.standards[digest]

    async def look_up(self, digest: str) -> None:
        self.looking.set()
        await self.gate.wait()
        if self.unreadable is not None:
            raise self.unreadable
        self.looked_up.append(digest)
        self.standards[digest] = self.hidden.get(digest)

    async def publish(self, file: StandardsFile) -> None:
        if self.unpublishable is not None:
            raise self.unpublishable
        self.published.append(file)

    async def require_partitions(self, topic: str, found: int | None) -> None:
        del topic, found
        if self.grown is not None:
            raise self.grown
