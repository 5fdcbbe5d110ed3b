"""What one neighbour must never do to another: objectives to objectives, services to services, kinds to kinds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.files.event_log import EventLog
from agents.replay.replay import document, replay
from streams.calendars.periods import Window
from streams.decisions.breaches import Decision
from streams.decoding.batch import Batch
from streams.engine.closing import Advanced
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.events import control_records
from streams.slices.ratio import Ratio
from streams.standards.load import load
from streams.standards.model import (
    FailureFree,
    Objective,
    ProbeAvailability,
    RequestAvailability,
    ResponseTimeWithin,
    Standards,
)
from streams.state.saving import Saver, restore
from streams.views.levels import ObjectiveLevel, Reading
from streams.views.objectives.standing import ObjectiveState, Standing
from tests.oracles.drawn_standards import NAMES, WINDOWS, Promises, promises, standards_of
from tests.oracles.logs import EVENTS, HOUR, MINUTE, T0, Run, decided, logs, objective, raw, rolling
from tests.oracles.oracle import Oracle, Record

Key = tuple[str, str]


# -- the engine against the oracle ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(logs(), promises(), st.sampled_from(("UTC", "Asia/Kathmandu")))
def test_any_objectives_say_what_the_oracle_says(records: list[Record], drawn: Promises, zone: str) -> None:
    standards = standards_of(drawn, zone=zone)
    run, oracle = Run(standards, records), Oracle(standards, records)
    if oracle.frontier is None:
        return
    assert decided(run.decisions) == oracle.decisions(at_every_slice=False)
    for service in standards.services.values():
        for one in service.objectives.values():
            start = oracle.start(one.window, oracle.end)
            (found,) = objectives_of(run.engine.read(one.window), [(service.name, one.name)]).values()
            assert found.window == Ratio(*oracle.ratio(service.name, one, start, oracle.end))


def test_objectives_on_one_measure_count_everything_once() -> None:
    outcomes = {1772328612: "ok", 1772328613: "ok", 1772328614: "failed"}
    records = [Record(raw({"service": "s", "outcome": how}, at * 1_000)) for at, how in outcomes.items()]
    measure = {"availability": {"by": "request"}}
    engine = Run(
        load_one({"month": (measure, "calendar month"), "hour": (measure, "1h")}, minimum_total=4), records
    ).engine
    for window in engine.standards.windows():
        for level in engine.read(window).objectives:
            assert level.window == Ratio(2, 3)
            assert Standing.of(level.objective, level.window).state is ObjectiveState.NO_DATA
    assert [level.cumulative for level in engine.cumulative().objectives] == [Ratio(2, 3)] * 2


def load_one(objectives: Mapping[str, tuple[object, str]], minimum_total: int) -> Standards:
    forms = {
        name: {"measure": measure, "target": "90%", "window": window, "minimum_total": minimum_total}
        for name, (measure, window) in objectives.items()
    }
    return load(json.dumps({"version": 1, "services": {"s": {"objectives": forms}}}), file="x")


# -- objectives and objectives ----------------------------------------------------------------------------------------


#: Versions of standards: in each, the objectives that are looked at, and those that come and go beside them.
#: There are few measures, so that what comes often measures what was there before.
FEW = (RequestAvailability(), FailureFree(), ProbeAvailability())
KEPT, OTHERS = promises(("hotline",), ("a", "b"), FEW), promises(("hotline",), ("x", "y"), FEW)
VERSIONS = st.lists(st.tuples(KEPT, OTHERS), min_size=1, max_size=3)
#: Where the log names which version.
CHANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(logs(), VERSIONS, CHANGES, st.lists(st.integers(0, 45), max_size=3), st.booleans())
def test_objectives_change_nothing_of_one_another(
    records: list[Record],
    versions: list[tuple[Promises, Promises]],
    changes: list[tuple[int, int]],
    stops: list[int],
    again: bool,
) -> None:
    """Not on any log, nor behind a change of standards, nor behind a take-over, nor in a replay of it all."""
    if again:  # what was promised first is promised again, after it was not
        versions = [versions[0], *versions[1:], versions[0]]
    alone = [standards_of(kept, digest=f"{n}") for n, (kept, _) in enumerate(versions)]
    among = [standards_of(kept, others, digest=f"{n}") for n, (kept, others) in enumerate(versions)]
    log = list(records)
    for place, number in changes:
        proposal = control_records.standards(f"{number % len(versions)}", place)
        log.insert(place % (len(log) + 1), Record(proposal, log[place % len(log)].stamp if log else -1))
    first, second, third = Told(alone, log), Told(among, log), Told(among, log, stops)
    kept = {key for promised, _ in versions for key in promised}
    assert first.of(kept) == second.of(kept) == third.of(kept)
    assert second.of(kept | second.others(kept)) == third.of(kept | second.others(kept))


@settings(max_examples=40, deadline=None)
@given(logs(), promises(), promises(names=("x", "y", "z")), st.booleans())
def test_objectives_change_nothing_of_one_another_in_a_replay(
    records: list[Record], kept: Promises, others: Promises, separate: bool
) -> None:
    lines = [record.raw for record in records if record.raw and b"\n" not in record.raw]
    texts = [b"\n".join(part) for part in (lines[::2], lines[1::2])]

    def told(standards: Standards) -> tuple[object, ...]:
        files = [EventLog(f"{number}", BytesIO(text)) for number, text in enumerate(texts)]
        result = replay(files, standards, topic="events", policy=TimePolicy(), separate=separate)
        found = document(result)
        of_kept = [
            [one for one in found[part] if (one["service"], one["objective"]) in kept]
            for part in ("objectives", "decisions")
        ]
        return found["records"], found["steps"], *of_kept

    assert told(standards_of(kept)) == told(standards_of(kept, others))


HOURLY = objective("", RequestAvailability(), rolling("1h", HOUR), "0.5")


@pytest.mark.parametrize(
    ("kept", "others", "expected"),
    [
        ([{"a": HOURLY}] * 3, [{}, {}, {}], Ratio(2, 3)),
        ([{"a": HOURLY}] * 3, [{"x": HOURLY}] * 3, Ratio(2, 3)),
        ([{}, {"a": HOURLY}, {"a": HOURLY}], [{"x": HOURLY}] * 3, Ratio(1, 2)),
        ([{}, {"a": HOURLY}, {"a": HOURLY}], [{}, {"x": HOURLY}, {}], Ratio(1, 2)),
        ([{"a": HOURLY}, {}, {"a": HOURLY}], [{}, {"x": HOURLY}, {"x": HOURLY}], Ratio(0, 1)),
        ([{"a": HOURLY}, {}, {"a": HOURLY}], [{}, {}, {}], Ratio(0, 1)),
    ],
    ids=[
        "alone",
        "beside another",
        "behind another, which has counted before",
        "together with another, which goes away",
        "again, while another went on",
        "again, while nothing was counted",
    ],
)
def test_an_objective_counts_from_when_it_is_promised(
    kept: list[dict[str, Objective]], others: list[dict[str, Objective]], expected: Ratio
) -> None:
    """One event under each of three versions of the standards, of which the last fails."""
    versions = [
        standards_of({("hotline", name): one for name, one in {**mine, **theirs}.items()}, digest=f"{number}")
        for number, (mine, theirs) in enumerate(zip(kept, others, strict=True))
    ]
    log = []
    for number, outcome in enumerate(("ok", "ok", "failed")):
        at = T0 + 60_000 * number
        log += [Record(control_records.standards(f"{number}", at), at)] if number else []
        log += [Record(raw({"service": "hotline"} | {"outcome": outcome}, at + 30_000), at + 30_000)]
    log.append(Record(raw({"service": "clock"}, T0 + 10 * 60_000), T0 + 10 * 60_000))
    for stops in ([], [2], [3], [4]):
        levels = objectives_of(Told(versions, log, stops).engine.read(HOURLY.window), [("hotline", "a")])
        assert levels["hotline", "a"].window == expected


def test_what_is_pending_gives_an_objective_nothing_of_another() -> None:
    """Two share a ratio; the standards to come promise something else by one's name, and go on with the other's."""
    quick = objective("", ResponseTimeWithin(10_000_000), rolling("1h", HOUR), "0.5")
    log = [
        Record(raw({"service": "hotline", "duration": 1}, T0), T0),
        Record(control_records.standards("1", T0), T0),
        Record(raw({"service": "hotline", "duration": 2}, T0 + 10_000), T0 + 10_000),
    ]
    for neighbour in ({}, {("hotline", "b"): HOURLY}):
        versions = [
            standards_of({("hotline", "a"): one, **neighbour}, digest=f"{number}")
            for number, one in enumerate((HOURLY, quick))
        ]
        for stops in ([], [2], [3]):
            engine = Told(versions, log, stops).engine
            (found, *others) = engine.read(HOURLY.window).objectives
            assert found.window == Ratio(1, 1)
            assert [one.window for one in others] == [Ratio(2, 2)] * len(neighbour)
            assert engine.cumulative(ended=True).objectives[0].cumulative == Ratio(1, 1)


class Told:
    """What an engine shows behind a log, and what it told on the way, with take-overs at ``stops``."""

    def __init__(self, versions: Sequence[Standards], log: Sequence[Record], stops: Sequence[int] = ()) -> None:
        self.book = {one.digest: one for one in versions}
        self.advanced: list[Advanced] = []
        self.rejected: list[tuple[int, str]] = []
        engine, saver = Engine(Start("events", 0, versions[0], book=self.book.get)), Saver()
        saved: dict[bytes, bytes] = {}
        for stop in [*sorted(stops), len(log)]:
            self._read(engine, log, stop)
            if stop in stops and engine.last is not None and not engine.restoring:
                for name, value in saver.take(engine):
                    saved.pop(name, None) if value is None else saved.update({name: value})
                restored = restore(saved, Start("events", 0, Standards(), book=self.book.get))
                engine, saver = restored.engine, restored.saver
        self._read(engine, log, len(log))
        self.engine = engine

    def _read(self, engine: Engine, log: Sequence[Record], until: int) -> None:
        first = engine.expected or 0
        part = log[first:until]
        batch = Batch.of("events", 0, [r.raw for r in part], first, [r.stamp for r in part])
        self.rejected += [(letter.offset, letter.reason) for letter in engine.fold(batch)]
        self.advanced.append(engine.advance())

    def of(self, keys: Iterable[Key]) -> tuple[object, ...]:
        """Everything that is told or shown of the objectives ``keys``, and of everything else than objectives."""
        chosen = set(keys)
        decisions = [without_digest(one) for each in self.advanced for one in each.decisions]
        windows = [*WINDOWS, rolling("2d", 48 * HOUR)]
        cumulative, readings = self.engine.cumulative(), [self.engine.read(window) for window in windows]
        return (
            [one for one in decisions if (one.service, one.objective) in chosen],
            self.rejected,
            self.engine.progress,
            cumulative.steps,
            objectives_of(cumulative, chosen),
            [reading.steps for reading in readings],
            [objectives_of(reading, chosen) for reading in readings],
        )

    def others(self, keys: Iterable[Key]) -> set[Key]:
        """All other objectives that were ever promised."""
        promised = {(s.name, o) for one in self.book.values() for s in one.services.values() for o in s.objectives}
        return promised - set(keys)


def without_digest(decision: Decision) -> Decision:
    return replace(decision, standards="")


def objectives_of(reading: Reading, keys: Iterable[Key]) -> dict[Key, ObjectiveLevel]:
    chosen = set(keys)
    found = {(level.service, level.objective.name): level for level in reading.objectives}
    return {key: level for key, level in found.items() if key in chosen}


# -- services and services, kinds and kinds ---------------------------------------------------------------------------


def group_of(event: Mapping[str, Any]) -> str:
    """What an event must be alone with to count as it does among others."""
    kind = event.get("kind", "interaction")
    return f"{event['service']} {kind}" if kind in {"interaction", "probe"} else "others"


@st.composite
def orderly_logs(draw: st.DrawFn) -> list[tuple[int, dict[str, Any]]]:
    """Events in the order of their times, several at one time, with ids that come again; none is late or future."""
    times = sorted(draw(st.lists(st.integers(0, 20).map(lambda number: number * 7 * MINUTE), min_size=12, max_size=40)))
    ids = st.sampled_from((None, "a", "a", "b"))
    return [(T0 + time, {**draw(EVENTS), "id": draw(ids)}) for time in times]


@settings(max_examples=80, deadline=None)
@given(orderly_logs(), promises(("hotline", "desk"), NAMES))
def test_services_and_kinds_change_nothing_of_one_another(
    events: list[tuple[int, dict[str, Any]]], drawn: Promises
) -> None:
    standards = standards_of(drawn)
    end = [Record(raw({"service": "clock"}, T0 + 5 * HOUR))]
    among = Run(standards, [*written(events), *end])
    for group in sorted({group_of(event) for _, event in events}):
        alone = Run(standards, [*written((t, e) for t, e in events if group_of(e) == group), *end])
        assert list(shown(alone, group)) == list(shown(among, group))


def written(events: Iterable[tuple[int, Mapping[str, Any]]]) -> list[Record]:
    return [Record(raw(event, time_ms)) for time_ms, event in events]


def shown(run: Run, group: str) -> Iterator[object]:
    """What follows from the events of ``group`` alone."""
    service, _, kind = group.partition(" ")
    windows: list[Window] = [*run.engine.standards.windows()]
    for reading in (run.engine.cumulative(), *map(run.engine.read, windows)):
        for level in reading.steps:
            if level.service == service and kind == "interaction" and level.interactions:
                yield reading.window, level.step, level.ok, level.failed, level.abandoned, level.response
            if level.service == service and kind == "probe" and level.probes.total:
                yield reading.window, level.step, level.probes
        for one in reading.objectives:
            if one.service == service and isinstance(one.objective.measure, ProbeAvailability) == (kind == "probe"):
                yield reading.window, one
    for decision in run.decisions:
        promised = run.engine.standards.services[decision.service].objectives[decision.objective]
        if decision.service == service and isinstance(promised.measure, ProbeAvailability) == (kind == "probe"):
            yield decision
