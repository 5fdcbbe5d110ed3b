"""An engine that only remembers, for what surrounds the real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from agents.batches import Fetched
from streams.columns import Batch
from streams.engine import Advanced, DeadLetter, Engine, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class FakeEngine:
    """Remembers the offsets that it was given."""

    topic: str
    number: int
    offsets: list[int] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.progress = Progress(self.topic, self.number)

    def fold(self, batch: Batch) -> list[DeadLetter]:
        if self.error is not None:
            raise self.error
        self.offsets += batch.offsets.tolist()
        self.progress.next_offset = self.offsets[-1] + 1
        return self.letters

    def advance(self) -> Advanced:
        return Advanced()


def fake_engine(topic: str, number: int) -> Engine:
    return cast("Engine", FakeEngine(topic, number))


def folded(engine: Any) -> list[int]:
    assert isinstance(engine, FakeEngine)
    return engine.offsets


def fetched(offsets: Iterable[int], *, topic: str = "t", number: int = 0, create_time: bool = False) -> Fetched:
    """Records at ``offsets``."""
    wanted = list(offsets)
    batch = Batch.of(topic, number, [str(offset).encode() for offset in wanted])
    batch.offsets[:] = wanted
    return Fetched(batch, create_time)
