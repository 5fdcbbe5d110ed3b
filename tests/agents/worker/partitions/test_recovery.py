"""Recovery of a partition from real rows of state in a fake topic, and a fake log."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.exits import Exit, Fault
from agents.kafka import state_topic
from agents.kafka.bounds import LogBounds
from agents.kafka.state_topic import state_prefix
from agents.settings.settings import Settings
from agents.worker.partitions import recovery as module
from agents.worker.partitions.owned import ANOTHER_GROUP
from agents.worker.partitions.recovery import Recovered, Recovery
from streams.decoding.batch import NO_TIMESTAMP, Batch, SourcePartition
from streams.engine.progress import NoticeType
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.events import control_records
from streams.standards.model import Standards
from streams.state.processor import take_over
from tests.fakes.engine import FakeControl, FakeWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from agents.kafka.fetching import Pair

SOURCE: Final = SourcePartition("events", 2)
SETTINGS: Final = Settings.resolve({"group": "g"})
PREFIX: Final = state_prefix(SOURCE, "g")
STANDARDS: Final = Standards(digest="first")
NAMED: Final = Standards(digest="named")
POLICY: Final = TimePolicy(0, 300_000)
T0_MS: Final = 1_772_438_400_000
#: Offset of the log's first record, of the first that an open slice needs, and behind the last that is saved.
FIRST, RESUME, SAVED = 10, 12, 15


def event(second: int) -> bytes:
    return json.dumps({"service": "s", "time": T0_MS / 1_000 + second, "duration": 1}).encode()


LOG: Final = [event(0), control_records.standards("named", 7), event(10), event(11), event(12), event(20), event(30)]
STAMPS: Final = [T0_MS + second * 1_000 for second in (0, 0, 10, 11, 12, 20, 30)]


def batch(first: int, after: int) -> Batch:
    chosen = slice(first - FIRST, after - FIRST)
    return Batch.of(*SOURCE, LOG[chosen], first, STAMPS[chosen])


def saved_rows() -> dict[bytes, bytes]:
    """What an owner wrote who folded the log up to `SAVED`."""
    known = {one.digest: one for one in (STANDARDS, NAMED)}
    processor = take_over({}, Start(*SOURCE, STANDARDS, known.get, POLICY), beginning=FIRST)
    processor.check(FIRST, SAVED, None)
    processor.fold(batch(FIRST, SAVED))
    return {name: value for name, value in processor.take().rows if value is not None}


def flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


class Scene:
    """A state topic, a source log, and a journal of what was asked of them, in order."""

    def __init__(self, rows: dict[bytes, bytes] | None = None, *, keeps_state: bool = True) -> None:
        self.journal: list[str] = []
        self.state: list[tuple[bytes, bytes | None]] = [(PREFIX + n, v) for n, v in (rows or {}).items()]
        self.log = list(LOG)
        self.stamps: list[int | None] = list(STAMPS)
        self.bounds = LogBounds(FIRST, FIRST + len(LOG))
        self.timestamp_type = 1
        self.writer = FakeWriter()
        self.control = FakeControl(hidden=[STANDARDS, NAMED])
        self.unread: BaseException | None = None
        self.recovery = Recovery(
            SETTINGS,
            self.control.control,
            lambda: STANDARDS,
            POLICY,
            self.open_writer,
            self.ask_bounds,
            keeps_state=keeps_state,
        )

    async def open_writer(self, source: SourcePartition) -> FakeWriter:
        assert source == SOURCE
        self.journal.append("fence")
        return self.writer

    async def ask_bounds(self, sources: Sequence[SourcePartition]) -> dict[SourcePartition, LogBounds]:
        assert list(sources) == [SOURCE]
        self.journal.append("bounds")
        return {SOURCE: self.bounds}

    async def read_committed(self, settings: Settings, topic: str, partition: int) -> AsyncIterator[list[Pair]]:
        assert (settings, topic, partition) == (SETTINGS, SETTINGS.state_topic, SOURCE.partition)
        self.journal.append("state")
        for key, value in self.state:
            yield [(key or None, value)]
        if self.unread is not None:
            raise self.unread

    async def record_at(self, settings: Settings, topic: str, partition: int, offset: int) -> Any:
        assert (settings, topic, partition) == (SETTINGS, *SOURCE)
        self.journal.append(f"record {offset}")
        position = offset - FIRST
        if position < 0 or position >= len(self.log):
            return None
        stamp, value = self.stamps[position], self.log[position]
        return SimpleNamespace(offset=offset, timestamp=stamp, value=value, timestamp_type=self.timestamp_type)

    async def recover(self) -> Recovered:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(state_topic, "read_committed", self.read_committed)
            patch.setattr(module, "record_at", self.record_at)
            return await self.recovery.recover(SOURCE)

    async def refused(self) -> str:
        """The line with which the worker ends; what was opened is closed by then."""
        with pytest.raises(Fault) as caught:
            await self.recover()
        assert caught.value.exit_code == Exit.STALLED
        assert self.writer.closed.is_set()
        assert "\n" not in caught.value.message
        return caught.value.message


# -- good order -----------------------------------------------------------------------------------------------------


async def test_a_partition_that_nobody_owned_begins_at_its_logs_beginning() -> None:
    scene = Scene()
    found = await scene.recover()
    assert scene.journal == ["fence", "state", "bounds"], "what is read after fencing is all there will ever be"
    assert found.processor.expected == FIRST
    assert found.processor.engine.standards is STANDARDS
    assert found.processor.engine.saved is None
    assert (found.rows, found.create_time, found.bounds) == (0, None, scene.bounds)
    assert found.writer is scene.writer
    assert not scene.writer.closed.is_set()


async def test_a_partition_goes_on_where_open_slices_need_its_log() -> None:
    rows = saved_rows()
    scene = Scene(rows)
    found = await scene.recover()
    assert scene.journal == ["fence", "state", "bounds", f"record {SAVED - 1}"]
    assert found.processor.expected == RESUME
    assert found.processor.engine.restoring
    assert found.processor.damaged == ()
    assert (found.rows, scene.recovery.read) == (len(rows), {SOURCE: len(rows)})
    assert scene.control.looked_up == ["named"]
    found.processor.fold(batch(RESUME, FIRST + len(LOG)))
    assert not found.processor.engine.restoring
    assert found.processor.engine.progress.accepted == 6


@pytest.mark.parametrize(("timestamp_type", "create_time"), [(0, True), (1, False)])
async def test_it_notices_who_writes_the_logs_timestamps(timestamp_type: int, create_time: bool) -> None:
    scene = Scene(saved_rows())
    scene.timestamp_type = timestamp_type
    assert (await scene.recover()).create_time is create_time


async def test_only_the_newest_value_of_each_own_row_counts() -> None:
    rows = saved_rows()
    scene = Scene(rows)
    stale = [(PREFIX + name, b"stale") for name in rows]
    gone = [(PREFIX + b"s/c/0/0", b"gone"), (PREFIX + b"s/c/0/0", None), (PREFIX + b"never", None)]
    others: list[tuple[bytes, bytes | None]] = [
        (state_prefix(SOURCE, other) + name, flipped(value)) for other in ("g2", "") for name, value in rows.items()
    ]
    others += [(state_prefix(SourcePartition("events", 1), "g") + b"p", b"other"), (b"", b"no key"), (b"strange", None)]
    scene.state = [*stale, *gone, *scene.state, *others]
    found = await scene.recover()
    assert (found.processor.damaged, found.rows) == ((), len(rows))
    assert scene.recovery.read == {SOURCE: len(scene.state)}


async def test_the_embedded_broker_keeps_no_state_to_read() -> None:
    scene = Scene(saved_rows(), keeps_state=False)
    assert (await scene.recover()).processor.expected == FIRST
    assert scene.journal == ["fence", "bounds"]


# -- another log ----------------------------------------------------------------------------------------------------

AT: Final = SAVED - 1 - FIRST


def other_value(scene: Scene) -> None:
    scene.log[AT] = event(13)


def other_timestamp(scene: Scene) -> None:
    scene.stamps[AT] = T0_MS


def no_timestamp(scene: Scene) -> None:
    scene.stamps[AT] = NO_TIMESTAMP


def no_record(scene: Scene) -> None:
    scene.log = scene.log[:AT]


@pytest.mark.parametrize("spoil", [other_value, other_timestamp, no_timestamp, no_record])
async def test_a_log_whose_last_saved_record_differs_is_another_log(spoil: Any) -> None:
    scene = Scene(saved_rows())
    spoil(scene)
    message = await scene.refused()
    assert f"events/2 is not the log that its saved state was made of: the record at offset {SAVED - 1}" in message
    assert message.endswith(ANOTHER_GROUP)


@pytest.mark.parametrize("end", [SAVED - 1, 0])
async def test_a_log_that_ends_before_what_is_saved_is_another_log(end: int) -> None:
    scene = Scene(saved_rows())
    scene.bounds = LogBounds(min(end, FIRST), end)
    assert f"were folded, and the log ends at {end}" in await scene.refused()


@pytest.mark.parametrize(
    ("beginning", "asked"),
    [(RESUME + 1, [f"record {SAVED - 1}"]), (SAVED, []), (SAVED + 2, [])],
    ids=["of open slices", "all that open slices need", "that were never folded"],
)
async def test_records_that_retention_took_away_are_a_gap_for_the_audit(beginning: int, asked: list[str]) -> None:
    scene = Scene(saved_rows())
    scene.bounds = LogBounds(beginning, FIRST + len(LOG))
    found = await scene.recover()
    assert scene.journal[3:] == asked
    assert found.processor.expected == beginning
    (gap,) = [one for one in found.processor.engine.notices if one.type is NoticeType.GAP]
    assert gap.detail == {"from": RESUME, "to": beginning}


async def test_a_gap_is_told_once_though_nothing_comes_behind_it() -> None:
    rows = saved_rows()
    told = []
    for _ in range(3):
        scene = Scene(rows)
        scene.bounds = LogBounds(SAVED + 9, SAVED + 9)
        processor = (await scene.recover()).processor
        assert processor.expected == SAVED + 9
        if processor.due:
            taken = processor.take()
            told += [notice for notice in taken.notices if notice.type is NoticeType.GAP]
            rows |= {name: value for name, value in taken.rows if value is not None}
    assert len(told) == 1


# -- damaged state --------------------------------------------------------------------------------------------------


def damage(rows: dict[bytes, bytes], begins: bytes) -> list[str]:
    """Spoil every row whose name begins so; their names."""
    names = [name for name in rows if name.startswith(begins)]
    for name in names:
        rows[name] = flipped(rows[name])
    return [name.decode() for name in names]


async def test_damaged_slices_are_rebuilt_from_a_log_that_reaches_back(caplog: pytest.LogCaptureFixture) -> None:
    rows = saved_rows()
    names = damage(rows, b"s/")
    found = await Scene(rows).recover()
    assert sorted(found.processor.damaged) == sorted(names)
    assert found.processor.expected == FIRST
    assert all(name in caplog.text for name in names)
    found.processor.fold(batch(FIRST, FIRST + len(LOG)))
    assert found.processor.engine.progress.accepted == 6
    notices = found.processor.take().notices
    assert [one.detail["row"] for one in notices if one.type is NoticeType.DAMAGE] == sorted(names)
    assert all(one.detail.get("rebuilt") for one in notices if one.type is NoticeType.DAMAGE)


async def test_damaged_slices_are_left_out_and_told_of_where_the_log_does_not_reach_back() -> None:
    rows = saved_rows()
    names = damage(rows, b"s/")
    scene = Scene(rows)
    scene.bounds = LogBounds(FIRST + 1, FIRST + len(LOG))
    found = await scene.recover()
    assert sorted(found.processor.damaged) == sorted(names)
    assert found.processor.expected == RESUME
    found.processor.fold(batch(RESUME, FIRST + len(LOG)))
    notices = found.processor.take().notices
    assert [one.detail["row"] for one in notices if one.type is NoticeType.DAMAGE] == sorted(names)


async def test_a_damaged_catalogue_is_rebuilt_or_else_the_worker_ends() -> None:
    rows = saved_rows()
    assert damage(rows, b"m/")
    found = await Scene(rows).recover()
    assert found.processor.expected == FIRST
    scene = Scene(rows)
    scene.bounds = LogBounds(FIRST + 1, FIRST + len(LOG))
    message = await scene.refused()
    assert "the saved state of events/2 cannot be used: page 0 of the catalogue: its checksum does not hold" in message
    assert message.endswith(ANOTHER_GROUP)


async def test_without_the_partition_row_nobody_knows_what_was_told() -> None:
    rows = saved_rows()
    damage(rows, b"p")
    assert "cannot be used: the partition row: its checksum does not hold" in await Scene(rows).refused()


async def test_state_of_another_partition_is_not_used() -> None:
    known = {one.digest: one for one in (STANDARDS, NAMED)}
    other = take_over({}, Start("events", 7, STANDARDS, known.get, POLICY), beginning=FIRST)
    other.check(FIRST, SAVED, None)
    other.fold(batch(FIRST, SAVED))
    rows = {name: value for name, value in other.take().rows if value is not None}
    assert "cannot be used: the partition row is that of events/7" in await Scene(rows).refused()


async def test_standards_that_are_nowhere_make_state_useless() -> None:
    scene = Scene(saved_rows())
    scene.control.hidden.clear()
    assert "are not in the control topic any more" in await scene.refused()


# -- trouble --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KafkaConnectionError(), TimeoutError(), asyncio.CancelledError()], ids=repr)
async def test_what_cannot_be_read_is_tried_again_with_another_writer(error: BaseException) -> None:
    scene = Scene(saved_rows())
    scene.unread = error
    with pytest.raises(type(error)):
        await scene.recover()
    assert scene.writer.closed.is_set()
