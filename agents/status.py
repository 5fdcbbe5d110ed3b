"""What a worker shows of itself. Exposition and pages read this and never import Faust."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from streams.engine import Engine
    from streams.standards.model import Standards


class State(enum.StrEnum):
    """What a worker is doing. Stalled: records are left to read or the broker does not answer, and nothing moves."""

    STARTING = "starting"
    RUNNING = "running"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far one source partition has been read.

    ``log_end`` is the offset after its last record; ``lag`` the offsets between, 0 when all has been read, control
    markers and compacted records included. Both are None until the broker has told. ``caught_up`` stays true once the
    log's end as it was at assignment has been reached.
    """

    topic: str
    partition: int
    next_offset: int
    log_end: int | None
    lag: int | None
    caught_up: bool


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at one moment.

    ``started_at`` is seconds since 1970, ``warnings`` are keys of `streams.texts.Warnings`, ``fold_seconds`` the time
    spent folding so far. ``ephemeral``: the broker runs inside the process and keeps nothing.
    """

    state: State
    started_at: float
    broker: str
    partitions: tuple[PartitionStatus, ...]
    warnings: tuple[str, ...]
    fold_seconds: float
    ephemeral: bool = False


class Observed(Protocol):
    """A worker as exposition and pages see it."""

    @property
    def standards(self) -> Standards:
        """The standards that hold now."""
        ...

    def engines(self) -> Sequence[Engine]:
        """Engines of the partitions that this worker certainly owns, in the order of topic and partition."""
        ...

    def status(self) -> WorkerStatus:
        """How the worker is."""
        ...
