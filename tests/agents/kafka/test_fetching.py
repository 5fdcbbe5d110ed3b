from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.kafka.batches import Fetched
from agents.kafka.fetching import PartitionColumns, PartitionPairs, fetch_columns, fetch_pairs

SOURCE: Final = TopicPartition("events", 3)
_ABORT, _COMMIT = b"\0\0\0\0", b"\0\0\0\1"
#: Where a batch's head has its attributes and its checksum; the latter covers what follows it.
_ATTRIBUTES, _CRC, _BASE, _CREATE, _LOG_APPEND, _CONTROL = 21, 17, 0, 0x00, 0x08, 0x20


def batch(
    offsets: Sequence[int],
    *,
    codec: int = 0,
    attributes: int = _CREATE,
    producer: int | None = None,
    key: bytes | None = b"key",
    value: bytes | None = b"%d",
) -> bytes:
    """A batch of the log as a broker sends it."""
    transactional = producer is not None
    builder = DefaultRecordBatchBuilder(2, codec, transactional, producer if transactional else -1, 0, 0, 1 << 20)
    for offset in offsets:
        content = None if value is None else value.replace(b"%d", b"%d" % offset)
        builder.append(offset - offsets[0], 1_000 + 7 * offset, key, content, [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, _BASE, offsets[0])
    struct.pack_into(">h", raw, _ATTRIBUTES, struct.unpack_from(">h", raw, _ATTRIBUTES)[0] | attributes)
    struct.pack_into(">I", raw, _CRC, calc_crc32c(bytes(raw[_ATTRIBUTES:])))
    return bytes(raw)


def marker(offset: int, producer: int, kind: bytes) -> bytes:
    return batch([offset], attributes=_CONTROL, producer=producer, key=kind, value=b"\0\0\0\0\0\0")


def partition_records(raw: bytes, at: int = 0, isolation: int = READ_COMMITTED, aborted: Any = ()) -> PartitionRecords:
    return PartitionRecords(SOURCE, MemoryRecords(raw), list(aborted), at, None, None, True, isolation)


def as_aiokafka(records: Any) -> list[tuple[int, int, bytes | None]]:
    return [(one.offset, one.timestamp, one.value) for one in records]


def as_columns(pieces: Iterable[Fetched]) -> list[tuple[int, int, bytes | None]]:
    found: list[tuple[int, int, bytes | None]] = []
    for one in pieces:
        rows = zip(one.batch.offsets.tolist(), one.batch.timestamps.tolist(), one.batch.values, strict=True)
        found += rows
    return found


def compare(raw: bytes, at: int = 0, most: int = 1_000, **how: Any) -> list[Fetched]:
    theirs = partition_records(raw, at, **how)
    ours = PartitionColumns.of(partition_records(raw, at, **how), most, {})
    due, found = as_aiokafka(theirs), list(ours)
    assert as_columns(found) == due
    assert ours.next_fetch_offset == theirs.next_fetch_offset
    assert all(0 < len(one.batch) <= most for one in found)
    assert [one.reads_from for one in found] == [at, *(one.end for one in found[:-1])][: len(found)]
    compare_pairs(raw, at, **how)
    return found


def compare_pairs(raw: bytes, at: int, **how: Any) -> None:
    theirs = partition_records(raw, at, **how)
    ours = PartitionPairs.taken(partition_records(raw, at, **how))
    due, found = [(one.key, one.value) for one in theirs], list(ours)
    assert [pair for pairs in found for pair in pairs] == due
    assert all(found), "no list is empty"
    assert ours.next_fetch_offset == theirs.next_fetch_offset


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_columns_hold_what_aiokafka_gives_record_by_record(codec: int) -> None:
    raw = batch(range(5), codec=codec) + batch(range(5, 9), codec=codec)
    (one,) = compare(raw)
    assert (one.batch.source, one.batch.partition, one.first, one.end) == ("events", 3, 0, 9)
    assert one.create_time


def test_times_of_the_log_are_those_of_the_batch() -> None:
    (one,) = compare(batch(range(4), attributes=_LOG_APPEND))
    assert not one.create_time
    assert one.batch.timestamps.tolist() == [1_021] * 4


def test_producers_times_are_not_mixed_with_the_logs() -> None:
    raw = batch(range(3), attributes=_LOG_APPEND) + batch([3, 4]) + batch([5], attributes=_LOG_APPEND)
    assert [one.create_time for one in compare(raw)] == [False, True, False]


@pytest.mark.parametrize("attributes", [_CREATE, _LOG_APPEND])
def test_what_compaction_has_left_keeps_its_offsets(attributes: int) -> None:
    raw = batch([10, 12, 13, 19], attributes=attributes) + batch([25, 30], attributes=attributes)
    (one,) = compare(raw, at=10)
    assert one.batch.offsets.tolist() == [10, 12, 13, 19, 25, 30]


def test_what_lies_before_the_place_sought_is_left_out() -> None:
    raw = batch(range(5))
    for at in range(5):
        (one,) = compare(raw + batch(range(5, 9)), at)
        assert one.first == at
    assert compare(raw, at=5) == []


def test_there_are_never_more_records_in_one_than_asked_for() -> None:
    raw = b"".join(batch(range(first, first + 10)) for first in range(0, 50, 10))
    assert [len(one.batch) for one in compare(raw, most=10)] == [10] * 5
    assert [len(one.batch) for one in compare(raw, most=25)] == [20, 20, 10]
    assert [len(one.batch) for one in compare(raw, most=4)] == [4, 4, 2] * 5


def test_the_place_is_behind_each_part_as_it_is_handed_out() -> None:
    ours = PartitionColumns.of(partition_records(batch(range(10))), 4, {})
    assert [(one.end, ours.next_fetch_offset) for one in ours] == [(4, 4), (8, 8), (10, 10)]


def test_tombstones_and_absent_times_come_through() -> None:
    (one,) = compare(batch([0, 1], value=None))
    assert list(one.batch.values) == [None, None]


def test_what_a_transaction_took_back_is_left_out() -> None:
    raw = (
        batch([0, 1], producer=7)
        + batch([2, 3], producer=8)
        + marker(4, 7, _ABORT)
        + batch([5, 6], producer=7)
        + marker(7, 8, _COMMIT)
        + marker(8, 7, _COMMIT)
    )
    (one,) = compare(raw, aborted=[(7, 0)])
    assert one.batch.offsets.tolist() == [2, 3, 5, 6]
    (every,) = compare(raw, isolation=READ_UNCOMMITTED, aborted=[(7, 0)])
    assert every.batch.offsets.tolist() == [0, 1, 2, 3, 5, 6]


def test_the_place_is_behind_markers_at_the_end() -> None:
    raw = marker(0, 7, _COMMIT) + marker(1, 8, _ABORT)
    assert compare(raw, aborted=[(8, 0)]) == []


def test_that_there_was_nothing_between_is_known_over_answers_of_nothing_but_markers() -> None:
    empty: dict[TopicPartition, range] = {}
    answers = [batch([0, 1]) + marker(2, 7, _COMMIT), marker(3, 7, _COMMIT) + marker(4, 8, _ABORT), batch([5, 6])]
    pieces, position = [], 0
    for raw in answers:
        records = PartitionColumns.of(partition_records(raw, position), 1_000, empty)
        pieces += [(one.reads_from, one.first, one.end) for one in records]
        position = records.next_fetch_offset
    assert pieces == [(0, 0, 2), (2, 5, 7)]
    (sought,) = PartitionColumns.of(partition_records(answers[2], 6), 1_000, empty)
    assert (sought.reads_from, sought.first) == (6, 6)


def test_a_damaged_batch_is_an_error_behind_what_came_before_it() -> None:
    raw = bytearray(batch([0, 1]) + batch([2, 3]))
    raw[-1] ^= 1
    ours = PartitionColumns.of(partition_records(bytes(raw)), 1_000, {})
    assert as_columns([next(ours)]) == [(0, 1_000, b"0"), (1, 1_007, b"1")]
    assert ours.next_fetch_offset == 2
    with pytest.raises(CorruptRecordException):
        next(ours)


def test_batches_of_before_kafka_0_11_are_read_too() -> None:
    builder = LegacyRecordBatchBuilder(1, 0, 1 << 20)
    for offset in range(3):
        builder.append(offset, 5 + offset, b"key", b"%d" % offset)
    (one,) = compare(bytes(builder.build()))
    assert len(one.batch) == 3


def test_pairs_of_a_damaged_batch_are_not_given() -> None:
    raw = bytearray(batch([0, 1]) + batch([2, 3]))
    raw[-1] ^= 1
    ours = PartitionPairs.taken(partition_records(bytes(raw)))
    assert next(ours) == [(b"key", b"0"), (b"key", b"1")]
    assert ours.next_fetch_offset == 2
    with pytest.raises(CorruptRecordException):
        next(ours)


@settings(max_examples=200)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.sampled_from([None, 7, 8])), max_size=8),
    at=st.integers(0, 20),
    most=st.integers(1, 12),
    ends=st.lists(st.sampled_from([(7, _ABORT), (7, _COMMIT), (8, _ABORT), (8, _COMMIT)]), min_size=8, max_size=8),
)
def test_whatever_a_log_holds(
    lengths: list[tuple[int, bool, int | None]], at: int, most: int, ends: list[tuple[int, bytes]]
) -> None:
    raw, following, aborted = b"", 0, []  # a broker sends from the batch on in which the place sought is
    for (count, logged, producer), (ended, kind) in zip(lengths, ends, strict=False):
        offsets = range(following, following + count)
        following += count
        if following > at:
            raw += batch(offsets, attributes=_LOG_APPEND * logged, producer=producer)
        raw += marker(following, ended, kind) if following >= at else b""
        following += 1
        aborted += [(ended, 0)] if kind == _ABORT else []
    compare(raw, at, most, aborted=aborted)


