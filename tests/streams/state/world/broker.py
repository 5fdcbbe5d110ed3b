"""A simulated broker: the source partition's log, and the topics that transactions write to."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from streams.decisions.breaches import Decision
from streams.decoding.batch import Batch, LastRecord
from streams.decoding.dead_letters import DeadLetter
from streams.engine.progress import Notice
from streams.state.framing import StateRow
from streams.state.processor import Commit
from tests.streams.state.world.story import Story

Write = DeadLetter | Decision | Notice | StateRow

_letters = msgspec.json.Decoder(DeadLetter).decode_lines


def writes_of(taken: Commit) -> list[Write]:
    """Everything that a transaction carries, in order."""
    return [*_letters(taken.letters), *taken.decisions, *taken.notices, *taken.rows]


class Fenced(Exception):  # noqa: N818 - what the broker says
    """Another producer has initialised the same transactional id."""


class SourceLog:
    """What can be read of a story: from ``beginning``, which retention moves, to ``end``, which producers move."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._read = self._written = 0  # positions of the first record that is there, and behind the last

    @property
    def beginning(self) -> int:
        """Offset of the first record, or where it will be."""
        return self._offset(self._read)

    @property
    def end(self) -> int:
        """Offset behind the last record."""
        return self.story.entries[self._written - 1].offset + 1 if self._written else self._offset(0)

    @property
    def caught(self) -> bool:
        """Whether the whole story is there."""
        return self._written == len(self.story.entries)

    def append(self, count: int) -> None:
        """Let producers write on."""
        self._written = min(self._written + count, len(self.story.entries))

    def retain_from(self, offset: int) -> None:
        """Drop what lies before ``offset``, though never the last record."""
        last = self._written - 1
        while self._read < last and self._offset(self._read) < offset:
            self._read += 1

    def fetch(self, offset: int, count: int) -> Batch:
        """At most ``count`` records from ``offset`` on."""
        batch = self.story.batch
        first = max(self._read, batch.position_of(offset))
        return batch.between(first, max(first, min(first + count, self._written)))

    def record(self, offset: int) -> LastRecord | None:
        """The record at ``offset``, if it is there."""
        batch = self.fetch(offset, 1)
        return LastRecord.of(batch) if len(batch) and int(batch.offsets[0]) == offset else None

    def _offset(self, position: int) -> int:
        entries = self.story.entries
        return entries[position].offset if position < len(entries) else entries[-1].offset + 1


@dataclass(slots=True)
class Transaction:
    """Writes that become visible together, or never."""

    broker: Broker
    epoch: int
    writes: list[Write] = field(default_factory=list)
    over: bool = False

    def send(self, writes: Sequence[Write]) -> None:
        """Write on. Raises `Fenced`."""
        self.broker.require(self)
        self.writes += writes
        self.broker.sent += writes

    def commit(self) -> None:
        """Make everything visible. Raises `Fenced`."""
        self.broker.require(self)
        self.over = True
        self.broker.show(self.writes)

    def abort(self) -> None:
        """Let nothing of it be visible, ever."""
        self.over = True


class Broker:
    """Topics for state and outputs, written by transactions of one transactional id."""

    def __init__(self) -> None:
        self.epoch = 0
        self.told: list[DeadLetter | Decision | Notice] = []  # committed outputs, in order
        self.rows: dict[bytes, bytes] = {}  # committed rows, the newest of each name
        self.sent: list[Write] = []  # everything, whatever became of it
        self.commits = 0
        self.refused = 0
        self.damages = 0
        self._open: Transaction | None = None

    def init(self) -> int:
        """A new epoch: whatever an earlier one has under way is aborted, whatever it will send is refused."""
        if self._open is not None:
            self._open.abort()
        self.epoch += 1
        return self.epoch

    def begin(self, epoch: int) -> Transaction:
        """Begin a transaction. Raises `Fenced`."""
        transaction = Transaction(self, epoch)
        self.require(transaction)
        self._open = transaction
        return transaction

    def require(self, transaction: Transaction) -> None:
        """Refuse transactions of earlier epochs, and those that were aborted."""
        if transaction.epoch != self.epoch or transaction.over:
            self.refused += 1
            raise Fenced

    def show(self, writes: Sequence[Write]) -> None:
        """Make ``writes`` visible."""
        self.commits += 1
        for write in writes:
            if not isinstance(write, StateRow):
                self.told.append(write)
            elif write.value is None:
                self.rows.pop(write.name, None)
            else:
                self.rows[write.name] = write.value

    def read_committed(self) -> dict[bytes, bytes]:
        """The newest committed row of each name."""
        return dict(self.rows)

    def damage(self, chance: random.Random) -> None:
        """Flip a bit of some row other than the partition row."""
        names = sorted(name for name in self.rows if name != b"p")
        if names:
            name = chance.choice(names)
            value = bytearray(self.rows[name])
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
            self.rows[name] = bytes(value)
            self.damages += 1
