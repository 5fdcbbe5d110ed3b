"""Logs for tests: standards with every measure and kind of window, and strategies that build records of all sorts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from streams.calendars.periods import DAY_MS, Period, Window
from streams.decisions.breaches import Decision
from streams.decoding.batch import Batch
from streams.decoding.dead_letters import DeadLetter
from streams.engine.closing import Advanced
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.events.control_records import tick
from streams.standards.model import (
    Abandonment,
    FailureFree,
    Measure,
    Objective,
    ProbeAvailability,
    RequestAvailability,
    ResponseTimeWithin,
    Service,
    Standards,
    Verdict,
)
from streams.texts.phrase import Text
from tests.oracles.oracle import Record

S = 1_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
T0 = 1_772_438_400_000  # 2026-03-02 08:00:00 UTC


def rolling(name: str, milliseconds: int) -> Window:
    return Window(name, rolling_ms=milliseconds)


def calendar(period: Period) -> Window:
    return Window(f"calendar {period}", period=period)


def objective(name: str, measure: Measure, window: Window, target: str = "0.8", minimum_total: int = 1) -> Objective:
    return Objective(name, measure, Fraction(target), window, Text(name, name), minimum_total)


def standards(*objectives_of: tuple[str, Sequence[Objective]], timezone: str = "UTC") -> Standards:
    """Standards of services with objectives, in the order given."""
    services = {
        name: Service(name, Text(name, name), objectives={o.name: o for o in objectives})
        for name, objectives in objectives_of
    }
    return Standards(timezone=timezone, services=services)


#: The four published formulas of contact centres, for 10 s.
FORMULAS: Mapping[str, Abandonment] = {
    "of-offered": Abandonment(Verdict.BAD, Verdict.BAD),
    "of-answered": Abandonment(Verdict.EXCLUDED, Verdict.EXCLUDED),
    "abandoned-in-time-good": Abandonment(Verdict.GOOD, Verdict.BAD),
    "short-abandons-excluded": Abandonment(Verdict.BAD, Verdict.BAD, short_us=5_000_000),
}


def rich_standards(zone: str) -> Standards:
    """Every measure, and windows of every kind: of fine slices, of coarse ones, of calendar periods."""
    ten_s = 10_000_000
    hotline = [
        objective("o1", ResponseTimeWithin(ten_s, abandoned=FORMULAS["of-offered"]), rolling("5m", 300_000)),
        objective("o2", ResponseTimeWithin(ten_s, "ring", abandoned=FORMULAS["of-answered"]), rolling("2h", 2 * HOUR)),
        objective("o3", ResponseTimeWithin(ten_s, class_="gold", failed=Verdict.EXCLUDED), rolling("3d", 3 * DAY_MS)),
        objective(
            "o4",
            ResponseTimeWithin(ten_s, abandoned=FORMULAS["short-abandons-excluded"]),
            calendar(Period.DAY),
            minimum_total=3,
        ),
    ]
    desk = [
        objective("by-request", RequestAvailability(), rolling("28d", 28 * DAY_MS), "0.9"),
        objective("by-request-too", RequestAvailability(), rolling("1h", HOUR), "0.9", minimum_total=4),
        objective("by-probe", ProbeAvailability(), rolling("1h", HOUR), "0.95"),
        objective("door", ProbeAvailability("door"), calendar(Period.MONTH), "1"),
    ]
    clinic = [
        objective("nothing-wrong", FailureFree(), rolling("1d", DAY_MS), "0.75"),
        objective("not-rude", FailureFree(frozenset({"rude"}), "ring"), rolling("10s", 10 * S), "1"),
    ]
    return standards(("hotline", hotline), ("desk", desk), ("clinic", clinic), timezone=zone)


# -- events -----------------------------------------------------------------------------------------------------------

SERVICES = ("hotline", "desk", "clinic", "undeclared 服务")
STEPS = (None, "", "ring", "door")

_LABELS = {
    "service": st.sampled_from(SERVICES),
    "step": st.sampled_from(STEPS),
    "class": st.sampled_from((None, "gold", "web", "")),
}
_DURATIONS = st.one_of(
    st.none(),
    st.sampled_from((0, 4.999999, 5, 5.000001, 9.999999, 10, 10.000001, 34_560_000)),
    st.integers(0, 40_000_000).map(lambda us: us / 1_000_000),
    st.integers(0, 60).map(lambda us: us / 1_000_000),
)

INTERACTIONS = st.fixed_dictionaries(
    _LABELS,
    optional={
        "duration": _DURATIONS,
        "outcome": st.sampled_from(("ok", "failed", "abandoned")),
        "failure_point": st.sampled_from((None, "", "rude", "queue")),
        "id": st.sampled_from((None, "", "a", "b")),
        "case": st.sampled_from((None, "", "c1")),
        "kind": st.just("interaction"),
    },
)
#: The longest are drawn seldom: by a probe that holds a day an engine closes thousands of slices.
_HOLDS = (0, 0.5, 10, 25.5, 60, 600) * 2 + (7_200, 86_400)
PROBES = st.fixed_dictionaries(
    {**_LABELS, "kind": st.just("probe"), "up": st.booleans()},
    optional={
        "holds": st.sampled_from(_HOLDS),
        "id": st.sampled_from(("a", "b")),
    },
)
OTHERS = st.sampled_from(
    (
        {"kind": "feedback", "score": 5},
        {"kind": "case", "case": "c1", "transition": "opened"},
        {"kind": "case", "case": "c1", "transition": "answered", "id": "a"},
        {"kind": "case", "case": "c1", "transition": "resolved", "id": "a"},
        {"kind": "case", "case": "c1", "transition": "resolved", "failure_point": "rude"},
        {"kind": "check", "item": "clean", "passed": None},
        {"kind": "check", "item": "clean", "passed": False, "failure_point": "queue"},
        {"kind": "measure", "indicator": "calls", "value": 3, "of": 4},
    )
)
#: What producers write where they have nothing to say, or say it otherwise.
UNREADABLE: Mapping[str, tuple[object, ...]] = {
    "duration": ("-", "", "12ms", "0.000, 0.004", -1, -0.001, True, [1], {}, 34_560_001, float("nan")),
    "holds": ("30s", -1, 86_401),
    "step": (5, "x" * 201),
    "class": (["gold"], False),
    "id": (5,),
    "customer": ({"id": 5},),
}
SPOILED = st.sampled_from([(name, value) for name, values in UNREADABLE.items() for value in values])
EVENTS = st.builds(
    lambda event, spoiled: {**event, **dict(spoiled)},
    st.one_of(
        INTERACTIONS,
        INTERACTIONS,
        INTERACTIONS,
        PROBES,
        st.builds(lambda labels, other: {**labels, **other}, st.fixed_dictionaries(_LABELS), OTHERS),
    ),
    st.one_of(st.just(()), st.just(()), st.lists(SPOILED, max_size=2)),
)

GARBAGE = st.sampled_from(
    (
        Record(None, reason="tombstone"),
        Record(b"", reason="not-json"),
        Record(b'{"time":1', reason="not-json"),
        Record(b'["time"]', reason="not-an-object"),
        Record(b'{"time":1,"service":"a\xff"}', reason="invalid-utf8"),
        Record(b'{"time":1}', reason="missing-service"),
        Record(b'{"service":"hotline"}', reason="missing-time"),
        Record(b'{"time":1,"service":"hotline","kind":"probe"}', reason="missing-field"),
        Record(b'{"time":1,"service":"hotline","outcome":"OK"}', reason="invalid-value"),
        Record(b'{"time":1,"service":"hotline","x":"' + b"x" * 70_000 + b'"}', reason="too-large"),
        Record(b'{"time":-1,"service":"hotline"}', reason="time-out-of-range"),
        Record(b'{"time":1772438400000,"service":"hotline"}', reason="time-out-of-range"),
        Record(b'{"kind":"control","type":"tick"}', reason="ignored"),
    )
)


def raw(event: Mapping[str, Any], time_ms: int, shape: str = "seconds") -> bytes:
    """``event`` at ``time_ms`` on the wire: time in seconds, as text in some zone, or within a CloudEvent."""
    plain = {name: value for name, value in event.items() if value is not None or name == "passed"}
    if shape == "seconds":
        return json.dumps({**plain, "time": time_ms / 1_000}).encode()
    zone = timezone(timedelta(minutes={"utc": 0, "text": 330, "cloud": -210}[shape]))
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)).astimezone(zone).isoformat()
    if shape != "cloud":
        return json.dumps({**plain, "time": text.replace("+00:00", "Z")}).encode()
    kind = plain.pop("kind", "interaction")
    source = ("/x", "/y", "")[time_ms % 3]
    envelope = {"specversion": "1.0", "type": f"com.example.{kind}", "source": source, "time": text, "data": plain}
    if "id" in plain:
        envelope["id"] = plain.pop("id")
    return json.dumps(envelope).encode()


# -- logs -------------------------------------------------------------------------------------------------------------

#: Where logs begin: an ordinary day, days on which clocks change, month ends, and both ends of time.
BEGINNINGS = (
    T0,
    1_772_953_000_000,  # 2026-03-08, New York's clocks go forward
    1_793_500_000_000,  # 2026-11-01, and back
    1_774_972_700_000,  # 2026-03-31 15:58:20 UTC, a month's end in Shanghai
    0,
    32_503_600_000_000,  # the last day before the year 3000
)
_STEPS_FORWARD = st.one_of(
    st.integers(0, 3 * S),
    st.integers(0, 30 * S),
    st.sampled_from((0, 10 * S, MINUTE, 5 * MINUTE)),
    st.integers(0, 2 * HOUR),
)
_JUMPS = st.one_of(_STEPS_FORWARD, st.integers(0, 3 * DAY_MS), st.sampled_from((7 * DAY_MS, 30 * DAY_MS, 70 * DAY_MS)))


@st.composite
def logs(
    draw: st.DrawFn,
    *,
    jumps: bool = True,
    longest: int = 40,
    events: st.SearchStrategy[dict[str, Any]] = EVENTS,
) -> list[Record]:
    """A log as partitions see them: disorder within and beyond the lateness, fast clocks, repetitions, garbage."""
    clock = draw(st.sampled_from(BEGINNINGS))
    stamped = draw(st.booleans())
    records: list[Record] = []
    for _ in range(draw(st.integers(0, longest))):
        clock += draw(_JUMPS if jumps and draw(st.integers(0, 5)) == 0 else _STEPS_FORWARD)
        stamp = clock + draw(st.integers(0, 500)) if stamped and draw(st.integers(0, 9)) else -1
        what = draw(st.integers(0, 19))
        if what == 0:
            records.append(draw(GARBAGE))
        elif what in (2, 3):
            records.append(Record(tick(), stamp))
        elif what == 1 and records:
            records.append(records[draw(st.integers(0, len(records) - 1))])
        else:
            off = draw(st.one_of(st.integers(-20 * S, 0), st.integers(-150 * S, 100 * S), st.just(400 * S)))
            shape = draw(st.sampled_from(("seconds", "seconds", "utc", "text", "cloud")))
            records.append(Record(raw(draw(events), max(0, clock + (off if off <= 0 or stamped else 0)), shape), stamp))
    return records


@st.composite
def orderly_logs(draw: st.DrawFn, *, span: int = 3 * HOUR) -> list[tuple[int, dict[str, Any]]]:
    """Events with their times in order, none repeated, no two probes at the same time; nothing in them is late."""
    times = sorted(draw(st.sets(st.integers(0, span), max_size=30)))
    return [(T0 + time, {**draw(EVENTS), "id": None}) for time in times]


# -- running them -----------------------------------------------------------------------------------------------------


def batches(records: Sequence[Record], sizes: Iterable[int] = (10_000,)) -> Iterator[Batch]:
    """``records`` in batches of ``sizes``, the last size repeated."""
    position, remaining = 0, iter(sizes)
    size = next(remaining)
    while position < len(records):
        part = records[position : position + size]
        yield Batch.of("events", 0, [r.raw for r in part], position, [r.stamp for r in part])
        position, size = position + size, next(remaining, size)


class Run:
    """An engine that has read a log, and everything it gave on the way."""

    def __init__(
        self,
        standards_: Standards,
        records: Sequence[Record],
        *,
        sizes: Iterable[int] = (10_000,),
        advance_every: int = 1,
        policy: TimePolicy | None = None,
    ) -> None:
        self.engine = Engine(Start("events", 0, standards_, policy=policy))
        self.letters: list[DeadLetter] = []
        self.advanced: list[Advanced] = []
        for number, batch in enumerate(batches(records, sizes), 1):
            self.letters += self.engine.fold(batch)
            if number % advance_every == 0:
                self.advanced.append(self.engine.advance())
        self.advanced.append(self.engine.advance())

    @property
    def decisions(self) -> list[Decision]:
        return [decision for advanced in self.advanced for decision in advanced.decisions]

    def outcome(self) -> tuple[object, ...]:
        """Everything that may depend on nothing but the log."""
        slices = [one for advanced in self.advanced for one in advanced.slices]
        windows = [*self.engine.standards.windows(), rolling("2d", 2 * DAY_MS), rolling("9d", 9 * DAY_MS)]
        readings = [self.engine.cumulative(), *map(self.engine.read, windows)]
        return self.letters, slices, self.decisions, self.engine.progress, readings


def decided(decisions: Iterable[Decision]) -> list[tuple[int, str, str, str, int, int]]:
    """Decisions as the oracle gives them."""
    return sorted((d.at_ms, d.service, d.objective, str(d.change), d.ratio.good, d.ratio.total) for d in decisions)
