"""Status of a worker. Exposition and pages read it, so that they need not import Faust."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agents.status.rekeying import RekeyStatus

if TYPE_CHECKING:
    from streams.calendars.periods import Window
    from streams.engine.progress import Progress
    from streams.standards.model import Standards
    from streams.views.levels import Reading


class State(enum.StrEnum):
    """State of a worker.

    Recovering: the saved state of a partition is being read, or records that it includes are being folded again.
    Stalled: there are unread records, and no progress. Evicted: its group had no heartbeat of it for a session
    time-out, or another worker owns its partitions.
    """

    STARTING = "starting"
    RECOVERING = "recovering"
    RUNNING = "running"
    STALLED = "stalled"
    EVICTED = "evicted"

    @property
    def healthy(self) -> bool:
        """Whether the process works, or is about to; else it should be restarted."""
        return self not in {State.STALLED, State.EVICTED}


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far one source partition has been read, and how far its state is saved.

    ``next_offset`` is that of the next record to fold, or to fold again; ``log_end`` the offset after the last record;
    ``lag`` the offsets between, including control markers and compacted records, 0 when all has been read. The last two
    are None until the broker has answered. ``caught_up`` stays true once the log's end as it was at assignment has been
    reached.

    ``recovering``: its figures are incomplete, since its state is being read or records before ``saved_offset`` are
    being folded again. ``saved_offset`` is the offset after the last record that a committed transaction includes; None
    if there is none, and until its state has been read. ``standards`` is the digest of those in force, and
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
        """Whether its state is still being read; the next offset is not known before."""
        return self.recovering and self.saved_offset is None

    @property
    def unsaved(self) -> int | None:
        """Offsets folded since the last committed transaction; None where there is none, and while recovering."""
        return None if self.recovering or self.saved_offset is None else max(0, self.next_offset - self.saved_offset)


@dataclass(frozen=True, slots=True)
class TransactionStatus:
    """Transactions of a process on all its partitions. ``seconds`` includes failed ones."""

    committed: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """Recoveries of partitions by a process.

    ``last_seconds`` is the duration of the last one until its figures were complete, ``last_rows`` the rows it read.
    """

    count: int = 0
    last_seconds: float | None = None
    last_rows: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at one moment.

    Args:
        state: what it is doing.
        started_at: seconds since 1970.
        broker: its addresses, as set.
        partitions: those it owns.
        warnings: keys of `Warnings`.
        fold_seconds: time spent folding so far.
        ephemeral: whether the broker runs inside the process and keeps nothing.
        transactions: of all partitions.
        recoveries: of all partitions.
        ticks: number of ticks appended.
        waits: why nothing is being read: a key of `States`, or a line as it is; None: something is being read.
        refused_standards: what is wrong with the standards file, so that earlier standards stay in force.
        rekeying: None in a process that does not rekey.
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


class EngineFigures(Protocol):
    """The figures of one source partition: an engine, or a view of one in another process."""

    @property
    def progress(self) -> Progress:
        """How far the partition has been read."""
        ...

    @property
    def standards(self) -> Standards:
        """The standards in force."""
        ...

    @property
    def never_found(self) -> Sequence[str]:
        """Paths of the topic's mapping that no record has had."""
        ...

    def cumulative(self) -> Reading:
        """Figures since the beginning of the log."""
        ...

    def read(self, window: Window, /) -> Reading:
        """Figures over ``window``."""
        ...


class MonitorView(Protocol):
    """A worker as exposition and pages see it."""

    @property
    def standards(self) -> Standards:
        """The standards of this worker's own file; those in force are the engines'."""
        ...

    def engines(self) -> Sequence[EngineFigures]:
        """Engines whose figures are complete, of partitions certainly owned, in the order of topic and partition."""
        ...

    def status(self) -> WorkerStatus:
        """Status of the worker now."""
        ...
