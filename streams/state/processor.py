"""One owner's time with one source partition: from saved state through the log, one transaction after the other.

The order of things is the whole protocol, and every edge keeps it: fence the owner before, read what it committed,
`take_over`, `check` that the log is still the one that was folded, read it on from `PartitionProcessor.expected`,
`fold`, and carry out each `PartitionProcessor.take` whole or not at all. An owner whose transaction was refused is of
no further use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streams.decisions.breaches import Decision
from streams.decoding.batch import Batch, LastRecord
from streams.decoding.dead_letters import DeadLetter, encode_lines
from streams.engine.engine import Engine
from streams.engine.progress import Notice, NoticeType
from streams.engine.standards_log import Book
from streams.engine.start import Start
from streams.state.framing import StateRow
from streams.state.rows import FORMAT, PartitionRow, StateUnusable, peek
from streams.state.saving import Saver, rebuild, restore


class RebuildLost(Exception):  # noqa: N818 - says what became of it
    """The log has lost records that damaged state was being rebuilt from: take the partition over again."""


class LogDiffers(Exception):  # noqa: N818 - says how the log is
    """The log is not the one that saved state was made of; the message says what differs."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction carries: what is told, in the order of the log, and the rows of state, in their order.

    ``letters`` are dead letters as lines of JSON; see `streams.decoding.dead_letters`.
    """

    letters: bytes
    decisions: tuple[Decision, ...]
    notices: tuple[Notice, ...]
    rows: tuple[StateRow, ...]


@dataclass(slots=True)
class PartitionProcessor:
    """An engine, and what it has concluded since the last transaction.

    ``damaged`` names the rows of saved state that could not be read. ``letter_bytes`` and ``slices`` say how much of
    dead letters and closed slices no transaction carries yet.
    """

    engine: Engine
    saver: Saver
    damaged: tuple[str, ...] = ()
    letter_bytes: int = 0
    slices: int = 0
    _letters: list[bytes] = field(default_factory=list)
    _decisions: list[Decision] = field(default_factory=list)
    _notices: list[Notice] = field(default_factory=list)

    @property
    def expected(self) -> int:
        """Offset of the record to read next; 0: from the log's beginning."""
        return self.engine.expected or 0

    @property
    def due(self) -> bool:
        """Whether something became final that no transaction carries yet."""
        told = self.engine.dirty or self._decisions or self._notices
        # Before the first record there is no place in the log that a partition row could name.
        return bool(told) and not self.engine.restoring and self.engine.last is not None

    def check(self, beginning: int, end: int, record: LastRecord | None) -> None:
        """Make sure that the log is the one that was folded, and go over what it has lost.

        Args:
            beginning: offset of the log's first record.
            end: the offset behind its last.
            record: the one that the log has where the last record folded was, as far as it reaches back; None: none.

        Raises:
            LogDiffers: it is another log, or has lost records that were folded.
        """
        saved = self.engine.saved
        if saved is not None:
            if end <= saved.offset:
                raise LogDiffers(f"records up to offset {saved.offset} were folded, and the log ends at {end}")
            if beginning <= saved.offset and (record is None or record != saved.last):
                raise LogDiffers(f"the record at offset {saved.offset} is not the one that was folded")
        if self.engine.expected is None:
            self.engine.start_from(beginning)
        elif beginning > self.expected:
            self.skip_to(beginning)

    def skip_to(self, offset: int) -> None:
        """Go on at ``offset``, for the log no longer has the records before; an audit is told.

        Raises:
            RebuildLost: they were to be folded again in place of damaged state, of which the rest is worth more.
        """
        if self.engine.silent_until is not None:
            raise RebuildLost(f"records before offset {offset} are lost that state was being rebuilt from")
        detail = {"from": self.expected, "to": offset}
        self.engine.notice(Notice(NoticeType.GAP, self.expected, None, detail))
        self.engine.start_from(offset)

    def fold(self, batch: Batch) -> None:
        """Fold ``batch``, and keep what follows from it for the next transaction.

        Raises:
            StandardsNeeded: nothing has changed; look the standards up, and fold the same batch again.
        """
        self._keep(self.engine.fold(batch))
        self._advance()

    def _keep(self, letters: Sequence[DeadLetter]) -> None:
        """Keep ``letters`` as the text that is written.

        Kept for themselves, here and there among the objects of records that are freed, they would leave no piece of
        memory that is free as a whole: with a tenth of all records rejected, everything took a tenth longer.
        """
        if letters:
            lines = encode_lines(letters)
            self._letters.append(lines)
            self.letter_bytes += len(lines)

    def _advance(self) -> None:
        advanced = self.engine.advance()
        self._decisions += advanced.decisions
        self._notices += advanced.notices
        self.slices += len(advanced.slices)

    def take(self) -> Commit:
        """Everything since the last take, and the rows that go with it. Not while the engine is `restoring`."""
        self._advance()  # for notices that no batch brought
        taken = Commit(
            b"".join(self._letters), tuple(self._decisions), tuple(self._notices), tuple(self.saver.take(self.engine))
        )
        self._letters, self._decisions, self._notices = [], [], []
        self.letter_bytes = self.slices = 0
        return taken


def take_over(records: Mapping[bytes, bytes], start: Start, *, beginning: int) -> PartitionProcessor:
    """Begin to own a partition with the newest committed value of each of its rows; none for a partition never owned.

    Damaged rows are left out and told of; where the log, which begins at ``beginning``, still reaches back to the
    first record ever folded, everything is rebuilt from it instead. So is state of an older form, if no standards are
    lost that it was judged by.

    Raises:
        StandardsNeeded: the book is to look standards up; call again.
        StateUnusable: nothing can be made of the rows, nor be rebuilt.
    """
    if not records:
        return PartitionProcessor(Engine(start), Saver())
    row = peek(records)
    reaches = row is not None and beginning <= row.first  # the log has all that the readable row says was folded
    if row is not None and row.format < FORMAT and reaches and _are_known(row, start.book):
        return _rebuilt(
            records, start, Notice(NoticeType.FORMAT, row.offset, None, {"format": row.format, "rebuilt": True})
        )
    try:
        restored = restore(records, start)
    except StateUnusable:
        if row is None or not reaches:
            raise
        return _repaired(records, start, row.offset, ("m",))  # the catalogue
    if restored.damaged and row is not None and reaches:
        return _repaired(records, start, row.offset, restored.damaged)
    return PartitionProcessor(restored.engine, restored.saver, restored.damaged)


def _are_known(row: PartitionRow, book: Book) -> bool:
    """Whether all standards that the partition was ever judged by can be had, so that it can be judged by them again.

    Raises `StandardsNeeded`.
    """
    return all(book(named.hash) is not None for named in row.standards)


def _rebuilt(
    records: Mapping[bytes, bytes], start: Start, *notices: Notice, damaged: tuple[str, ...] = ()
) -> PartitionProcessor:
    """Begin with the log's first record again, which ``notices`` give the reason for."""
    rebuilt = rebuild(records, start)
    # Kept here: while the engine folds again what was told already it is silent.
    return PartitionProcessor(rebuilt.engine, rebuilt.saver, damaged, _notices=list(notices))


def _repaired(
    records: Mapping[bytes, bytes], start: Start, offset: int, damaged: tuple[str, ...]
) -> PartitionProcessor:
    """Rebuild what was ``damaged``, which an audit is told of."""
    notices = [Notice(NoticeType.DAMAGE, offset, None, {"row": row, "rebuilt": True}) for row in damaged]
    return _rebuilt(records, start, *notices, damaged=damaged)
