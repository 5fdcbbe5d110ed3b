"""Where rekeying of a source partition continues, and which records after that are in the rekeyed topic already.

The metadata committed with the last transaction names a baseline: all records before it are in the rekeyed topic for
good. Which ones after it are there follows from the rekeyed topic itself, where every record names its origin. Without
such metadata (after a week without rekeyers, or if a tool committed the offset) the whole rekeyed topic is read.

Call this only after earlier owners have been fenced and their transactions have ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition

from agents.kafka.bounds import LogBounds
from agents.kafka.log_reader import record_at
from streams.decoding.batch import Batch, record_digest
from streams.decoding.rekeying import Baseline, RekeyMark, place_of, rekey

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaConsumer, ConsumerRecord

    from agents.settings.settings import Settings
    from agents.worker.rekey.offsets import Offsets
    from agents.worker.rekey.tails import Tail, TailRecord, Tails
    from streams.decoding.batch import SourcePartition
    from streams.mappings.mapping import Mapper


class RekeyImpossible(Exception):  # noqa: N818 - says what is impossible
    """Rekeying cannot continue without losing or repeating records; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where rekeying of a source partition continues.

    Args:
        offset: to read from.
        baseline: all records before its offset are rekeyed for good.
        last: by partition of the rekeyed topic, the source offset of its newest record; older ones are there already.
        reached: offset and mark of the last commit, if any, which a lower one must not replace.
        missing_from: offset of the first record that the source has lost; None: it has lost none.
    """

    offset: int
    baseline: Baseline
    last: tuple[int, ...]
    reached: tuple[int, RekeyMark] | None = None
    missing_from: int | None = None


@dataclass(frozen=True, slots=True)
class PositionFinder:
    """Finds the position of source partitions.

    Args:
        settings: as resolved.
        consumer: asks for the bounds of logs.
        offsets: reads committed offsets.
        tails: read the rekeyed topic.
    """

    settings: Settings
    consumer: AIOKafkaConsumer
    offsets: Offsets
    tails: Tails

    async def find(self, source: SourcePartition, partitions: int, mapper: Mapper | None) -> Position:
        """Find the position of ``source``.

        Args:
            source: its earlier owners have been fenced.
            partitions: number of partitions of the rekeyed topic.
            mapper: of the source's records; None: they have the wire format.

        Raises:
            RekeyImpossible: the source, or the rekeyed topic, was replaced since.
            KafkaError, TimeoutError: Kafka did not answer; fence again before the next attempt.
        """
        bounds = await self._bounds(source)
        committed = await self.offsets.committed(source)
        mark = RekeyMark.from_text(committed.metadata) if committed else None
        if committed is None or mark is None:
            return await self._from_tail(source, bounds, await self.tails.whole(source, partitions), mapper)
        if len(mark.baseline.ends) != partitions:
            raise RekeyImpossible(_moved(self.settings.rekeyed_topic, len(mark.baseline.ends), partitions))
        await self._check(source, committed.offset, bounds, lambda one: mark.matches(one.timestamp, one.value))
        tail = await self.tails.since(source, mark.baseline.ends)
        reached = committed.offset, mark
        if bounds.beginning > committed.offset:
            return Position(bounds.beginning, mark.baseline, tuple(tail.last), reached, committed.offset)
        return Position(max(mark.baseline.offset, bounds.beginning), mark.baseline, tuple(tail.last), reached)

    async def _from_tail(
        self, source: SourcePartition, bounds: LogBounds, tail: Tail, mapper: Mapper | None
    ) -> Position:
        newest, zeros = tail.newest, (0,) * len(tail.last)
        if newest is None:
            return Position(bounds.beginning, Baseline(bounds.beginning, zeros), tuple(tail.last))
        await self._check(source, newest.offset + 1, bounds, lambda one: _is_newest(one, newest, mapper))
        # The last transaction may be there in part; it has at most this many records.
        offset = max(bounds.beginning, newest.offset + 1 - self.settings.batch_records)
        missing_from = newest.offset + 1 if bounds.beginning > newest.offset + 1 else None
        return Position(offset, Baseline(offset, zeros), tuple(tail.last), None, missing_from)

    async def _bounds(self, source: SourcePartition) -> LogBounds:
        tp = TopicPartition(*source)
        beginnings: dict[Any, int] = await self.consumer.beginning_offsets([tp])
        ends: dict[Any, int] = await self.consumer.end_offsets([tp])
        return LogBounds(beginnings[tp], ends[tp])

    async def _check(
        self, source: SourcePartition, offset: int, bounds: LogBounds, is_last: Callable[[ConsumerRecord], bool]
    ) -> None:
        """Check that the log up to ``offset`` is the one that was rekeyed.

        Raises:
            RekeyImpossible: it is not.
        """
        if offset > bounds.end:
            how = f"ends at offset {bounds.end}, before {offset}, up to which it was rekeyed"
            raise RekeyImpossible(_another_log(source, how))
        if bounds.beginning < offset:
            record = await record_at(self.settings, *source, offset - 1)
            if record is not None and not is_last(record):
                raise RekeyImpossible(
                    _another_log(source, f"has another record at offset {offset - 1} than the one rekeyed")
                )


def _is_newest(record: ConsumerRecord, newest: TailRecord, mapper: Mapper | None) -> bool:
    """Whether ``record`` is the origin of the ``newest`` record in the rekeyed topic."""
    made = rekey(Batch.of(record.topic, record.partition, [record.value], record.offset), mapper).records
    return bool(made) and record_digest(made[0].value) == newest.digest


_ANEW: Final = "to rekey what it holds now from its beginning, use another --group and another --rekeyed-topic"


def _another_log(source: SourcePartition, how: str) -> str:
    return f"{place_of(*source)} {how}: the topic was made anew or has lost records; {_ANEW}"


def _moved(topic: str, before: int, now: int) -> str:
    return (
        f"{topic} had {before} partitions when rekeying began and has {now} now, so that services would move between"
        " them; use another --rekeyed-topic, made with as many as you need, and another --group"
    )
