"""The life of a breach, drawn: a place is a slice of 10 s, g and b are events; ! opens the breach, . closes it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.calendars.periods import DAY_MS, Period
from streams.decisions.breaches import Change, Decisions
from streams.engine.watermark import TimePolicy
from streams.slices.history import Grid, histories
from streams.slices.slice import Counts
from streams.slices.sparse_table import SATURATED, SparseTable
from streams.standards.model import Objective, ProbeAvailability, RequestAvailability
from tests.oracles.logs import HOUR, MINUTE, T0, Run, S, calendar, decided, objective, raw, rolling, standards
from tests.oracles.oracle import Oracle, Record

PUNCTUAL = TimePolicy(lateness_ms=0)
SLICE = 10 * S


def event(time_ms: int, good: bool, service: str = "desk") -> Record:
    return Record(raw({"service": service, "outcome": "ok" if good else "failed"}, time_ms))


def passing(time_ms: int) -> Record:
    """Somebody else's event: time passes."""
    return Record(raw({"service": "elsewhere", "kind": "feedback", "score": 1}, time_ms))


def drawn(events: str, judged: Objective) -> str:
    """What is decided at each slice end; nothing but the drawn events happens."""
    records = [
        event(T0 + place * SLICE + number, mark == "g")
        for place, marks in enumerate(events.split("|"))
        for number, mark in enumerate(marks.strip())
    ]
    end_ms = T0 + len(events.split("|")) * SLICE
    run = Run(standards(("desk", [judged])), [*records, passing(end_ms)], policy=PUNCTUAL)
    marks = {Change.OPENED: "!", Change.CLOSED: "."}
    decisions = {decision.at_ms: marks[decision.change] for decision in run.decisions}
    return "|".join(decisions.get(T0 + (place + 1) * SLICE, "") for place in range(len(events.split("|"))))


def half_good(window_slices: int, target: str = "0.5", minimum: int = 1) -> Objective:
    window = rolling(f"{window_slices * 10}s", window_slices * SLICE)
    return objective("o", RequestAvailability(), window, target, minimum)


@pytest.mark.parametrize(
    ("events", "judged", "expected"),
    [
        ("g|b|b|g|g", half_good(10), "||!|."),
        ("b||||", half_good(3), "!|||.|"),
        ("b|g|b|b|||||", half_good(3), "!|.|!||||.|"),
        ("bb||b||||||", half_good(3, minimum=2), "!|||.||||||"),
        ("b|b|b||||||", half_good(3, minimum=2), "|!|||.|||"),
        ("g|g|gb|g|||", half_good(3, "1"), "||!|||.|"),
        ("b||||b||||", half_good(2), "!||.||!||."),
        ("bg|bg|bg", half_good(10), "||"),
        ("b|b|b|b|ggggg|", half_good(10), "!||||.|"),
    ],
    ids=[
        "it opens when too many are bad and closes when enough are good again",
        "it closes when the bad event leaves, with no further event",
        "it may open again",
        "it closes when fewer than the minimum are left",
        "it opens only with the minimum total",
        "a target of 100 % is missed by one",
        "two breaches",
        "exactly on target is met",
        "it stays open while nothing changes",
    ],
)
def test_the_life_of_a_breach(events: str, judged: Objective, expected: str) -> None:
    assert drawn(events, judged).rstrip("|") == expected.rstrip("|")


def test_a_decision_says_what_decided_it() -> None:
    records = [event(T0, True), event(T0 + 1, False), event(T0 + 2, False), passing(T0 + HOUR)]
    opened, closed = Run(standards(("desk", [half_good(6)])), records, policy=PUNCTUAL).decisions
    assert (opened.service, opened.objective, opened.change, opened.at_ms) == ("desk", "o", Change.OPENED, T0 + SLICE)
    assert (opened.ratio.good, opened.ratio.total) == (1, 3)
    assert (closed.change, closed.at_ms) == (Change.CLOSED, T0 + SLICE + MINUTE)
    assert (closed.ratio.good, closed.ratio.total) == (0, 0)


