"""The source partitions that this worker owns, and how far each log has been read.

An engine is a function of its partition's log alone. Therefore every record must reach it once, in offset order,
whatever Faust does at rebalances: repeated records are cut off, and where records are missing the log is sought again.
Gaps of the log itself (control markers, compaction) are recognized by the offset from which a batch was fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agents.kafka.bounds import LogBounds
from agents.status.worker import PartitionStatus
from streams.decoding.batch import SourcePartition

if TYPE_CHECKING:
    from agents.kafka.batches import Fetched
    from agents.worker.partitions.task import PartitionTask
    from streams.engine.engine import Engine


#: Advice where a log is not the one that the saved state was made of.
ANOTHER_GROUP: Final = (
    "if the log as it is now is to be judged from its beginning, start the workers with another --group"
)


class LogTruncated(Exception):  # noqa: N818 - says what happened to the log
    """A log ends before records that have been read: the topic was recreated, or has lost records."""

    def __init__(self, source: SourcePartition, read: int, end: int) -> None:
        """Name the log of ``source``, the offset ``read`` up to which it was read, and its ``end``."""
        super().__init__(
            f"{source.topic}/{source.partition} was read up to offset {read} but now ends at {end}: the topic was made"
            f" anew or has lost records, and its figures no longer follow from it; {ANOTHER_GROUP}"
        )


@dataclass(slots=True)
class OwnedPartition:
    """One owned source partition; all positions are offsets.

    ``delivered`` follows the last record that the consumer handed over, ``position`` is where it fetches next. It is
    meaningful only once ``sought``: the consumer was sent to the offset at which reading continues.
    ``create_time``: producers write the timestamps of its records; None while that is not known. ``missing``: the log
    has lost records before they were read.
    """

    source: SourcePartition
    task: PartitionTask
    beginning: int
    end_at_assignment: int
    log_end: int
    delivered: int = 0
    position: int = 0
    create_time: bool | None = None
    sought: bool = False
    caught_up: bool = False
    missing: bool = False

    @property
    def engine(self) -> Engine:
        """The engine of its task."""
        return self.task.engine

    @property
    def folded_to(self) -> int:
        """Offset after the last record folded, or folded again; 0 before the first."""
        return self.engine.expected or 0

    @property
    def expected(self) -> int:
        """Offset of the next record to fold."""
        return max(self.beginning, self.folded_to)

    @property
    def read_to(self) -> int:
        """Offset up to which the log is folded, including markers and compacted records after the last record."""
        return max(self.expected, self.position) if self.delivered <= self.expected else self.expected

    @property
    def lag(self) -> int:
        """Number of offsets up to the log's end."""
        return max(0, self.log_end - self.read_to)

    def misses(self, fetched: Fetched) -> bool:
        """Whether the log may have records between those folded and ``fetched``; do not fold ``fetched`` then."""
        return fetched.reads_from > self.expected

    def admit(self, fetched: Fetched) -> Fetched | None:
        """The part of ``fetched``, which misses nothing, that is not folded yet; None if there is none."""
        return fetched.since(self.expected) if fetched.end > self.expected else None

    def status(self) -> PartitionStatus:
        """How far the log has been read, and up to where its state is saved."""
        topic, partition = self.source
        standards = self.engine.standards.digest
        latest = self.engine.latest_standards.hash
        return PartitionStatus(
            topic,
            partition,
            self.read_to,
            self.log_end,
            self.lag,
            self.caught_up,
            recovering=self.engine.restoring,
            saved_offset=self.task.saved_offset,
            standards=standards,
            pending_standards=None if latest == standards else latest,
        )


