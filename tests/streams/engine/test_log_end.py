"""The end of a finite log is the end of probes: figures count what they claim, and nothing else ends by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars.periods import DAY_MS
from streams.derivers.timelines import Timelines
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.slices.ratio import Ratio
from streams.standards.model import Measure, ProbeAvailability, RequestAvailability, Standards
from streams.views.levels import Reading
from tests.oracles.logs import HOUR, MINUTE, PROBES, T0, Run, S, batches, logs, objective, raw, rolling, standards
from tests.oracles.oracle import YEAR_3000, Record
from tests.streams.state.interrupted_log import PLACES, World, with_controls

HOUR_WINDOW = rolling("1h", HOUR)
LOGS = st.one_of(logs(), logs(events=PROBES))


def probe(second: float, *, up: bool = True, holds: float = 30, service: str = "desk", source: str = "") -> Record:
    event = {"kind": "probe", "service": service, "class": source, "up": up, "holds": holds}
    return Record(raw(event, T0 + round(second * S)))


def judged(measure: Measure, window_ms: int = HOUR) -> Standards:
    return standards(("desk", [objective("judged", measure, rolling("its own", window_ms), "0.95")]))


REACHABLE = judged(ProbeAvailability())


def in_log(reading: Reading) -> Ratio:
    (level,) = reading.objectives
    return level.cumulative


def in_window(engine: Engine, *, ended: bool = True) -> Ratio:
    (window,) = (o.window for s in engine.standards.services.values() for o in s.objectives.values())
    (level,) = engine.read(window, ended=ended).objectives
    return level.window


# -- figures ----------------------------------------------------------------------------------------------------------

SIXTY = [probe(10 * i, up=i % 10 != 9, holds=10) for i in range(60)]
LOG_ENDS: dict[str, tuple[list[Record], Ratio]] = {
    "one probe counts for as long as it holds": ([probe(20)], Ratio(30 * S, 30 * S)),
    "probes one behind the other count without a gap": (SIXTY, Ratio(540 * S, 600 * S)),
    "the next of its source replaces a probe in an open slice": (
        [probe(0, holds=60), probe(5, up=False, holds=10)],
        Ratio(5 * S, 15 * S),
    ),
    "down wins in open slices, too": (
        [probe(0, holds=60), probe(5, up=False, holds=10, source="other")],
        Ratio(50 * S, 60 * S),
    ),
    "order in the log is not order in time": ([probe(5, up=False, holds=10), probe(0, holds=60)], Ratio(5 * S, 15 * S)),
    "what holds from closed slices on is replaced in open ones": (
        [probe(0, holds=1_000), probe(300, up=False, holds=100)],
        Ratio(300 * S, 400 * S),
    ),
    "a day of one probe": ([probe(0, holds=86_400)], Ratio(DAY_MS, DAY_MS)),
}


@pytest.mark.parametrize(("records", "expected"), LOG_ENDS.values(), ids=LOG_ENDS)
def test_at_the_end(records: list[Record], expected: Ratio) -> None:
    engine = Run(REACHABLE, records).engine
    reading = engine.cumulative(ended=True)
    assert reading.steps[0].probes == in_log(reading) == in_window(engine) == expected


def test_a_worker_that_may_read_on_counts_probes_as_far_as_slices_are_closed() -> None:
    engine = Run(REACHABLE, SIXTY).engine  # the last probe is at 590 s, and a minute of lateness is allowed
    assert in_log(engine.cumulative()) == in_window(engine, ended=False) == Ratio(480 * S, 530 * S)


def test_open_slices_before_the_window_do_not_count_in_it() -> None:
    engine = Run(judged(ProbeAvailability(), 10 * S), [probe(3, holds=10), probe(25, up=False, holds=30)]).engine
    assert in_log(engine.cumulative(ended=True)) == Ratio(10 * S, 40 * S)
    assert in_window(engine) == Ratio(0, 30 * S), "the window begins at 20 s and goes on to the end of what is held"


def test_a_probe_that_holds_beyond_the_window_moves_nothing_else() -> None:
    by_request = judged(RequestAvailability(), 10 * S)
    interactions = [Record(raw({"service": "desk"}, T0 + second * S)) for second in (0, 9, 12, 19)]
    engine = Run(by_request, [*interactions, probe(15, holds=3_600)]).engine
    left, right = engine.read(rolling("its own", 10 * S)), engine.read(rolling("its own", 10 * S), ended=True)
    assert (left.start_ms, left.end_ms) == (right.start_ms, right.end_ms) == (T0 + 10 * S, T0 + 20 * S)
    assert left.objectives == right.objectives
    assert replace(left.steps[0], probes=Ratio()) == replace(right.steps[0], probes=Ratio())
    assert right.steps[0].probes == Ratio(HOUR, HOUR)


def test_an_empty_log_has_an_end_without_data() -> None:
    engine = Run(REACHABLE, []).engine
    assert engine.cumulative(ended=True) == engine.cumulative()
    assert engine.read(HOUR_WINDOW, ended=True) == engine.read(HOUR_WINDOW)


# -- standards that are about to change -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(REACHABLE, Ratio(25 * S, 35 * S), id="the same measure goes on"),
        pytest.param(standards(), Ratio(10 * S, 10 * S), id="what is judged no more ends with its standards"),
        pytest.param(judged(ProbeAvailability("door")), Ratio(10 * S, 10 * S), id="another measure is another series"),
    ],
)
def test_time_counts_by_the_standards_that_hold_then(later: Standards, expected: Ratio) -> None:
    """The first probe holds from 0 s; the new standards begin at 10 s; a second one is heard in their slice at 25 s."""
    engine = Engine(Start("events", 0, replace(REACHABLE, digest="old"), book={"new": later}.get))
    records = [probe(0, holds=30), Record(control_records.standards("new", T0)), probe(25, up=False, holds=10)]
    for batch in batches(records):
        engine.fold(batch)
        engine.advance()
    reading = engine.cumulative(ended=True)
    assert len(engine.eras) == 2
    assert reading.steps[0].probes == Ratio(25 * S, 35 * S)
    assert in_log(reading) == in_window(engine) == expected


# -- laws -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)  # a probe that holds a day lets a worker close thousands of slices
@given(LOGS, PLACES)
def test_the_end_says_what_a_worker_says_once_all_probes_have_run_out(
    records: list[Record], places: list[tuple[int, str]]
) -> None:
    world = World(with_controls(records, places))
    engine = world.begin()
    world.read(engine, len(world.records), 7, save=False)
    at_the_end, later_ms = engine.cumulative(ended=True), (engine.progress.newest_ms or 0) + 3 * DAY_MS
    if later_ms >= YEAR_3000:
        return
    later = Record(raw({"service": "nobody", "kind": "feedback", "score": 1}, later_ms))
    world.records = [*world.records, later]
    world.read(engine, len(world.records), 1, save=False)
    run_out = engine.cumulative()
    assert at_the_end.steps == run_out.steps
    if "none" not in {name for _, name in places}:  # all other standards judge the same
        assert [level.cumulative for level in at_the_end.objectives] == [
            level.cumulative for level in run_out.objectives
        ]


def look_at_the_end(engine: Engine) -> list[Reading]:
    return [engine.cumulative(ended=True), *(engine.read(one, ended=True) for one in engine.standards.windows())]


@settings(max_examples=60, deadline=None)
@given(LOGS, PLACES, st.lists(st.integers(0, 45), min_size=1, max_size=6))
def test_looking_at_the_end_changes_neither_what_is_told_nor_what_is_saved(
    records: list[Record], places: list[tuple[int, str]], stops: Sequence[int]
) -> None:
    records = with_controls(records, places)
    undisturbed, disturbed = World(records), World(records)
    undisturbed.read(undisturbed.begin(), len(records), 3, save=True)
    engine = disturbed.begin()
    for stop in sorted(stops):
        disturbed.read(engine, min(stop, len(records)), 3, save=False)
        assert look_at_the_end(engine) == look_at_the_end(engine)
    disturbed.read(engine, len(records), 3, save=True)
    assert disturbed.told() == undisturbed.told()
    assert disturbed.saved == undisturbed.saved


def test_no_breach_opens_by_the_end_that_no_slice_end_has_decided() -> None:
    engine = Engine(Start("events", 0, REACHABLE))
    (batch,) = batches([probe(0, up=False, holds=600)])
    engine.fold(batch)
    assert engine.advance().decisions == ()
    assert in_window(engine) == Ratio(0, 10 * MINUTE)
    assert engine.read(HOUR_WINDOW, ended=True).objectives == ()
    assert engine.closing.decisions.breached_since == {}
    assert engine.advance().decisions == ()


def test_the_cost_is_by_probes_whatever_they_claim() -> None:
    engine = Engine(Start("events", 0, Standards()))
    events = [{"kind": "probe", "service": "desk", "step": f"{i}", "up": True, "holds": 86_400} for i in range(300)]
    for batch in batches([Record(raw(event, T0)) for event in events]):
        engine.fold(batch)
    with mock.patch.object(Timelines, "pass_slice", autospec=True, side_effect=Timelines.pass_slice) as passed:
        reading = engine.cumulative(ended=True)
    assert passed.call_count <= 2, "not once for each of 8,640 slices"
    assert {step.probes for step in reading.steps} == {Ratio(DAY_MS, DAY_MS)}