@pytest.mark.parametrize(
    ("zone", "before", "closes"),
    [
        ("UTC", 1_774_994_400_000, 1_775_001_600_000),  # 2026-03-31 22:00Z; April begins at 2026-04-01 00:00Z
        ("Asia/Shanghai", 1_774_965_600_000, 1_774_972_800_000),  # 14:00Z; April begins at 16:00Z
        ("America/New_York", 1_775_008_800_000, 1_775_016_000_000),  # 02:00Z; at 04:00Z, in summer time
    ],
)
def test_a_calendar_month_starts_afresh(zone: str, before: int, closes: int) -> None:
    monthly = objective("o", RequestAvailability(), calendar(Period.MONTH), "0.5")
    records = [event(before, False), passing(before + 30 * DAY_MS)]
    run = Run(standards(("desk", [monthly]), timezone=zone), records, policy=PUNCTUAL)
    assert [(d.change, d.at_ms) for d in run.decisions] == [
        (Change.OPENED, before + SLICE),
        (Change.CLOSED, closes + SLICE),
    ]


def test_silence_of_probes_neither_opens_nor_closes_before_the_window_has_passed() -> None:
    up = objective("up", ProbeAvailability(), rolling("1h", HOUR), "0.9")
    records = [
        Record(raw({"service": "desk", "kind": "probe", "up": True, "holds": 600}, T0)),
        Record(raw({"service": "desk", "kind": "probe", "up": False, "holds": 120}, T0 + 300 * S)),
        passing(T0 + 5 * HOUR),
    ]
    run = Run(standards(("desk", [up])), records, policy=PUNCTUAL)
    # Down for 40 s of 340 s is too much, and stays so until all of it has left the window.
    assert [(d.change, (d.at_ms - T0) // S, d.ratio.good, d.ratio.total) for d in run.decisions] == [
        (Change.OPENED, 340, 300_000, 340_000),
        (Change.CLOSED, 4_020, 0, 0),
    ]


def test_objectives_of_one_window_are_told_apart() -> None:
    judged = standards(("desk", [half_good(6)]), ("door", [half_good(6)]))
    records = [
        event(T0, False, "desk"),
        event(T0 + SLICE, True, "door"),
        event(T0 + 2 * SLICE, False, "door"),
        event(T0 + 3 * SLICE, False, "door"),
        passing(T0 + HOUR),
    ]
    run = Run(judged, records, policy=PUNCTUAL)
    assert decided(run.decisions) == Oracle(judged, records, 0).decisions(at_every_slice=True)
    assert [(d.service, (d.at_ms - T0) // SLICE) for d in run.decisions] == [
        ("desk", 1),
        ("door", 4),
        ("desk", 7),
        ("door", 10),
    ]


def test_a_breach_that_is_open_is_in_every_reading() -> None:
    judged = standards(("desk", [half_good(6)]))
    run = Run(judged, [event(T0, False), passing(T0 + 2 * SLICE)], policy=PUNCTUAL)
    for reading in (run.engine.cumulative(), run.engine.read(rolling("60s", 60 * S))):
        assert [level.breached_since_ms for level in reading.objectives] == [T0 + SLICE]


def test_long_windows_lose_whole_days() -> None:
    month = objective("o", RequestAvailability(), rolling("28d", 28 * DAY_MS), "0.5")
    run = Run(standards(("desk", [month])), [event(T0, False), passing(T0 + 40 * DAY_MS)], policy=PUNCTUAL)
    midnight = T0 // DAY_MS * DAY_MS + DAY_MS
    assert [d.at_ms for d in run.decisions] == [T0 + SLICE, midnight + 28 * DAY_MS]


def test_two_targets_for_the_same_measure_and_window_are_each_judged() -> None:
    records = [event(T0, good=True), event(T0 + 1, good=False), passing(T0 + SLICE)]
    targets = [("half", "0.5"), ("all", "1")]
    for ordered in (targets, targets[::-1]):  # neither hides the other
        promises = [objective(name, RequestAvailability(), rolling("1h", HOUR), target) for name, target in ordered]
        run = Run(standards(("desk", promises)), records, policy=PUNCTUAL)
        assert [(one.objective, one.change) for one in run.decisions] == [("all", Change.OPENED)]


@pytest.mark.parametrize("target", ["0.999999999", "0.99", "1"])
def test_totals_and_targets_too_large_for_64_bits_are_judged_exactly(target: str) -> None:
    promise = objective("o", RequestAvailability(), rolling("1h", HOUR), target)
    promises = standards(("desk", [promise]))
    for good, total in ((SATURATED - 1, SATURATED), (SATURATED // 100 * 99, SATURATED), (1 << 41, (1 << 41) + 1)):
        history = histories(Grid("UTC"), 400 * DAY_MS)[0]
        decisions = Decisions(promises, {("desk", "o"): 0}, history)
        counts = Counts(ratios=SparseTable(np.array([0]), np.array([[good, total]])))
        history.append(T0, counts)
        opened = list(decisions.decide(T0 + SLICE, counts))
        assert bool(opened) == (good < promise.target * total)
