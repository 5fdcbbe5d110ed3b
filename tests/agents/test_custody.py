"""Who keeps which partition: real keepers of real engines, recoveries and a group that do as they are told."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from aiokafka.errors import KafkaConnectionError

from agents import custody as custody_module
from agents import keeper as keeper_module
from agents import takeovers as takeovers_module
from agents.custody import Custody, Reading
from agents.exits import Exit, Fault
from agents.partitions import Bounds, Source
from agents.recovery import Recovered
from agents.settings import Settings
from agents.transactions import Fenced, Refused
from agents.watch import Watch
from streams.columns import Batch
from streams.ownership import Ownership, Start, take_over
from streams.standards.model import Standards
from streams.watermark import TimePolicy
from tests.agents.clock import CLOCK, now, run
from tests.agents.fakes import FakeControl, FakeWriter

if TYPE_CHECKING:
    from agents.keeper import Keeper

T0, T1 = Source("t", 0), Source("t", 1)
SETTINGS: Final = Settings.resolve({"session_timeout": "10s"})
SESSION: Final = SETTINGS.session_timeout
T0_MS: Final = 1_772_438_400_000
LONG: Final = 600.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (custody_module, keeper_module, takeovers_module):
        monkeypatch.setattr(module, "time", CLOCK)


class Scene:
    """A worker's custody of the topic t, with a heartbeat at the beginning."""

    def __init__(self) -> None:
        self.control = FakeControl([Standards()])
        self.watch = Watch(60.0, SESSION, now())
        self.member = ("me", 1)
        self.begun: list[tuple[Source, int]] = []
        self.left_alone: list[Source] = []
        self.failures: list[Exception] = []
        self.recovered: list[Source] = []
        self.writers: dict[Source, FakeWriter] = {}
        self.refuse: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.read: dict[Source, int] = {}  # as of a `Recovery`
        self.custody = Custody(
            SETTINGS,
            control=self.control.control,
            recovery=cast("Any", self),
            watch=self.watch,
            reading=Reading(self.begin, self.left_alone.append, lambda: self.member, lambda _: 2),
            fail=self.failures.append,
        )

    async def begin(self, source: Source, offset: int) -> None:
        self.begun.append((source, offset))

    def recovery(self, source: Source, damaged: tuple[str, ...] = ()) -> Recovered:
        ownership = take_over({}, Start(*source, Standards(), self.control.book, TimePolicy(0)), beginning=0)
        ownership.check(5, 9, None)
        writer = self.writers[source] = FakeWriter()
        return Recovered(Ownership(ownership.engine, damaged), writer, Bounds(5, 9), create_time=False, rows=3)

    async def recover(self, source: Source) -> Recovered:
        await self.gate.wait()
        if self.refuse is not None:
            raise self.refuse
        self.recovered.append(source)
        return self.recovery(source)

    async def assign(self, *sources: Source, generation: int | None = None, member: str = "me") -> None:
        """The group assigns ``sources``, and the consumer asks for keepers of those that have none."""
        before = self.member[1]
        self.member = (member, before + 1 if generation is None else generation)
        self.watch.touched(now())
        self.custody.assigned(sources)
        self.custody.want(self.custody.partitions.unknown(sources))
        await asyncio.sleep(0.5)

    def keeper(self, source: Source) -> Keeper:
        owned = self.custody.partitions.get(*source)
        assert owned is not None
        return owned.keeper

    async def lose(self, source: Source, error: Exception) -> None:
        """A transaction about ``source`` fails."""
        self.writers[source].errors.append(error)
        keeper = self.keeper(source)
        values = [json.dumps({"service": "s", "time": T0_MS / 1_000 + second}).encode() for second in (0, 10)]
        await keeper.fold(Batch.of(*source, values, 5, [T0_MS, T0_MS + 10_000]))
        await asyncio.sleep(0.5)
        assert keeper.ended

    def owned(self) -> list[Source]:
        return [one.source for one in self.custody.partitions.owned()]


# -- assignments ----------------------------------------------------------------------------------------------------


def test_what_is_assigned_is_recovered_and_read_on_from_where_its_log_goes_on() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.gate.clear()
        await scene.assign(T0, T1)
        assert scene.owned() == []
        assert scene.custody.recovering
        assert [(one.recovering, one.state_unread) for one in scene.custody.status()] == [(True, True)] * 2
        scene.gate.set()
        await asyncio.sleep(1)
        assert scene.owned() == [T0, T1]
        assert sorted(scene.begun) == [(T0, 5), (T1, 5)]
        assert not scene.custody.recovering
        assert not scene.custody.evicted
        await scene.custody.finish(LONG)

    run(scenario())