class OwnedPartitions:
    """The owned partitions, by source partition.

    Args:
        let_go: called with every task whose partition is no longer owned.
    """

    def __init__(self, let_go: Callable[[PartitionTask], None]) -> None:
        self._let_go = let_go
        self._owned: dict[SourcePartition, OwnedPartition] = {}

    def __len__(self) -> int:
        """Number of owned partitions."""
        return len(self._owned)

    def get(self, topic: str, partition: int) -> OwnedPartition | None:
        """The owned partition, or None."""
        return self._owned.get(SourcePartition(topic, partition))

    def owned(self) -> list[OwnedPartition]:
        """All owned partitions, sorted by topic and partition."""
        return [self._owned[source] for source in sorted(self._owned)]

    def keep_only(self, assigned: Collection[tuple[str, int]]) -> None:
        """Release every partition that is not in ``assigned``."""
        dropped = [owned for source, owned in self._owned.items() if source not in assigned]
        self._owned = {source: owned for source, owned in self._owned.items() if source in assigned}
        for owned in dropped:
            self._let_go(owned.task)

    def drop(self, task: PartitionTask) -> bool:
        """Release the partition of ``task``; False if it was released before."""
        owned = self._owned.get(task.source)
        if owned is None or owned.task is not task:
            return False
        self.keep_only(self._owned.keys() - {task.source})
        return True

    def unknown(self, assigned: Iterable[tuple[str, int]]) -> list[SourcePartition]:
        """Those of ``assigned`` that have no task, sorted."""
        return sorted(SourcePartition(*source) for source in assigned if source not in self._owned)

    def add(self, task: PartitionTask, bounds: LogBounds, *, create_time: bool | None = None) -> None:
        """Own the partition of ``task``; ``bounds`` are those of its log now."""
        source = task.source
        owned = OwnedPartition(source, task, bounds.beginning, bounds.end, bounds.end, create_time=create_time)
        self._owned[source] = owned
        self._note_caught_up(owned)

    def expected(self) -> dict[SourcePartition, int]:
        """The offset at which reading continues, by partition."""
        return {source: owned.expected for source, owned in self._owned.items()}

    def sought(self, sources: Iterable[tuple[str, int]]) -> None:
        """Note that the consumer was sent to the expected offset of each of ``sources``."""
        for source in sources:
            if (owned := self.get(*source)) is not None:
                owned.sought = True

    def unsought(self) -> None:
        """Note that the consumer is about to lose its positions: it restarts at the group's offsets."""
        for owned in self._owned.values():
            owned.sought = False

    def fetched(self, topic: str, partition: int, *, delivered: int | None, position: int | None) -> None:
        """Note what the consumer handed over.

        Args:
            topic: of the partition.
            partition: its number.
            delivered: offset after the last record handed over; None if there was none.
            position: offset that the consumer fetches next; None if it does not know. Until it has been sought, that
                is the group's offset, up to which an earlier owner has folded.
        """
        owned = self.get(topic, partition)
        if owned is None:
            return
        if delivered is not None:
            owned.delivered = delivered
        if position is not None and owned.sought:
            owned.position = position
        self._note_caught_up(owned)

    def read(self) -> dict[SourcePartition, int]:
        """The offset after the last record folded, by source."""
        return {source: owned.folded_to for source, owned in self._owned.items()}

    def observe(self, logs: Mapping[SourcePartition, LogBounds], before: Mapping[SourcePartition, int]) -> None:
        """Note where logs begin and end.

        Args:
            logs: the bounds that the broker answered.
            before: the result of `read` when it was asked; more may have been read since.

        Raises:
            LogTruncated: a log ends before what has been read of it.
        """
        for source, bounds in logs.items():
            owned = self._owned.get(source)
            if owned is None:
                continue
            read = min(before.get(source, 0), owned.folded_to)
            if bounds.end < read:
                raise LogTruncated(source, read, bounds.end)
            owned.log_end = max(owned.log_end, bounds.end)
            # Markers and compaction leave gaps too, but only retention moves the beginning past unread records.
            owned.missing = owned.missing or bounds.beginning > owned.read_to

    def folded(self, owned: OwnedPartition) -> None:
        """Note that ``owned``'s engine has folded a batch."""
        owned.log_end = max(owned.log_end, owned.expected)
        self._note_caught_up(owned)

    def committable(self) -> dict[SourcePartition, int]:
        """The offsets to commit for the group: up to where each log is folded. They never decrease."""
        owned = self._owned.items()
        return {s: one.read_to for s, one in owned if one.read_to > one.beginning and not one.engine.restoring}

    def _note_caught_up(self, owned: OwnedPartition) -> None:
        reached = owned.read_to >= owned.end_at_assignment and not owned.engine.restoring
        owned.caught_up = owned.caught_up or reached
