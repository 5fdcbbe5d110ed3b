"""The keeper of one partition: the real engine and rows, a transaction that the test holds back, and no waiting."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import pytest
from aiokafka.errors import KafkaConnectionError

from agents import keeper as module
from agents.exits import Exit, Fault
from agents.keeper import LINGER_SECONDS, Keeper, Tally
from agents.outputs import Output, Place, state_prefix
from agents.partitions import Source
from agents.settings import Settings
from agents.transactions import Fenced, Refused
from streams import control
from streams.columns import Batch
from streams.ownership import Start, take_over
from streams.standards.model import Standards
from streams.texts import States
from streams.watermark import TimePolicy
from tests.agents.clock import CLOCK, now, run
from tests.agents.fakes import FakeControl, FakeWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE: Final = Source("events", 0)
SETTINGS: Final = Settings.resolve({})
STANDARDS: Final = Standards(digest="first")
OTHERS: Final = Standards(digest="second")
T0_MS: Final = 1_772_438_400_000
JUNK: Final = b"junk"
PREFIX: Final = state_prefix(SOURCE, SETTINGS.group)
#: Long beyond every interval of the keeper's.
LONG: Final = 600.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", CLOCK)


class Scene:
    """A keeper, and what it made of the batches that it was given."""

    def __init__(
        self,
        *errors: Exception,
        rows: Mapping[bytes, bytes] | None = None,
        lateness_ms: int = 0,
        hidden: Sequence[Standards] = (),
        offset: int = 0,
    ) -> None:
        self.control = FakeControl([STANDARDS], hidden)
        self.writer = FakeWriter(*errors)
        self.tally = Tally()
        self.ends: list[tuple[Keeper, Exception]] = []
        self.ended = asyncio.Event()
        self.offset = offset
        start = Start(*SOURCE, STANDARDS, self.control.book, TimePolicy(lateness_ms, 300_000))
        self.ownership = take_over(rows or {}, start, beginning=0)
        if not rows:
            self.ownership.check(0, 0, None)
        self.keeper = Keeper(
            Place(SOURCE, SETTINGS),
            self.ownership,
            self.writer,
            control=self.control.control,
            tally=self.tally,
            on_end=self.on_end,
        )

    def on_end(self, keeper: Keeper, error: Exception) -> None:
        self.ends.append((keeper, error))
        self.ended.set()

    async def fold(self, *values: bytes, second: int = 0) -> None:
        """Fold the next records, all stamped with the same second."""
        first, self.offset = self.offset, self.offset + len(values)
        stamps = [T0_MS + second * 1_000] * len(values)
        await self.keeper.fold(Batch.of(*SOURCE, values, first, stamps))

    async def close_slice(self, second: int) -> None:
        """Fold an event in the slice that begins at ``second``, and one behind it, so that it becomes final."""
        await self.fold(event(second), second=second)
        await self.fold(event(second + 10), second=second + 10)

    async def transaction(self) -> list[Output]:
        """The next transaction that begins, or has begun."""
        return await self.writer.begun.get()

    async def nothing_begins(self, seconds: float = LONG) -> bool:
        """Whether no transaction begins for so long."""
        try:
            await asyncio.wait_for(self.transaction(), seconds)
        except TimeoutError:
            return True
        return False


def event(second: int) -> bytes:
    return json.dumps({"service": "s", "time": T0_MS / 1_000 + second, "duration": 1}).encode()


def letters(outputs: Sequence[Output]) -> list[int]:
    """Offsets of the dead letters in ``outputs``."""
    records = [json.loads(one.value or b"") for one in outputs if one.topic == SETTINGS.dead_letters_topic]
    return [letter["offset"] for record in records for letter in record["letters"]]


def rows(outputs: Sequence[Output]) -> dict[bytes, bytes | None]:
    """Rows of state in ``outputs``, by name."""
    return {one.key.removeprefix(PREFIX): one.value for one in outputs if one.topic == SETTINGS.state_topic}


def slices(outputs: Sequence[Output]) -> list[int]:
    """Seconds at which the closed slices in ``outputs`` begin."""
    names = sorted(name.decode() for name in rows(outputs) if name.startswith(b"s/c/"))
    return [(int(name.split("/")[-1]) - T0_MS) // 1_000 for name in names]


# -- transactions ---------------------------------------------------------------------------------------------------


def test_what_became_final_is_carried_out_with_the_partition_row_at_its_end() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.close_slice(0)
        outputs = await scene.transaction()
        assert slices(outputs) == [0]
        assert outputs[-1].key == PREFIX + b"p"
        await scene.keeper.drop()
        assert scene.writer.committed == [outputs]
        assert scene.keeper.saved_offset == 2
        assert (scene.tally.committed, scene.tally.failed) == (1, 0)

    run(scenario())


def test_what_becomes_final_at_about_the_same_time_shares_a_transaction() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.close_slice(0)
        await scene.close_slice(20)
        assert slices(await scene.transaction()) == [0, 10, 20]
        assert await scene.nothing_begins()
        await scene.keeper.drop()

    run(scenario())


def test_folding_goes_on_while_a_transaction_is_under_way_and_its_conclusions_go_into_the_next() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.writer.gate.clear()
        await scene.close_slice(0)
        first = await scene.transaction()
        await scene.fold(JUNK, second=15)
        await scene.close_slice(20)
        assert await scene.nothing_begins(), "one transaction at a time"
        assert scene.keeper.saved_offset is None
        assert scene.keeper.transaction_seconds == LONG
        assert scene.keeper.waits == States.WAITS_FOR_TRANSACTION.key
        scene.writer.gate.set()
        await asyncio.sleep(module._GATHER_SECONDS / 2)
        scene.writer.gate.clear()
        second = await scene.transaction()
        assert (slices(first), letters(first)) == ([0], [])
        assert (slices(second), letters(second)) == ([10, 20], [2])
        assert scene.keeper.saved_offset == 2, "what was folded meanwhile is not saved yet"
        scene.writer.gate.set()
        assert await scene.nothing_begins()
        await scene.keeper.drop()
        assert scene.writer.committed == [first, second]
        assert scene.keeper.saved_offset == 5
        assert scene.tally.seconds >= LONG

    run(scenario())


def test_dead_letters_alone_wait_for_others_no_longer_than_the_linger() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.fold(JUNK)
        began = now()
        assert await scene.nothing_begins(LINGER_SECONDS / 2)
        await scene.fold(JUNK)
        assert letters(await scene.transaction()) == [0, 1]
        assert LINGER_SECONDS <= now() - began <= LINGER_SECONDS + 0.1
        await scene.fold(JUNK)
        began = now()
        assert letters(await scene.transaction()) == [2]
        assert LINGER_SECONDS <= now() - began <= LINGER_SECONDS + 0.1
        await scene.keeper.drop()

    run(scenario())


def test_dead_letters_go_along_with_what_becomes_final_before() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.fold(JUNK)
        await scene.close_slice(0)
        assert letters(await scene.transaction()) == [0]
        assert now() < LINGER_SECONDS
        assert await scene.nothing_begins()
        await scene.keeper.drop()

    run(scenario())


def test_where_nothing_becomes_final_nothing_is_written() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.fold(event(0), event(1))
        assert await scene.nothing_begins()
        await scene.keeper.drop()

    run(scenario())


# -- backpressure ---------------------------------------------------------------------------------------------------


async def fold_until_it_waits(scene: Scene, *values: bytes, most: int) -> asyncio.Task[None]:
    """Fold batches of ``values``, each ten seconds later, until the keeper holds one back; that one's task."""
    for turn in range(most):
        folding = asyncio.create_task(scene.fold(*values, event(turn * 10), second=turn * 10))
        done, _ = await asyncio.wait({folding}, timeout=LONG)
        if not done:
            return folding
    raise AssertionError(f"{most} batches were folded, and nothing was held back")


