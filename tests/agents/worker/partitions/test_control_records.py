from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from agents.files.standards_file import StandardsFile
from agents.kafka.bounds import LogBounds
from agents.worker.partitions.control_records import Upkeep, is_idle, wants
from agents.worker.partitions.owned import OwnedPartition
from streams.decoding.batch import SourcePartition
from streams.engine.standards_log import ProposedStandards
from streams.events import control_records
from streams.standards.model import Standards
from tests.fakes.engine import FakeControl, FakeEngine, as_fake, fake_task, partitions_of

T0, T1 = SourcePartition("t", 0), SourcePartition("t", 1)
IN_FORCE: Final = StandardsFile(Standards(digest="in force"), "as it is", 500)
NEW: Final = StandardsFile(Standards(digest="new"), "as it shall be", 1_000)
TICK: Final = 10.0


@dataclass
class Scene:
    """Upkeep of partition 0 of t, which has been read to its end; ``appended`` holds what it wrote, by source."""

    file: StandardsFile = IN_FORCE
    appended: list[tuple[SourcePartition, bytes]] = field(default_factory=list)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.control = FakeControl()
        self.partition = partition()
        self.upkeep = Upkeep(cast("Any", self.append), self.control.control, lambda: self.file, TICK)

    @property
    def engine(self) -> FakeEngine:
        return as_fake(self.partition)

    async def append(self, topic: str, number: int, key: bytes | None, value: bytes) -> None:
        assert key is None
        if self.error is not None:
            raise self.error
        self.appended.append((SourcePartition(topic, number), value))

    async def look(self, *moments: float) -> list[dict[str, Any]]:
        """What is appended at these moments."""
        before = len(self.appended)
        for moment in moments:
            await self.upkeep.look([self.partition], moment)
        return [json.loads(value) for _, value in self.appended[before:]]


def partition(*, number: int = 0, create_time: bool | None = False) -> OwnedPartition:
    partitions = partitions_of()
    partitions.add(fake_task("t", number), LogBounds(0, 0), create_time=create_time)
    (owned,) = partitions.owned()
    return owned


TOLD: Final = json.loads(control_records.tick())

# -- ticks ----------------------------------------------------------------------------------------------------------


async def test_an_idle_partition_gets_a_tick_for_every_interval_in_which_nothing_came() -> None:
    scene = Scene()
    assert await scene.look(0, 5, 9.9) == []
    assert await scene.look(10) == [TOLD]
    assert await scene.look(11, 15, 19.9) == []
    assert await scene.look(20) == [TOLD]
    assert scene.upkeep.ticks == 2
    assert scene.appended == [(T0, control_records.tick())] * 2


async def test_what_comes_meanwhile_is_time_that_passes_by_itself() -> None:
    scene = Scene()
    for moment in range(0, 60, 5):
        scene.partition.log_end += 1
        scene.engine.progress.next_offset = scene.partition.log_end
        assert await scene.look(moment) == []
    assert await scene.look(64.9) == []
    assert await scene.look(65) == [TOLD]


async def test_a_tick_that_comes_back_is_no_reason_for_another_before_its_time() -> None:
    scene = Scene()
    assert await scene.look(0, 10) == [TOLD]
    scene.partition.log_end += 1
    scene.engine.progress.next_offset = scene.partition.log_end
    assert await scene.look(11, 20.9) == []
    assert await scene.look(21) == [TOLD]


def not_caught_up(one: OwnedPartition) -> None:
    one.caught_up = False


def behind(one: OwnedPartition) -> None:
    one.log_end = 5


def replaying(one: OwnedPartition) -> None:
    as_fake(one).restoring = True


def stamped_by_producers(one: OwnedPartition) -> None:
    one.create_time = True


def stamped_by_who_knows(one: OwnedPartition) -> None:
    one.create_time = None


def in_the_past(one: OwnedPartition) -> None:
    as_fake(one).tickable = False


@pytest.mark.parametrize(
    "spoil",
    [not_caught_up, behind, replaying, stamped_by_producers, stamped_by_who_knows, in_the_past],
    ids=lambda spoil: spoil.__name__.replace("_", " "),
)
async def test_where_a_tick_would_tell_nothing_none_is_appended(spoil: Any) -> None:
    scene = Scene()
    assert is_idle(scene.partition)
    spoil(scene.partition)
    assert not is_idle(scene.partition)
    assert await scene.look(0, 10, 20, 30) == []


