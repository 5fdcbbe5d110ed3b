"""Recovery of a source partition: fence its earlier owner, read the committed state, find the offset to continue at.

The order matters. Once the writer is open, no transaction of another owner can succeed, so that what is read after that
is all that earlier owners will ever have written.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from agents.exits import Exit, Fault
from agents.kafka.bounds import LogBounds
from agents.kafka.log_reader import record_at
from agents.kafka.state_topic import read_rows
from agents.worker.partitions.owned import ANOTHER_GROUP
from streams.decoding.batch import NO_TIMESTAMP, LastRecord, SourcePartition, record_digest
from streams.engine.standards_log import StandardsNeeded
from streams.engine.start import Start
from streams.state.processor import LogDiffers, PartitionProcessor, take_over
from streams.state.rows import StateUnusable

if TYPE_CHECKING:
    from agents.control.topic import ControlTopic
    from agents.settings.settings import Settings
    from agents.worker.transactions.writer import OutputWriter
    from streams.engine.watermark import TimePolicy
    from streams.standards.model import Standards

log = logging.getLogger(__name__)

#: Kafka's code for timestamps that the producer wrote; 1 is LogAppendTime.
_CREATE_TIME: Final = 0

#: Asks where logs begin and end.
AskBounds = Callable[[Sequence[SourcePartition]], Awaitable[dict[SourcePartition, LogBounds]]]


@dataclass(frozen=True, slots=True)
class Recovered:
    """A recovered partition; ``rows`` is the number of its rows of state."""

    processor: PartitionProcessor
    writer: OutputWriter
    bounds: LogBounds
    create_time: bool | None
    rows: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """Recovers partitions.

    Args:
        settings: as resolved.
        control: knows standards by their digest.
        standards: returns those that a partition without saved state begins with.
        policy: of time, where the standards do not say otherwise.
        open_writer: fences earlier owners.
        ask_bounds: asks for the bounds of source logs.
        keeps_state: False with the embedded broker, which keeps no state.

    ``read`` counts the records of the state topic read so far, by partition.
    """

    settings: Settings
    control: ControlTopic
    standards: Callable[[], Standards]
    policy: TimePolicy
    open_writer: Callable[[SourcePartition], Awaitable[OutputWriter]]
    ask_bounds: AskBounds
    keeps_state: bool = True
    read: dict[SourcePartition, int] = field(default_factory=dict)

    async def recover(self, source: SourcePartition) -> Recovered:
        """Recover ``source``; the writer is closed on any error.

        Raises:
            Fault: the saved state does not fit the log, cannot be used, or names standards of a later version; the
                message says what to do.
            KafkaError, TimeoutError: Kafka did not answer; try again.
            Refused: Kafka does not let this client write.
        """
        writer = await self.open_writer(source)
        try:
            return await self._recover(source, writer)
        except (LogDiffers, StateUnusable) as error:
            await writer.close()
            raise _fault(source, error) from error
        except BaseException:
            await writer.close()
            raise

    async def _recover(self, source: SourcePartition, writer: OutputWriter) -> Recovered:
        rows = await read_rows(self.settings, source, partial(self._count, source)) if self.keeps_state else {}
        bounds = (await self.ask_bounds([source]))[source]
        processor = await self._processor(source, rows, bounds)
        create_time = await self._check(source, processor, bounds)
        if processor.damaged:
            log.error("%s/%s: damaged rows of state: %s.", *source, ", ".join(processor.damaged))
        return Recovered(processor, writer, bounds, create_time, len(rows))

    def _count(self, source: SourcePartition, records: int) -> None:
        self.read[source] = self.read.get(source, 0) + records

    async def _processor(
        self, source: SourcePartition, rows: dict[bytes, bytes], bounds: LogBounds
    ) -> PartitionProcessor:
        start = Start(*source, self.standards(), self.control.book, self.policy)
        while True:
            try:
                return take_over(rows, start, beginning=bounds.beginning)
            except StandardsNeeded as needed:
                await self.control.look_up(needed.hash)

    async def _check(self, source: SourcePartition, processor: PartitionProcessor, bounds: LogBounds) -> bool | None:
        """Check that the log is the one that was folded; return whether producers write its timestamps, if known."""
        saved, record = processor.engine.saved, None
        if saved is not None and bounds.beginning <= saved.offset < bounds.end:
            record = await record_at(self.settings, *source, saved.offset)
        found = None
        if record is not None:
            stamp = NO_TIMESTAMP if record.timestamp is None or record.timestamp < 0 else record.timestamp
            found = LastRecord(record.offset, stamp, record_digest(record.value))
        processor.check(bounds.beginning, bounds.end, found)
        return None if record is None else record.timestamp_type == _CREATE_TIME


def _fault(source: SourcePartition, error: LogDiffers | StateUnusable) -> Fault:
    where = f"{source.topic}/{source.partition}"
    if isinstance(error, LogDiffers):
        message = f"{where} is not the log that its saved state was made of: {error}; {ANOTHER_GROUP}"
    else:
        message = f"the saved state of {where} cannot be used: {error}; {ANOTHER_GROUP}"
    return Fault(message, Exit.STALLED)