@pytest.mark.parametrize(
    ("bound", "most", "values"),
    [("MOST_LETTER_BYTES", 20_000, [JUNK * 100]), ("MOST_SLICES", 5, [])],
    ids=["bytes of dead letters", "closed slices"],
)
def test_a_broker_that_does_not_take_the_transaction_stops_folding_within_bounds(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int, values: list[bytes]
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(module, bound, most)
        scene = Scene()
        scene.writer.gate.clear()
        waiting = await fold_until_it_waits(scene, *values, most=1_000)
        pending = scene.ownership.letter_bytes if values else scene.ownership.slices
        assert most <= pending < most + 1_000
        assert scene.keeper.waits == States.WAITS_FOR_OUTPUT.key
        reached = scene.keeper.engine.progress.next_offset
        await asyncio.sleep(LONG)
        assert scene.keeper.engine.progress.next_offset == reached
        assert scene.writer.begun.qsize() == 1, "there is one transaction under way, and none behind it"
        scene.writer.gate.set()
        await waiting
        assert scene.keeper.waits is None
        assert scene.keeper.engine.progress.next_offset == scene.offset
        await scene.keeper.drop()

    run(scenario())


def test_when_the_keeper_ends_what_waits_for_room_is_let_go_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(module, "MOST_SLICES", 5)
        scene = Scene()
        scene.writer.gate.clear()
        waiting = await fold_until_it_waits(scene, most=1_000)
        reached = scene.keeper.engine.progress.next_offset
        await scene.keeper.drop()
        await waiting
        assert scene.keeper.engine.progress.next_offset == reached

    run(scenario())


def test_many_dead_letters_do_not_wait_for_the_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(module, "MOST_LETTER_BYTES", 1_000)
        scene = Scene()
        await scene.fold(*[JUNK] * 10)
        assert letters(await scene.transaction()) == list(range(10))
        assert now() < LINGER_SECONDS
        await scene.keeper.drop()

    run(scenario())


# -- standards that the log names -----------------------------------------------------------------------------------


def test_standards_that_the_log_names_are_looked_up_and_the_batch_is_folded_once() -> None:
    async def scenario() -> None:
        scene = Scene(hidden=[OTHERS])
        scene.control.gate.clear()
        values = [event(0), JUNK, control.standards(OTHERS.digest, 7), event(1)]
        folding = asyncio.create_task(scene.fold(*values))
        await scene.control.looking.wait()
        assert scene.keeper.waits == States.WAITS_FOR_STANDARDS.key
        assert scene.keeper.engine.progress.records == 0
        scene.control.gate.set()
        await folding
        assert scene.keeper.waits is None
        assert scene.control.looked_up == [OTHERS.digest]
        assert scene.keeper.engine.latest_standards == (OTHERS.digest, 7)
        assert scene.keeper.engine.progress.records == len(values)
        assert letters(await scene.transaction()) == [1]
        await scene.keeper.drop()

    run(scenario())


def test_a_look_up_that_fails_for_good_is_the_folders_to_tell() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.control.unreadable = Fault("a later version wrote them", Exit.STALLED)
        with pytest.raises(Fault, match="a later version"):
            await scene.fold(control.standards(OTHERS.digest, 7))
        assert scene.keeper.waits is None
        assert scene.keeper.engine.progress.records == 0
        await scene.keeper.drop()

    run(scenario())


# -- ends -----------------------------------------------------------------------------------------------------------

ERRORS: Final = [Fenced(), Refused("MessageSizeTooLargeError"), KafkaConnectionError(), ZeroDivisionError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_of_a_transaction_is_told_once_and_ends_the_keeper(error: Exception) -> None:
    async def scenario() -> None:
        scene = Scene(error)
        await scene.close_slice(0)
        await scene.ended.wait()
        assert scene.ends == [(scene.keeper, error)]
        assert scene.keeper.ended
        assert (scene.tally.committed, scene.tally.failed) == (0, 1)
        assert scene.keeper.saved_offset is None
        await scene.close_slice(20)
        await scene.keeper.skip_to(90)
        assert scene.keeper.engine.progress.next_offset == 2
        scene.writer.begun.get_nowait()
        await scene.keeper.finish(LONG)
        assert scene.writer.begun.empty(), "of what an uncertain transaction had, nothing may be written again"
        assert scene.writer.closed.is_set()
        assert len(scene.ends) == 1

    run(scenario())


def test_a_keeper_that_is_dropped_gives_up_its_transaction_closes_its_writer_and_tells_nobody() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.writer.gate.clear()
        await scene.close_slice(0)
        await scene.transaction()
        await scene.keeper.drop()
        assert scene.writer.closed.is_set()
        assert not scene.writer.committed
        await scene.close_slice(20)
        assert scene.keeper.engine.progress.next_offset == 2
        assert not scene.ends

    run(scenario())


def test_a_keeper_may_be_dropped_from_where_it_tells_its_end() -> None:
    async def scenario() -> None:
        scene = Scene(Fenced())
        dropping: list[asyncio.Task[None]] = []

        def drop(keeper: Keeper, _: Exception) -> None:
            dropping.append(asyncio.create_task(keeper.drop()))
            scene.ended.set()

        scene.keeper._on_end = drop
        await scene.close_slice(0)
        await scene.ended.wait()
        await dropping[0]
        assert scene.writer.closed.is_set()

    run(scenario())


def test_finishing_carries_out_what_is_left_without_waiting_for_more() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.fold(JUNK)
        await scene.keeper.finish(LONG)
        (outputs,) = scene.writer.committed
        assert letters(outputs) == [0]
        assert now() < LINGER_SECONDS
        assert scene.writer.closed.is_set()
        assert scene.keeper.ended

    run(scenario())


def test_finishing_waits_for_the_transaction_under_way_and_carries_out_what_came_behind_it() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.writer.gate.clear()
        await scene.close_slice(0)
        await scene.transaction()
        await scene.fold(JUNK, second=15)
        finishing = asyncio.create_task(scene.keeper.finish(LONG))
        await asyncio.sleep(LONG / 2)
        assert not finishing.done()
        scene.writer.gate.set()
        await finishing
        first, second = scene.writer.committed
        assert (slices(first), letters(second)) == ([0], [2])

    run(scenario())


def test_finishing_gives_a_broker_that_is_away_its_time_and_no_more() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.writer.gate.clear()
        await scene.close_slice(0)
        await scene.transaction()
        began = now()
        await scene.keeper.finish(3.0)
        assert now() - began == pytest.approx(3.0)
        assert scene.writer.closed.is_set()
        assert not scene.writer.committed
        assert not scene.ends

    run(scenario())


def test_finishing_with_nothing_left_writes_nothing() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.fold(event(0))
        await scene.keeper.finish(LONG)
        assert scene.writer.begun.empty()
        assert scene.writer.closed.is_set()

    run(scenario())


# -- recovery and gaps ----------------------------------------------------------------------------------------------


async def saved_state() -> dict[bytes, bytes]:
    """Rows of an owner before, whose open slice needs the records from offset 1 on; the last one folded is 3."""
    scene = Scene()
    await scene.fold(event(0), event(10), event(11), event(12), second=12)
    saved = rows(await scene.transaction())
    await scene.keeper.drop()
    return {name: value for name, value in saved.items() if value is not None}


def test_nothing_is_taken_while_records_are_folded_again() -> None:
    async def scenario() -> None:
        scene = Scene(rows=await saved_state(), offset=1)
        assert scene.keeper.saved_offset == 4
        assert scene.ownership.expected == 1
        await scene.fold(event(10), event(11), second=12)
        assert scene.keeper.engine.replaying
        assert await scene.nothing_begins()
        await scene.fold(event(12), JUNK, event(20), second=20)
        outputs = await scene.transaction()
        assert (slices(outputs), letters(outputs)) == ([10], [4])
        await scene.keeper.drop()

    run(scenario())


def test_nothing_is_taken_at_the_end_either() -> None:
    async def scenario() -> None:
        scene = Scene(rows=await saved_state(), lateness_ms=5_000, offset=1)
        await scene.fold(event(10), second=12)
        await scene.keeper.finish(LONG)
        assert scene.writer.begun.empty()

    run(scenario())


def test_what_recovery_has_to_tell_goes_out_by_itself() -> None:
    async def scenario() -> None:
        scene = Scene(rows=await saved_state(), lateness_ms=5_000, offset=1)
        await scene.fold(event(10), event(11), event(12), second=12)
        outputs = await scene.transaction()
        audit = [json.loads(one.value or b"") for one in outputs if one.topic == SETTINGS.audit_topic]
        assert [record["type"] for record in audit] == ["policy"]
        await scene.keeper.drop()

    run(scenario())


def test_a_gap_in_the_log_is_told_with_the_place_where_it_goes_on() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.fold(event(0))
        await scene.keeper.skip_to(50)
        outputs = await scene.transaction()
        (audit,) = [json.loads(one.value or b"") for one in outputs if one.topic == SETTINGS.audit_topic]
        assert (audit["type"], audit["detail"]) == ("gap", {"from": 1, "to": 50})
        await scene.keeper.drop()

    run(scenario())


def test_a_gap_before_the_first_record_waits_for_a_place_in_the_log() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.keeper.skip_to(50)
        assert await scene.nothing_begins()
        scene.offset = 50
        await scene.fold(event(0))
        outputs = await scene.transaction()
        assert outputs[0].topic == SETTINGS.audit_topic
        await scene.keeper.drop()
        assert not scene.ends

    run(scenario())