async def test_a_partition_that_was_away_begins_to_be_idle_anew() -> None:
    scene = Scene()
    await scene.look(0)
    await scene.upkeep.look([], 5)
    assert await scene.look(9, 18.9) == []
    assert await scene.look(19) == [TOLD]


# -- what cannot be appended ----------------------------------------------------------------------------------------


async def test_that_kafka_refuses_the_right_to_write_is_known_said_once_and_tried_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(error=TopicAuthorizationFailedError())
    assert await scene.look(0, 10) == []
    assert scene.upkeep.refused
    await scene.look(30, 50)
    assert len(caplog.records) == 1
    scene.error = None
    assert await scene.look(55, 69.9) == []
    assert await scene.look(70) == [TOLD]
    assert not scene.upkeep.refused


@pytest.mark.parametrize("error", [KafkaConnectionError(), TimeoutError()], ids=repr)
async def test_a_broker_that_is_away_is_no_refusal(error: Exception) -> None:
    scene = Scene(error=error)
    assert await scene.look(0, 10) == []
    assert not scene.upkeep.refused
    scene.error = None
    assert await scene.look(29.9) == []
    assert await scene.look(30) == [TOLD]


# -- proposals ------------------------------------------------------------------------------------------------------


async def test_new_standards_are_published_and_then_proposed() -> None:
    scene = Scene(NEW)
    (proposal,) = await scene.look(0)
    assert proposal == json.loads(control_records.standards("new", 1_000))
    assert scene.control.published == [NEW]


async def test_a_proposal_that_could_not_be_published_is_not_made() -> None:
    scene = Scene(NEW)
    scene.engine.tickable = False
    scene.control.unpublishable = KafkaConnectionError()
    assert await scene.look(0, 60) == []
    scene.control.unpublishable = None
    assert len(await scene.look(80)) == 1


async def test_a_proposal_that_does_not_come_back_is_repeated_after_a_while() -> None:
    scene = Scene(NEW)
    scene.engine.tickable = False
    assert len(await scene.look(0, 5, 19.9)) == 1
    assert len(await scene.look(20)) == 1
    scene.engine.latest_standards = ProposedStandards("new", 1_000)
    assert await scene.look(60) == []


async def test_other_new_standards_need_not_wait() -> None:
    scene = Scene(NEW)
    await scene.look(0)
    scene.file = StandardsFile(Standards(digest="newer"), "", 2_000)
    (proposal,) = await scene.look(1)
    assert proposal["hash"] == "newer"


@pytest.mark.parametrize(
    ("digest", "written_ms", "wanted"),
    [
        ("in force", 9_000, False),
        ("new", 1, True),
        ("new", 0, True),
        ("earlier", 1_999, False),
        ("earlier", 2_000, False),
        ("earlier", 2_001, True),
    ],
    ids=[
        "what is the newest already is not proposed again",
        "what was never proposed is",
        "whenever it was written",
        "a worker that starts again with an old file changes nothing",
        "nor does one whose file is as old as the newest proposal",
        "an old content that is meant anew comes back",
    ],
)
def test_what_is_proposed(digest: str, written_ms: int, wanted: bool) -> None:
    one = partition()
    as_fake(one).standards_history = frozenset({"in force", "earlier"})
    as_fake(one).latest_standards = ProposedStandards("in force", 2_000)
    assert wants(one, StandardsFile(Standards(digest=digest), "", written_ms)) is wanted


@pytest.mark.parametrize("spoil", [not_caught_up, replaying])
def test_a_partition_that_is_behind_may_find_newer_standards_in_its_log(spoil: Any) -> None:
    one = partition()
    assert wants(one, NEW)
    spoil(one)
    assert not wants(one, NEW)


def test_standards_that_are_about_to_hold_are_not_proposed_again() -> None:
    one = partition()
    as_fake(one).latest_standards = ProposedStandards("new", 1_000)
    assert not wants(one, NEW)


async def test_every_partition_is_looked_after() -> None:
    scene = Scene(NEW)
    await scene.upkeep.look([scene.partition, partition(number=1)], 0)
    assert [source for source, _ in scene.appended] == [T0, T1]
