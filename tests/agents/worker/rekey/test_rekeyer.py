"""The rekeyer's parts without a broker; `tests/real_parts/rekey` has the whole on a real Kafka."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    TopicAuthorizationFailedError,
)
from kafka.errors import GroupAuthorizationFailedError, UnstableOffsetCommitError

from agents.exits import Exit, Fault
from agents.settings.settings import Settings
from agents.worker.rekey import position
from agents.worker.rekey.counts import RekeyCounts, refusal_of
from agents.worker.rekey.offsets import Committed, Offsets, group_of
from agents.worker.rekey.pace import PATIENCE_SECONDS, LanePace
from agents.worker.rekey.position import Position, PositionFinder, RekeyImpossible
from agents.worker.rekey.rekeyer import Rekeyer, consumer_options
from agents.worker.rekey.tails import NOTHING, StableEnds, Tail, TailRecord, Tails
from agents.worker.rekey.writer import transactional_id
from streams.decoding.batch import SourcePartition, record_digest
from streams.decoding.rekeying import Baseline, RekeyMark
from streams.standards.load import DEFAULT
from tests.services.waiting import wait_for_async

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTINGS: Final = Settings.resolve({"group": "g", "topics": ("orders",), "batch_records": "10"})
SOURCE: Final = SourcePartition("orders", 3)


# -- names ----------------------------------------------------------------------------------------------------------


def test_rekeyers_have_a_group_of_their_own_and_an_id_for_each_source_partition() -> None:
    assert group_of(SETTINGS) == consumer_options(SETTINGS)["group_id"] == "g-rekey"
    assert transactional_id(SETTINGS, SOURCE) == "g-rekey/orders/3"


def test_the_rekeyed_topic_is_not_rekeyed_itself() -> None:
    settings = Settings.resolve({"topics": ("orders", "service-level-rekeyed")})
    with pytest.raises(Fault, match="both source and target"):
        Rekeyer(settings, DEFAULT)


# -- pace -----------------------------------------------------------------------------------------------------------


def test_a_lane_may_run_ahead_of_the_slowest_by_so_much() -> None:
    pace = LanePace(1_000)
    pace.holds("slow", 50_000.0)
    pace.holds("fast", 90_000.0)
    assert pace.limit(0.0) == 51_000.0


def test_nobody_is_held_up_by_lanes_that_have_nothing_to_read() -> None:
    pace = LanePace(1_000)
    pace.holds("slow", 50_000.0)
    pace.holds("fast", 90_000.0)
    pace.rests("slow")
    assert pace.limit(0.0) == 91_000.0
    pace.rests("fast")
    assert pace.limit(0.0) == float("inf")


def test_a_lane_of_which_nothing_is_known_is_waited_for_and_not_for_ever() -> None:
    pace = LanePace(1_000)
    pace.holds("fast", 90_000.0)
    pace.reads("new", 10.0)
    assert pace.limit(10.0 + PATIENCE_SECONDS) is None
    assert pace.limit(10.1 + PATIENCE_SECONDS) == 91_000.0


def test_a_lane_that_reads_on_is_behind_what_it_has_read() -> None:
    pace = LanePace(1_000)
    pace.holds("fast", 90_000.0)
    pace.reads("slow", 10.0, after_ms=60_000.0)
    assert pace.limit(11.0) == 61_000.0
    assert pace.limit(11.0 + PATIENCE_SECONDS) == 91_000.0


def test_a_lane_that_holds_records_is_waited_for_however_long_it_takes() -> None:
    pace = LanePace(1_000)
    pace.holds("stuck", 50_000.0)
    pace.holds("fast", 90_000.0)
    assert pace.limit(1e9) == 51_000.0


# -- errors ---------------------------------------------------------------------------------------------------------


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        TopicAuthorizationFailedError("t"),
        MessageSizeTooLargeError(),
        GroupAuthorizationFailedError("g"),
        caused(KafkaError("Unexpected error during batch delivery"), TopicAuthorizationFailedError("t")),
    ],
    ids=["aiokafka's", "of what was written", "kafka-python's", "at the bottom of another"],
)
def test_refusals_end_the_process_with_a_line(error: Exception) -> None:
    fault = refusal_of(error)
    assert fault is not None
    assert fault.exit_code == Exit.STALLED
    assert "Kafka refuses rekeying" in fault.message


@pytest.mark.parametrize(
    "error",
    [KafkaConnectionError(), UnstableOffsetCommitError(), ProducerFenced(), TimeoutError(), OSError()],
)
def test_everything_else_is_tried_again(error: Exception) -> None:
    assert refusal_of(error) is None


def test_trouble_is_logged_once_until_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    counts, other = RekeyCounts(), SourcePartition("orders", 4)
    with caplog.at_level(logging.WARNING):
        for source in (SOURCE, other, SOURCE):
            counts.trouble(source, KafkaConnectionError("gone"))
        counts.well(SOURCE)
        counts.well(other)
        counts.well(other)
    assert [record.message for record in caplog.records] == [
        "Rekeying waits, and tries on: orders/3: KafkaConnectionError('gone').",
        "Rekeying goes on.",
    ]
    assert counts.retries == 3


# -- position -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None


@dataclass
class Log:
    """A source log, and what of it is rekeyed."""

    beginning: int
    end: int
    committed: Committed | None = None
    tail: Tail = field(default_factory=lambda: Tail([NOTHING, NOTHING]))
    asked: list[str] = field(default_factory=list)

    async def beginning_offsets(self, places: Sequence[Any]) -> dict[Any, int]:
        return dict.fromkeys(places, self.beginning)

    async def end_offsets(self, places: Sequence[Any]) -> dict[Any, int]:
        return dict.fromkeys(places, self.end)

    async def since(self, _: SourcePartition, ends: Sequence[int]) -> Tail:
        self.asked.append(f"since {ends}")
        return self.tail

    async def whole(self, _: SourcePartition, __: int) -> Tail:
        self.asked.append("whole")
        return self.tail

    async def committed_offset(self, _: SourcePartition) -> Committed | None:
        return self.committed

    async def record_at(self, _: Settings, topic: str, partition: int, offset: int) -> Record | None:
        return Record(topic, partition, offset, offset, value_at(offset))

    async def find(self, monkeypatch: pytest.MonkeyPatch, partitions: int = 2) -> Position:
        monkeypatch.setattr(position, "record_at", self.record_at)
        offsets = Offsets(SETTINGS)
        monkeypatch.setattr(offsets, "committed", self.committed_offset)
        finder = PositionFinder(SETTINGS, self, offsets, cast("Tails", self))
        try:
            return await finder.find(SOURCE, partitions, None)
        finally:
            offsets.close()


def value_at(offset: int) -> bytes:
    return f"junk {offset}".encode()


def mark_of(offset: int, baseline: Baseline) -> RekeyMark:
    """Mark of a commit at ``offset``."""
    return RekeyMark(offset - 1, record_digest(value_at(offset - 1)), baseline)


async def test_where_nothing_was_rekeyed_the_beginning_is_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(5, 100)
    assert await log.find(monkeypatch) == Position(5, Baseline(5, (0, 0)), (NOTHING, NOTHING))
    assert log.asked == ["whole"]


async def test_what_lies_behind_the_baseline_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = mark_of(80, Baseline(60, (7, 9)))
    log = Log(5, 100, Committed(80, mark.to_text()), Tail([79, 61]))
    assert await log.find(monkeypatch) == Position(60, mark.baseline, (79, 61), (80, mark))
    assert log.asked == ["since (7, 9)"]


@pytest.mark.parametrize(
    ("beginning", "offset", "missing_from"),
    [(70, 70, None), (80, 80, None), (81, 81, 80)],
    ids=["what was rekeyed since the baseline", "all that was rekeyed", "more than was rekeyed"],
)
async def test_a_log_that_has_lost(
    monkeypatch: pytest.MonkeyPatch, beginning: int, offset: int, missing_from: int | None
) -> None:
    mark = mark_of(80, Baseline(60, (7, 9)))
    found = await Log(beginning, 100, Committed(80, mark.to_text())).find(monkeypatch)
    assert (found.offset, found.missing_from) == (offset, missing_from)


@pytest.mark.parametrize("metadata", [None, "", "by hand"], ids=["forgotten", "reset", "committed by hand"])
async def test_without_a_mark_the_rekeyed_topic_tells(monkeypatch: pytest.MonkeyPatch, metadata: str | None) -> None:
    committed = None if metadata is None else Committed(3, metadata)
    log = Log(5, 100, committed, Tail([40, 49], TailRecord(49, record_digest(value_at(49)))))
    assert await log.find(monkeypatch) == Position(40, Baseline(40, (0, 0)), (40, 49))


async def test_nothing_is_taken_for_rekeyed_that_another_log_had(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = TailRecord(49, record_digest(b"other"))
    for log in (
        Log(5, 100, None, Tail([40, 49], newest)),
        Log(5, 100, Committed(80, RekeyMark(79, "other", Baseline(60, (0, 0))).to_text())),
        Log(5, 79, Committed(80, mark_of(80, Baseline(60, (0, 0))).to_text())),
    ):
        with pytest.raises(RekeyImpossible, match=r"orders/3 .*made anew or has lost records"):
            await log.find(monkeypatch)


async def test_a_rekeyed_topic_with_another_number_of_partitions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(5, 100, Committed(80, mark_of(80, Baseline(60, (7, 9))).to_text()))
    with pytest.raises(RekeyImpossible, match="had 2 partitions when rekeying began and has 3 now"):
        await log.find(monkeypatch, partitions=3)


async def test_one_reading_of_the_rekeyed_topic_serves_all_who_called_before_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings: list[asyncio.Event] = []

    async def read(self: Tails, ends: Sequence[int]) -> dict[str, Tail]:
        readings.append(asyncio.Event())
        mine = len(readings)
        await readings[-1].wait()
        return {"orders/3": Tail([mine])}

    async def second_began() -> bool:
        return len(readings) == 2

    monkeypatch.setattr(Tails, "_read", read)

    tails = Tails(SETTINGS)
    first = asyncio.create_task(tails.whole(SOURCE, 1))
    await asyncio.sleep(0)  # it is reading now, and may not see what was written just before
    others = [asyncio.create_task(tails.whole(SOURCE, 1)) for _ in range(3)]
    await asyncio.sleep(0)
    readings[0].set()
    found = [(await first).last[0]]
    await wait_for_async(second_began, "the second reading")
    readings[1].set()
    assert found + [(await one).last[0] for one in others] == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("ends", "reached"),
    [((), False), ((7,), False), ((7, 9), True), ((8, 10), True), ((7, 8), False)],
    ids=["not asked yet", "asked for one alone", "just there", "beyond", "one is not there"],
)
def test_a_transaction_is_there_for_good_when_every_partition_has_ended_it(
    ends: tuple[int, ...], reached: bool
) -> None:
    stable = StableEnds(SETTINGS)
    stable.ends = ends
    assert stable.reach((7, 9)) is reached
