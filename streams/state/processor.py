"""Process one source partition: from saved state through the log, one transaction after the other.

The protocol is an order of steps, which every caller keeps: fence the previous owner, read what it committed,
`take_over`, `check` that the log is still the one that was folded, read it on from `PartitionProcessor.expected`,
`fold`, and commit each `PartitionProcessor.take` as a whole or not at all. Discard a processor whose transaction was
refused.
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


class RebuildLost(Exception):  # noqa: N818 - describes the rebuilding
    """The log has lost records that damaged state was being rebuilt from: take the partition over again."""


class LogDiffers(Exception):  # noqa: N818 - describes the log
    """The log is not the one that saved state was made from; the message says what differs."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Content of one transaction: records to publish, in log order, and the rows of state, in their order.

    ``letters`` are dead letters as lines of JSON; see `streams.decoding.dead_letters`.
    """

    letters: bytes
    decisions: tuple[Decision, ...]
    notices: tuple[Notice, ...]
    rows: tuple[StateRow, ...]


@dataclass(slots=True)
class PartitionProcessor:
    """An engine, and its results since the last transaction.

    ``damaged`` names the rows of saved state that could not be read. ``letter_bytes`` and ``slices`` measure the dead
    letters and closed slices that no transaction carries yet.
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
        pending = self.engine.dirty or self._decisions or self._notices
        # Before the first record there is no offset that a partition row could name.
        return bool(pending) and not self.engine.restoring and self.engine.last is not None

    def check(self, beginning: int, end: int, record: LastRecord | None) -> None:
        """Check that the log is the one that was folded, and skip records that it has lost.

        Args:
            beginning: offset of the log's first record.
            end: the offset after its last.
            record: the log's record at the offset of the last record folded; None: the log no longer has it.

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
        """Go on at ``offset``, since the log no longer has the records before it; the audit is notified.

        Raises:
            RebuildLost: damaged state was being rebuilt from them; what is left of that state is worth more.
        """
        if self.engine.silent_until is not None:
            raise RebuildLost(f"records before offset {offset} are lost that state was being rebuilt from")
        detail = {"from": self.expected, "to": offset}
        self.engine.notice(Notice(NoticeType.GAP, self.expected, None, detail))
        self.engine.start_from(offset)

    def fold(self, batch: Batch) -> None:
        """Fold ``batch``, and keep the results for the next transaction.

        Raises:
            StandardsNeeded: nothing has changed; fetch the standards, then fold the same batch again.
        """
        self._keep(self.engine.fold(batch))
        self._advance()

    def _keep(self, letters: Sequence[DeadLetter]) -> None:
        """Keep ``letters`` as the text that is written.

        Kept as objects, scattered among those of freed records, they would fragment memory: with a tenth of all records
        rejected, everything took a tenth longer.
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
        """All results since the last take, and the rows that go with them. Not while the engine is `restoring`."""
        self._advance()  # collect notices that came without a batch
        taken = Commit(
            b"".join(self._letters), tuple(self._decisions), tuple(self._notices), tuple(self.saver.take(self.engine))
        )
        self._letters, self._decisions, self._notices = [], [], []
        self.letter_bytes = self.slices = 0
        return taken


def take_over(records: Mapping[bytes, bytes], start: Start, *, beginning: int) -> PartitionProcessor:
    """Start to process a partition from the newest committed value of each of its rows; none for a new partition.

    Damaged rows are left out and reported. Where the log, which begins at ``beginning``, still reaches back to the
    first record ever folded, everything is rebuilt from it instead. So is state of an older form, if all standards that
    it was judged by are still known.

    Raises:
        StandardsNeeded: the book has to fetch standards first; then call again.
        StateUnusable: the rows can be neither used nor rebuilt.
    """
    if not records:
        return PartitionProcessor(Engine(start), Saver())
    row = peek(records)
    reaches = row is not None and beginning <= row.first  # the log has every record that was folded
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
    """Whether all standards that the partition was ever judged by still exist, so that it can be judged again.

    Raises `StandardsNeeded`.
    """
    return all(book(named.hash) is not None for named in row.standards)


def _rebuilt(
    records: Mapping[bytes, bytes], start: Start, *notices: Notice, damaged: tuple[str, ...] = ()
) -> PartitionProcessor:
    """Begin with the log's first record again; ``notices`` give the reason."""
    rebuilt = rebuild(records, start)
    # Keep notices here: the engine reports nothing while it rebuilds.
    return PartitionProcessor(rebuilt.engine, rebuilt.saver, damaged, _notices=list(notices))


def _repaired(
    records: Mapping[bytes, bytes], start: Start, offset: int, damaged: tuple[str, ...]
) -> PartitionProcessor:
    """Rebuild the ``damaged`` rows, and notify the audit."""
    notices = [Notice(NoticeType.DAMAGE, offset, None, {"row": row, "rebuilt": True}) for row in damaged]
    return _rebuilt(records, start, *notices, damaged=damaged)
