"""A service floor at one moment, made of real readings, for tests of the exposition and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from agents.status.rekeying import RekeyStatus
from agents.status.worker import PartitionStatus, RecoveryStatus, State, TransactionStatus, WorkerStatus
from streams.calendars.periods import Period, Window
from streams.engine.progress import Progress
from streams.events.rejections import Reason
from streams.slices.distribution import Distribution, buckets_of
from streams.slices.ratio import Ratio
from streams.slices.sparse_table import SparseTable
from streams.standards.model import Objective, RequestAvailability, ResponseTimeWithin, Service, Stage, Standards, Step
from streams.texts.phrase import Text
from streams.views.levels import ObjectiveLevel, Reading, StepLevel

if TYPE_CHECKING:
    from streams.engine.engine import Engine

#: The moment of the floor: 2026-03-02 08:00:00 UTC, in milliseconds since 1970.
NOW_MS = 1_772_438_400_000


def durations(*seconds: float) -> Distribution:
    """The distribution of these durations."""
    microseconds = np.array([round(s * 1_000_000) for s in seconds], np.int64)
    keys, counts = np.unique(buckets_of(microseconds), return_counts=True)
    return Distribution(
        count=len(microseconds),
        sum_us=int(microseconds.sum()),
        min_us=int(microseconds.min()),
        max_us=int(microseconds.max()),
        buckets=SparseTable(keys.astype(np.int64), counts.astype(np.int64)[:, None]),
    )


def progress(**changes: Any) -> Progress:
    """The progress of an engine that has read to the end of its log, except for the ``changes``."""
    plain = Progress(
        "service-events",
        0,
        next_offset=48_211,
        records=48_211,
        accepted=48_190,
        duplicates=12,
        watermark_ms=NOW_MS - 61_200,
        newest_ms=NOW_MS - 1_200,
        open_slices=7,
    )
    return replace(plain, **changes)


@dataclass
class FakeEngine:
    """Returns the readings that it was given, by window; has the standards of its floor, or its own."""

    steps: Mapping[str, Sequence[StepLevel]] = field(default_factory=dict)
    objectives: Sequence[ObjectiveLevel] = ()
    progress: Progress = field(default_factory=progress)
    standards: Standards | None = None
    never_found: Sequence[str] = ()

    def read(self, window: Window) -> Reading:
        judged = [replace(o, cumulative=Ratio()) for o in self.objectives if o.objective.window == window]
        return self._reading(window.name, window.rolling_ms or 86_400_000, judged)

    def cumulative(self) -> Reading:
        return self._reading("all", 30 * 86_400_000, [replace(o, window=Ratio()) for o in self.objectives])

    def _reading(self, window: str, length_ms: int, judged: Sequence[ObjectiveLevel]) -> Reading:
        steps = self.steps.get(window, self.steps.get("all", ()))
        return Reading(window, NOW_MS - length_ms, NOW_MS, tuple(steps), tuple(judged))


def worker(**changes: Any) -> WorkerStatus:
    """A running worker that has caught up with its one partition, except for the ``changes``."""
    plain = WorkerStatus(
        State.RUNNING,
        NOW_MS / 1000 - 3_600,
        "127.0.0.1:9092",
        (partition(),),
        (),
        1.25,
        transactions=TransactionStatus(committed=1_204, failed=3, seconds=19.5, last_seconds=0.0123),
        recoveries=RecoveryStatus(count=2, last_seconds=1.25, last_rows=34_567),
        ticks=12,
        rekeying=RekeyStatus(
            records=90_000,
            rejected=12,
            dropped=7,
            transactions=410,
            lag=25,
            never_found={"access-log": ["http.status", "took"], "orders": []},
        ),
    )
    return replace(plain, **changes)


def partition(**changes: Any) -> PartitionStatus:
    """A partition that is read to the end of its log and saved a little before, except for the ``changes``."""
    plain = PartitionStatus(
        "service-events", 0, 48_211, 48_211, 0, caught_up=True, saved_offset=48_190, standards=STANDARDS.digest
    )
    return replace(plain, **changes)


@dataclass
class Floor:
    """A `MonitorView` that tests can change between two reads."""

    standards: Standards = field(default_factory=Standards)
    fakes: list[FakeEngine] = field(default_factory=list)
    worker: WorkerStatus = field(default_factory=worker)

    def engines(self) -> Sequence[Engine]:
        for fake in self.fakes:
            fake.standards = fake.standards or self.standards
        return cast("Sequence[Engine]", self.fakes)

    def status(self) -> WorkerStatus:
        return self.worker


@dataclass(frozen=True)
class OnePartition:
    """A worker with one partition that contains everything, read by a real engine."""

    engine: Engine
    standards: Standards

    def engines(self) -> Sequence[Engine]:
        return [self.engine]

    def status(self) -> WorkerStatus:
        return worker()


MONTH = Window("calendar month", period=Period.MONTH)
ROLLING = Window("28d", rolling_ms=28 * 86_400_000)

ANSWERED = Objective(
    "answered-in-10s",
    ResponseTimeWithin(10_000_000, step="answer"),
    Fraction(95, 100),
    ROLLING,
    Text("Answered within 10 s", "10 秒内接听"),
)
REACHABLE = Objective(
    "reachable", RequestAvailability(), Fraction(999, 1000), MONTH, Text("Reachable", "可接通"), minimum_total=100
)
CHECKED_IN = Objective(
    "checked-in",
    ResponseTimeWithin(300_000_000),
    Fraction(9, 10),
    ROLLING,
    Text("Checked in within 5 min", "5 分钟内入住"),
)

HOTLINE = Service(
    "hotline",
    Text("Customer hotline", "客户服务热线"),
    owner="customer-care",
    steps={
        "answer": Step(
            "answer", Text("Answer the call", "接听来电"), Stage.FRONT, {"queue-overflow": None, "rude": None}
        ),
        "resolve": Step("resolve", Text("Resolve the request", "解决诉求"), Stage.BACK),
    },
    objectives={o.name: o for o in (ANSWERED, REACHABLE)},
)
FRONT_DESK = Service(
    "front-desk",
    Text("Front desk", "前台接待"),
    owner="rooms-division",
    steps={"check-in": Step("check-in", Text("Check-in", "办理入住"), Stage.FRONT)},
    objectives={CHECKED_IN.name: CHECKED_IN},
)
STANDARDS = Standards(
    timezone="Asia/Shanghai",
    services={s.name: s for s in (FRONT_DESK, HOTLINE)},
    digest="3f9ac1d2e5b7a08842c6",
)

ANSWER = StepLevel(
    "hotline",
    "answer",
    ok=1_940,
    failed=21,
    abandoned=88,
    response=durations(*(2 + i * 0.004 for i in range(1_900)), *(11 + i for i in range(40))),
    failure_points={"queue-overflow": 17, "rude": 3, "wrong-transfer": 1},
    probes=Ratio(298_000, 300_000),
    coverage=Ratio(300_000, 400_000),
)
RESOLVE = StepLevel("hotline", "resolve", ok=812, failed=4, response=durations(95, 140.5, 201, 340, 1_210))
CHECK_IN = StepLevel("front-desk", "check-in", ok=64, response=durations(*(60 + i * 2 for i in range(64))))
PAYMENTS = StepLevel(
    "payments-api", "", ok=199_900, failed=100, response=durations(*(0.0004 + i * 0.00001 for i in range(200)))
)


def floor() -> Floor:
    """Three services: the hotline is in breach, the front desk keeps its promise, payments are not declared."""
    engine = FakeEngine(
        steps={"all": (CHECK_IN, ANSWER, RESOLVE, PAYMENTS)},
        objectives=(
            ObjectiveLevel("front-desk", CHECKED_IN, Ratio(6_380, 6_400), Ratio(6_380, 6_400)),
            ObjectiveLevel("hotline", ANSWERED, Ratio(188_011, 200_100), Ratio(188_011, 200_100), NOW_MS - 1_500_000),
            ObjectiveLevel("hotline", REACHABLE, Ratio(47, 47), Ratio(47, 47)),
        ),
        progress=progress(
            rejected=Counter({Reason.LATE: 4, Reason.MISSING_TIME: 3, Reason.NOT_JSON: 2}),
            unknown_fields=31,
            readable=Counter({"duration": 45_000, "step": 48_000}),
            unreadable=Counter({("duration", Reason.WRONG_TYPE): 2_600, ("step", Reason.TOO_LONG): 3}),
            mapped=48_000,
        ),
        never_found=["upstream.time"],
    )
    return Floor(STANDARDS, [engine])


def empty() -> Floor:
    """A worker in its first minute: nothing declared, nothing read, a broker that keeps nothing."""
    unread = PartitionStatus("service-events", 0, 0, 0, 0, caught_up=True)
    nothing = progress(
        next_offset=0, records=0, accepted=0, duplicates=0, watermark_ms=None, newest_ms=None, open_slices=0
    )
    return Floor(
        Standards(digest="0000"),
        [FakeEngine(progress=nothing)],
        worker(partitions=(unread,), warnings=("embedded-broker", "create-time-topic"), ephemeral=True),
    )


def recovering() -> Floor:
    """Three partitions: one complete, one folding records again, one whose state is being read."""
    again = partition(partition=1, next_offset=9_000, lag=3_211, caught_up=False, recovering=True, saved_offset=12_000)
    unread = partition(
        partition=2, next_offset=0, lag=None, caught_up=False, recovering=True, saved_offset=None, standards=None
    )
    complete = FakeEngine(
        steps={"all": (CHECK_IN,)},
        objectives=(ObjectiveLevel("front-desk", CHECKED_IN, Ratio(6_380, 6_400), Ratio(6_380, 6_400)),),
    )
    return Floor(STANDARDS, [complete], worker(state=State.RECOVERING, partitions=(partition(), again, unread)))


def evicted() -> Floor:
    """A worker evicted from its group, with a standards file that was refused."""
    return Floor(
        STANDARDS,
        [],
        worker(
            state=State.EVICTED,
            partitions=(),
            warnings=("broker-silent", "standards-rejected"),
            refused_standards="standards.yaml:12: target: found 120 %, at most 100 % can be promised; write 99 %",
        ),
    )
