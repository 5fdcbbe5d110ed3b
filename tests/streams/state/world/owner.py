"""An owner of the simulated partition: it drives the real protocol as an edge does, and does not know who else does.

Whoever was fenced and has not noticed is a zombie: it goes on, until it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from streams.decoding.batch import Batch
from streams.engine.standards_log import StandardsNeeded
from streams.standards.model import Standards
from streams.state.processor import Commit, PartitionProcessor, take_over
from tests.streams.state.world.broker import Broker, Fenced, SourceLog, Transaction, Write, writes_of
from tests.streams.state.world.schedule import Do
from tests.streams.state.world.story import BOOK, FIRST

Result = TypeVar("Result")


class Owner:
    """One process that may own the partition."""

    def __init__(self, log: SourceLog, broker: Broker) -> None:
        self.log = log
        self.broker = broker
        self.epoch = 0
        self.begun: int | None = None  # the last record of the state that it began with last
        self.processor: PartitionProcessor | None = None
        self.position = 0  # of the consumer
        self.gap: tuple[int, int] | None = None  # seen once, not yet believed
        self.under_way: tuple[Transaction, Sequence[Write]] | None = None
        self.alive = False
        self._known: dict[str, Standards | None] = {}

    # -- the life of an owner ---------------------------------------------------------------------------------------

    def take_over(self) -> None:
        """Fence whoever owns the partition; the state is read with the next step."""
        self.crash()
        self.alive = True
        self.epoch = self.broker.init()

    def crash(self) -> None:
        """Forget everything."""
        self.alive = False
        self.processor = self.gap = self.under_way = None
        self._known = {FIRST.digest: FIRST}

    def recover(self) -> PartitionProcessor:
        """Read what is committed, and make sure that the log fits."""
        log, rows = self.log, self.read_state()
        start = log.story.start(self.book)
        processor = self.asking(lambda: take_over(rows, start, beginning=log.beginning))
        saved = processor.engine.saved
        processor.check(log.beginning, log.end, None if saved is None else log.record(saved.offset))
        self.processor, self.position = processor, processor.expected
        self.begun = saved.offset if saved else None
        return processor

    def read_state(self) -> dict[bytes, bytes]:
        """The rows that recovery begins with."""
        return self.broker.read_committed()

    def book(self, digest: str) -> Standards | None:
        """Standards that this process has looked up so far."""
        if digest not in self._known:
            raise StandardsNeeded(digest)
        return self._known[digest]

    def asking(self, what: Callable[[], Result]) -> Result:
        """Do ``what``, and look up the standards that it needs."""
        while True:
            try:
                return what()
            except StandardsNeeded as needed:
                self._known[needed.hash] = BOOK.get(needed.hash)

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, count: int) -> None:
        """Fetch from where the consumer stands, and fold what continues the log; recover before, if need be."""
        if not self.alive:
            return
        processor = self.processor or self.recover()
        fetched = self.log.fetch(self.position, count)
        if len(fetched) and self.is_expected(processor, int(fetched.offsets[0]), int(fetched.offsets[-1])):
            self.fold(processor, fetched)
            self.position = int(fetched.offsets[-1]) + 1
        else:
            self.position = processor.expected

    def is_expected(self, processor: PartitionProcessor, first: int, last: int) -> bool:
        """Whether records at ``first`` to ``last`` go on where the engine stands; a gap is believed the second time."""
        expected = processor.expected
        if first > expected and self.gap != (expected, first):
            self.gap = expected, first
            return False
        if first > expected and self.log.beginning > expected:
            processor.skip_to(self.log.beginning)
        return last >= expected

    def fold(self, processor: PartitionProcessor, batch: Batch) -> None:
        """Fold ``batch``."""
        self.asking(lambda: processor.fold(batch))

    # -- transactions -------------------------------------------------------------------------------------------------

    def commit(self, how: Do) -> None:
        """Carry out what follows from everything folded, or what is under way already, with what happens to it."""
        try:
            if self.under_way is not None:
                transaction, rest = self.under_way
                self.under_way = None
                self.end(transaction, rest, how)
            elif self.alive:
                processor = self.processor or self.recover()
                if not processor.engine.restoring and processor.engine.last is not None:
                    self.carry_out(processor.take(), how)
        except Fenced:
            self.crash()

    def carry_out(self, taken: Commit, how: Do) -> None:
        """Write everything in one transaction."""
        self.write(writes_of(taken), how)

    def write(self, writes: Sequence[Write], how: Do) -> None:
        """Write all of ``writes``, or begin to."""
        transaction = self.broker.begin(self.epoch)
        half = len(writes) // 2
        transaction.send(writes[:half])
        if how is Do.COMMIT_PAUSE:
            self.under_way = transaction, writes[half:]
        else:
            self.end(transaction, writes[half:], how)

    def end(self, transaction: Transaction, rest: Sequence[Write], how: Do) -> None:
        """Write the ``rest``, and commit."""
        if how is Do.COMMIT_CRASH:
            self.crash()
            return
        transaction.send(rest)
        if how is Do.COMMIT_FAILED:
            transaction.abort()
        else:
            transaction.commit()
        if how in (Do.COMMIT_FAILED, Do.COMMIT_LOST):
            self.lose_answer(transaction)

    def lose_answer(self, _: Transaction) -> None:
        """Nobody knows what became of a transaction: begin anew, from what is committed."""
        self.take_over()