def test_a_member_that_stays_keeps_what_it_has_and_lets_go_of_what_is_revoked() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0, T1)
        kept = scene.keeper(T0)
        await scene.assign(T0)
        assert scene.owned() == [T0]
        assert scene.keeper(T0) is kept
        assert scene.writers[T1].closed.is_set()
        assert not scene.writers[T0].closed.is_set()
        assert len(scene.recovered) == 2
        await scene.custody.finish(LONG)

    run(scenario())


@pytest.mark.parametrize(
    ("generation", "member"),
    [(4, "me"), (3, "another")],
    ids=["a generation was missed", "the group knows this worker by another name"],
)
def test_a_member_that_was_away_keeps_nothing_for_others_may_have_owned_it(generation: int, member: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0, T1)
        before = {source: (scene.keeper(source), scene.writers[source]) for source in (T0, T1)}
        await scene.assign(T0, T1, generation=generation, member=member)
        for source, (keeper, writer) in before.items():
            assert keeper.ended
            assert writer.closed.is_set()
            assert scene.keeper(source) is not keeper
        assert len(scene.recovered) == 4
        await scene.custody.finish(LONG)

    run(scenario())


def test_recoveries_under_way_go_on_only_where_the_member_stays() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.gate.clear()
        await scene.assign(T0, T1)
        await scene.assign(T0)
        assert scene.custody.takeovers.under_way == [T0]
        scene.custody.assigned([T0])  # of the same generation
        assert scene.custody.takeovers.under_way == [T0]
        scene.member = ("me", 9)
        scene.custody.assigned([T0])
        assert scene.custody.takeovers.under_way == []

    run(scenario())


def test_what_was_recovered_for_nothing_is_closed() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        await scene.custody._recovered(T1, scene.recovery(T1))
        assert scene.owned() == [T0]
        assert scene.writers[T1].closed.is_set()
        await scene.custody.finish(LONG)

    run(scenario())


def test_a_worker_that_is_out_of_touch_takes_nothing_over() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.custody.assigned([T0])
        await asyncio.sleep(SESSION)
        scene.custody.want([T0])
        await asyncio.sleep(LONG)
        assert scene.recovered == []
        scene.watch.touched(now())
        await asyncio.sleep(0.5)
        assert scene.recovered == [T0]
        await scene.custody.finish(LONG)

    run(scenario())


def test_damaged_state_is_remembered() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        assert not scene.custody.damaged
        await scene.assign(T0, T1)
        scene.custody.partitions.keep_only({T0})
        await scene.custody._recovered(T1, scene.recovery(T1, damaged=("m",)))
        assert scene.custody.damaged
        await scene.custody.finish(LONG)

    run(scenario())


# -- refusals -------------------------------------------------------------------------------------------------------


def test_a_worker_whose_partition_another_took_over_drops_it_and_waits_for_its_group() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0, T1)
        await scene.lose(T0, Fenced())
        assert scene.custody.evicted
        assert scene.owned() == [T1]
        assert scene.left_alone == [T0]
        assert scene.writers[T0].closed.is_set()
        scene.watch.touched(now())
        scene.custody.want([T0])
        await asyncio.sleep(LONG)
        assert scene.recovered.count(T0) == 1, "it would put the other out of business in turn"
        scene.custody.assigned([T1])
        assert not scene.custody.evicted
        assert scene.failures == []
        await scene.custody.finish(LONG)

    run(scenario())


def test_it_ends_only_if_its_group_still_counts_it_as_the_owner_after_a_session() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        await scene.lose(T0, Fenced())
        lost = now()
        scene.custody.check(lost + LONG)  # no heartbeat since: the group may have given it away long ago
        scene.watch.touched(lost + 1)
        scene.custody.check(lost + 1)
        scene.custody.check(lost + SESSION - 1)
        with pytest.raises(Fault, match=r"t/0 is owned by another process .* make sure that no other") as caught:
            scene.custody.check(lost + SESSION + 1)
        assert caught.value.exit_code == Exit.STALLED

    run(scenario())


def test_a_partition_that_comes_back_with_an_assignment_is_taken_over_again() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        await scene.lose(T0, Fenced())
        await scene.assign(T0)
        assert scene.owned() == [T0]
        assert not scene.custody.evicted
        scene.custody.check(now() + LONG)
        await scene.custody.finish(LONG)

    run(scenario())