class FakeFetcher:
    """Answers every request with the same records, as aiokafka's does."""

    def __init__(self, raw: bytes) -> None:
        self._records: dict[Any, Any] = {}
        self.raw = raw

    async def _proc_fetch_request(self, assignment: Any, node: int, request: Any) -> bool:
        del node, request
        records = partition_records(self.raw)
        self._records[SOURCE] = FetchResult(SOURCE, assignment=assignment, partition_records=records, backoff=0)
        self._records["broken"] = ValueError()
        return True


async def test_a_consumer_returns_batches_and_its_place_moves_with_them() -> None:
    state = SimpleNamespace(position=0, paused=False)
    state.consumed_to = lambda offset: setattr(state, "position", offset)
    assignment = SimpleNamespace(active=True, state_value=lambda _: state)
    fetcher = FakeFetcher(batch(range(10)) + marker(10, 7, _COMMIT))
    fetch_columns(SimpleNamespace(_fetcher=fetcher), 4)
    assert await fetcher._proc_fetch_request(assignment, 0, None)
    result = fetcher._records[SOURCE]
    assert [(one.first, one.end) for one in result.getall(2)] == [(0, 4), (4, 8)]
    assert state.position == 8
    asked_again = await fetcher._proc_fetch_request(assignment, 0, None)
    assert asked_again
    assert fetcher._records[SOURCE].getall(2) == []  # the consumer stands elsewhere by now
    assert [(one.first, one.end) for one in result.getall(2)] == [(8, 10)]
    assert state.position == 11
    assert not result.has_more()


async def test_a_consumer_returns_pairs_and_its_place_is_behind_markers() -> None:
    state = SimpleNamespace(position=0, paused=False)
    state.consumed_to = lambda offset: setattr(state, "position", offset)
    assignment = SimpleNamespace(active=True, state_value=lambda _: state)
    fetcher = FakeFetcher(batch([0, 1]) + batch([2], value=None) + marker(3, 7, _COMMIT))
    fetch_pairs(SimpleNamespace(_fetcher=fetcher))
    assert await fetcher._proc_fetch_request(assignment, 0, None)
    assert fetcher._records[SOURCE].getall() == [[(b"key", b"0"), (b"key", b"1")], [(b"key", None)]]
    assert state.position == 4
