"""Makes aiokafka return fetched records as columns, or as pairs of keys and values, without an object for each record.

aiokafka makes two objects of every record, which takes longer than to decode and count it. Here one list is made for
each batch of the log; offsets and timestamps are derived from the batch's header where possible. This is the only
module that replaces the iterator over a partition's fetched bytes. `tests/agents/kafka/test_fetching.py` compares its
results with those of aiokafka's own iterator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from agents.kafka.batches import Fetched
from streams.decoding.batch import NO_TIMESTAMP, Batch

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

#: Kafka's code for timestamps that the producer wrote; 1 is LogAppendTime.
_CREATE_TIME: Final = 0
#: The format of batches since Kafka 0.11, whose header is complete.
_MAGIC: Final = 2

#: Key and value of a record.
Pair = tuple[bytes | None, bytes | None]

_value: Final = attrgetter("value")
_offset: Final = attrgetter("offset")
_timestamp: Final = attrgetter("timestamp")


def fetch_columns(consumer: AIOKafkaConsumer, most_records: int) -> None:
    """Let ``consumer``, which has been started, return `Fetched` of at most ``most_records`` instead of records.

    Its option ``max_poll_records`` then counts `Fetched`.
    """
    empty: dict[TopicPartition, range] = {}
    _fetch_as(consumer, lambda fresh: PartitionColumns.of(fresh, most_records, empty))


def fetch_pairs(consumer: AIOKafkaConsumer) -> None:
    """Let ``consumer``, which has been started, return lists of pairs, one for each batch of the log."""
    _fetch_as(consumer, PartitionPairs.taken)


def _fetch_as(consumer: AIOKafkaConsumer, take: Callable[[PartitionRecords], PartitionRecords]) -> None:
    fetcher: Any = consumer._fetcher  # noqa: SLF001 - see above
    process = fetcher._proc_fetch_request  # noqa: SLF001

    async def process_otherwise(*args: Any) -> bool:  # noqa: ANN401 - handed on
        # There is no await between aiokafka's own processing and this.
        wakeup: bool = await process(*args)
        for result in fetcher._records.values():  # noqa: SLF001
            if isinstance(result, FetchResult) and type(result._partition_records) is PartitionRecords:  # noqa: SLF001
                result._partition_records = take(result._partition_records)  # noqa: SLF001
        return wakeup

    fetcher._proc_fetch_request = process_otherwise  # noqa: SLF001


class _PartitionBatches(PartitionRecords):  # type: ignore[misc]  # aiokafka is not typed here
    """The batches of one partition in one response; ``next_fetch_offset`` follows the records returned last."""

    next_fetch_offset: int

    @classmethod
    def taken(cls, fresh: PartitionRecords) -> Self:
        """The same records as ``fresh``, of which none may have been taken."""
        return cls(
            fresh._tp,  # noqa: SLF001
            fresh._records,  # noqa: SLF001
            fresh._aborted_transactions,  # noqa: SLF001
            fresh.next_fetch_offset,
            None,
            None,
            fresh._check_crcs,  # noqa: SLF001
            fresh._isolation_level,  # noqa: SLF001
        )

    def _counts(self, log_batch: Any) -> bool:  # noqa: ANN401 - of compiled code
        """Whether readers get the records of ``log_batch``: no control batch, and not of an aborted transaction."""
        producer = log_batch.producer_id
        if self._isolation_level == READ_COMMITTED and producer is not None:
            self._consume_aborted_up_to(log_batch.base_offset)
            if log_batch.is_control_batch and self._contains_abort_marker(log_batch):
                self._aborted_producers.discard(producer)
            if log_batch.is_transactional and producer in self._aborted_producers:
                return False
        return not log_batch.is_control_batch


class PartitionPairs(_PartitionBatches):
    """The records of one partition in one response, as one list of `Pair` for each batch."""

    def _unpack_records(self) -> Iterator[list[Pair]]:
        while self._records.has_next():
            log_batch = self._records.next_batch()
            if self._check_crcs and not log_batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            position = self.next_fetch_offset
            counts = self._counts(log_batch)
            pairs = [(one.key, one.value) for one in log_batch if one.offset >= position] if counts else []
            self.next_fetch_offset = max(position, log_batch.next_offset)
            if pairs:
                yield pairs


class PartitionColumns(_PartitionBatches):
    """The records of one partition in one response, as `Fetched`."""

    most_records: int
    empty: dict[TopicPartition, range]
    _read_from: int

    @classmethod
    def of(cls, fresh: PartitionRecords, most_records: int, empty: dict[TopicPartition, range]) -> Self:
        """The same records as ``fresh``, of which none may have been taken.

        ``empty`` has, by partition, the offsets after the last records that held nothing for readers: a whole response
        may consist of transaction markers, and the next `Fetched` must show that there were no records before it.
        """
        columns = cls.taken(fresh)
        columns.most_records = most_records
        columns.empty = empty
        return columns

    def _unpack_records(self) -> Iterator[Fetched]:
        """Gather the records of batches up to `most_records`; those gathered are returned before any error."""
        gathered: list[Fetched] = []
        count, position = 0, self.next_fetch_offset
        before = self.empty.get(self._tp)
        self._read_from = before.start if before is not None and before.stop == position else position
        while self._records.has_next():
            log_batch = self._records.next_batch()
            if self._check_crcs and not log_batch.validate_crc():
                yield from self._hand_out(gathered)
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if self._counts(log_batch) and (piece := self._columns(log_batch, position)) is not None:
                if gathered and (count + len(piece.batch) > self.most_records or _unlike(gathered[0], piece)):
                    yield from self._hand_out(gathered)
                    count = 0
                gathered.append(piece)
                count += len(piece.batch)
            position = max(position, log_batch.next_offset)
        yield from self._hand_out(gathered)
        self.next_fetch_offset = position
        self.empty[self._tp] = range(self._read_from, position)

    def _hand_out(self, gathered: list[Fetched]) -> Iterator[Fetched]:
        """Yield everything ``gathered``, in parts of at most `most_records`, and empty it."""
        if not gathered:
            return
        whole = _joined(gathered)
        gathered.clear()
        for first in range(0, len(whole.batch), self.most_records):
            batch = whole.batch.between(first, first + self.most_records)
            part = Fetched(batch, whole.create_time, self._read_from)
            self.next_fetch_offset = self._read_from = part.end
            yield part

    def _columns(self, log_batch: Any, position: int) -> Fetched | None:  # noqa: ANN401 - of compiled code
        """The records of ``log_batch`` from offset ``position`` on; None if there are none."""
        records = list(log_batch)
        count = len(records)
        if not count:
            return None
        last = records[-1]
        whole = getattr(log_batch, "magic", None) == _MAGIC and count == log_batch.last_offset_delta + 1
        if whole:  # offsets in a batch increase, so if none is missing they are consecutive
            offsets = np.arange(log_batch.base_offset, log_batch.base_offset + count, dtype=np.int64)
        else:
            offsets = np.fromiter(map(_offset, records), np.int64, count)
        if whole and last.timestamp_type not in (None, _CREATE_TIME):
            stamps = np.full(count, last.timestamp, np.int64)
        else:
            times = (NO_TIMESTAMP if stamp is None or stamp < 0 else stamp for stamp in map(_timestamp, records))
            stamps = np.fromiter(times, np.int64, count)
        batch = Batch(self._tp.topic, self._tp.partition, list(map(_value, records)), offsets, stamps)
        if offsets[0] < position:  # the consumer was sent to the middle of this batch
            batch = batch.between(batch.position_of(position), count)
        return Fetched(batch, last.timestamp_type == _CREATE_TIME, position) if len(batch) else None


def _unlike(one: Fetched, other: Fetched) -> bool:
    return one.create_time != other.create_time


def _joined(pieces: list[Fetched]) -> Fetched:
    """All ``pieces``, which are consecutive, as one."""
    first = pieces[0]
    if len(pieces) == 1:
        return first
    batches = [piece.batch for piece in pieces]
    values = [value for batch in batches for value in batch.values]
    offsets = np.concatenate([batch.offsets for batch in batches])
    stamps = np.concatenate([batch.timestamps for batch in batches])
    return Fetched(Batch(first.topic, first.partition, values, offsets, stamps), first.create_time, first.reads_from)