@pytest.mark.parametrize("error", [KafkaConnectionError(), TimeoutError(), ConnectionError()], ids=repr)
def test_after_a_transaction_of_unknown_end_it_recovers_once_a_later_heartbeat_confirms_that_it_owns(
    error: Exception,
) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        await scene.lose(T0, error)
        assert scene.owned() == []
        assert scene.custody.recovering
        assert not scene.custody.evicted
        await asyncio.sleep(SESSION / 2)
        assert scene.recovered == [T0], "whoever is no owner any more must not fence the one who is"
        scene.watch.touched(now())
        await asyncio.sleep(1)
        assert scene.recovered == [T0, T0]
        assert scene.owned() == [T0]
        scene.custody.check(now() + LONG)
        await scene.custody.finish(LONG)

    run(scenario())


def test_what_kafka_refuses_for_good_ends_the_worker_with_the_reason() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        await scene.lose(T0, Refused("MessageSizeTooLargeError: too large"))
        (fault,) = scene.failures
        assert isinstance(fault, Fault)
        assert fault.exit_code == Exit.STALLED
        assert "refuses what was concluded about t/0: MessageSizeTooLargeError: too large; “slm topics”" in str(fault)
        assert not scene.custody.recovering

    run(scenario())


def test_an_error_of_our_own_ends_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        error = ZeroDivisionError("oops")
        await scene.lose(T0, error)
        assert scene.failures == [error]

    run(scenario())
    assert "ZeroDivisionError: oops" in caplog.text


def test_a_client_that_may_not_take_over_ends_with_the_reason() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.refuse = Refused("TransactionalIdAuthorizationFailed")
        await scene.assign(T0)
        (fault,) = scene.failures
        assert isinstance(fault, Fault)
        assert fault.exit_code == Exit.STALLED
        assert "take over t/0: TransactionalIdAuthorizationFailed; give this client the right" in str(fault)

    run(scenario())


def test_a_topic_that_has_gained_partitions_is_not_taken_over() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.control.grown = Fault("t has 8 partitions and had 4", Exit.UNAVAILABLE)
        await scene.assign(T0)
        assert scene.failures == [scene.control.grown]
        assert scene.recovered == []

    run(scenario())


@pytest.mark.parametrize("error", [Fenced(), KafkaConnectionError(), Refused("why")], ids=repr)
def test_the_end_of_a_keeper_that_was_let_go_already_changes_nothing(error: Exception) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        keeper = scene.keeper(T0)
        scene.custody.assigned([])
        scene.custody._ended(keeper, error)
        scene.watch.touched(now())
        await asyncio.sleep(LONG)
        assert scene.recovered == [T0], "somebody else may own it by now"
        assert scene.failures == []
        assert not scene.custody.evicted

    run(scenario())


# -- what others see ------------------------------------------------------------------------------------------------


def test_the_watch_is_shown_what_moves_and_why_it_may_not() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        scene.refuse = KafkaConnectionError()
        scene.read[T1] = 40
        await scene.assign(T0, T1)
        owned, coming = scene.custody.moving()
        assert owned == (T0, 5, True, None)
        assert coming == (T1, 40, True, f"t/1: {scene.refuse!r}")
        assert scene.custody.waits() == f"t/1: {scene.refuse!r}"
        scene.refuse = None
        await asyncio.sleep(1)
        assert scene.custody.waits() is None
        await scene.custody.finish(LONG)

    run(scenario())


def test_a_transaction_under_way_is_something_to_do() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        scene.writers[T0].gate.clear()
        keeper = scene.keeper(T0)
        await keeper.fold(Batch.of(*T0, [b"junk"] * 4, 5, [T0_MS] * 4))
        await asyncio.sleep(LONG)
        (moving,) = scene.custody.moving()
        assert (moving.position, moving.waiting, moving.why) == (9, True, keeper.waits)
        scene.writers[T0].gate.set()
        await asyncio.sleep(1)
        (moving,) = scene.custody.moving()
        assert (moving.position, moving.waiting) == (18, False)
        await scene.custody.finish(LONG)

    run(scenario())


def test_at_the_end_every_keeper_carries_out_what_is_left_and_recoveries_are_given_up() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.assign(T0)
        await scene.keeper(T0).fold(Batch.of(*T0, [b"junk"], 5, [T0_MS]))
        scene.gate.clear()
        await scene.assign(T0, T1)
        await scene.custody.finish(LONG)
        assert len(scene.writers[T0].committed) == 1
        assert scene.writers[T0].closed.is_set()
        assert scene.owned() == []
        assert scene.custody.takeovers.under_way == []
        assert T1 not in scene.recovered

    run(scenario())
