"""What a worker shows of itself. Exposition and pages read this and never import Faust."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agents.status.rekeying import RekeyStatus

if TYPE_CHECKING:
    from streams.engine.engine import Engine
    from streams.standards.model import Standards


class State(enum.StrEnum):
    """What a worker is doing.

    Recovering: the saved state of a partition is being read, or records that it includes are being folded again.
    Stalled: records are left to read and nothing moves. Evicted: its group has not heard of it for a session time-out,
    or another worker owns what it owned.
    """

    STARTING = "starting"
    RECOVERING = "recovering"
    RUNNING = "running"
    STALLED = "stalled"
    EVICTED = "evicted"

    @property
    def healthy(self) -> bool:
        """Whether the process does what it is there for, or is about to; else it wants to be started again."""
        return self not in {State.STALLED, State.EVICTED}


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far one source partition has been read, and how far its state is saved.

    ``next_offset`` is that of the next record to fold, be it again; ``log_end`` the offset after the last record;
    ``lag`` the offsets between, 0 when all has been read, control markers and compacted records included. The last two
    are None until the broker has told. ``caught_up`` stays true once the log's end as it was at assignment has been
    reached.

    ``recovering``: its figures are not complete, since its state is being read or records before ``saved_offset`` are
    folded again. ``saved_offset`` is the offset after the last record that a committed transaction includes; None where
    there is none, and until its state has been read. ``standards`` is the digest of those in force, and
    ``pending_standards`` of those that take effect at the next slice end; None where nothing is known, or pending.
    """

    topic: str
    partition: int
    next_offset: int
    log_end: int | None
    lag: int | None
    caught_up: bool
    recovering: bool = False
    saved_offset: int | None = None
    standards: str | None = None
    pending_standards: str | None = None

    @property
    def state_unread(self) -> bool:
        """Whether its state is still being read, so that not even the next offset is known."""
        return self.recovering and self.saved_offset is None

    @property
    def unsaved(self) -> int | None:
        """Offsets folded since the last committed transaction; None where there is none, and while recovering."""
        return None if self.recovering or self.saved_offset is None else max(0, self.next_offset - self.saved_offset)


@dataclass(frozen=True, slots=True)
class TransactionStatus:
    """The transactions of a process on all its partitions. ``seconds`` counts those that failed too."""

    committed: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """Take-overs of partitions by a process.

    The last two are of the last one: from its beginning until figures were complete, and how many rows it read.
    """

    count: int = 0
    last_seconds: float | None = None
    last_rows: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at one moment.

    ``started_at`` is seconds since 1970, ``warnings`` are keys of `streams.texts.Warnings`, ``fold_seconds`` the time
    spent folding so far, ``ticks`` how many were appended. ``ephemeral``: the broker runs inside the process and keeps
    nothing. ``waits`` says why nothing is read at the moment: a key of `streams.texts.States`, or one line as it is.
    ``refused_standards`` is what is wrong with the standards file, so that earlier standards stay. ``rekeying`` is None
    in a process that does not rekey.
    """

    state: State
    started_at: float
    broker: str
    partitions: tuple[PartitionStatus, ...]
    warnings: tuple[str, ...]
    fold_seconds: float
    ephemeral: bool = False
    transactions: TransactionStatus = field(default_factory=TransactionStatus)
    recoveries: RecoveryStatus = field(default_factory=RecoveryStatus)
    ticks: int = 0
    waits: str | None = None
    refused_standards: str | None = None
    rekeying: RekeyStatus | None = None


class MonitorView(Protocol):
    """A worker as exposition and pages see it."""

    @property
    def standards(self) -> Standards:
        """The standards of this worker's own file; those in force are the engines'."""
        ...

    def engines(self) -> Sequence[Engine]:
        """Engines whose figures are complete, of partitions certainly owned, in the order of topic and partition."""
        ...

    def status(self) -> WorkerStatus:
        """How the worker is."""
        ...
