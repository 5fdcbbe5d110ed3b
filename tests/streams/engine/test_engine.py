"""The engine against a naive oracle, and the laws that make its results a function of the log alone."""

from __future__ import annotations

import bisect
import importlib
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars.periods import DAY_MS
from streams.decisions.breaches import Decision
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.slices.bucket_bounds import BOUNDS_US
from streams.slices.distribution import Distribution
from streams.slices.slice import Counts, Distributions
from streams.standards.model import RequestAvailability
from streams.views.levels import Reading, StepLevel, merge
from tests.oracles.logs import (
    HOUR,
    MINUTE,
    PROBES,
    T0,
    Run,
    S,
    decided,
    logs,
    objective,
    orderly_logs,
    raw,
    rich_standards,
    rolling,
    standards,
)
from tests.oracles.oracle import Figures, Oracle, Record
from tests.oracles.periods import DISTRIBUTION_AGES

RICH = {zone: rich_standards(zone) for zone in ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu")}
ZONES = st.sampled_from(sorted(RICH))

# -- the oracle -------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(logs(), ZONES, st.sampled_from((1, 7, 10_000)))
def test_the_engine_says_what_the_oracle_says(records: list[Record], zone: str, size: int) -> None:
    run, oracle = Run(RICH[zone], records, sizes=[size]), Oracle(RICH[zone], records)
    assert_same_records(run, oracle)
    if oracle.frontier is not None:
        assert_same_cumulative(run, oracle)
        assert_same_windows(run, oracle)
        assert decided(run.decisions) == oracle.decisions(at_every_slice=False)


@settings(max_examples=150, deadline=None)
@given(st.one_of(logs(), logs(events=PROBES)), ZONES, st.integers(0, 3 * HOUR))
def test_at_the_end_of_a_log_probes_count_to_the_end_of_what_they_claim(
    records: list[Record], zone: str, lateness_ms: int
) -> None:
    run = Run(RICH[zone], records, sizes=[7], policy=TimePolicy(lateness_ms=lateness_ms))
    oracle = Oracle(RICH[zone], records, lateness_ms)
    for _ in range(2):  # what is seen once does not change what is seen again, nor what else there is to be seen
        if oracle.frontier is not None:
            assert_same_cumulative(run, oracle, ended=True)
            assert_same_windows(run, oracle, ended=True)
            assert_same_cumulative(run, oracle)
            assert_same_windows(run, oracle)


@settings(max_examples=40, deadline=None)
@given(logs(jumps=False, longest=12), st.integers(0, 2), ZONES)
def test_breaches_are_those_of_judging_at_every_single_slice_end(
    records: list[Record], lateness_minutes: int, zone: str
) -> None:
    policy = TimePolicy(lateness_ms=lateness_minutes * MINUTE)
    run, oracle = Run(RICH[zone], records, policy=policy), Oracle(RICH[zone], records, policy.lateness_ms)
    if oracle.frontier is not None and oracle.final < T0 + 6 * HOUR:
        assert decided(run.decisions) == oracle.decisions(at_every_slice=True)


def assert_same_records(run: Run, oracle: Oracle) -> None:
    """What became of each record, and the counters."""
    rejected = {letter.offset: str(letter.reason) for letter in run.letters}
    kept = {offset: what for offset, what in enumerate(oracle.became) if what in {"accepted", "duplicate", "ignored"}}
    assert {**kept, **rejected} == dict(enumerate(oracle.became))
    progress, became = run.engine.progress, Counter(oracle.became)
    counted = {"accepted": progress.accepted, "duplicate": progress.duplicates, "ignored": progress.ignored}
    counted |= {str(reason): count for reason, count in progress.rejected.items()}
    assert +Counter(counted) == became
    left_out = Counter[str]()
    for (field, _), count in progress.unreadable.items():
        left_out[field] += count
    assert left_out == oracle.left_out
    assert progress.records == len(oracle.became)
    assert progress.newest_ms == oracle.newest
    assert progress.watermark_ms == (None if oracle.frontier is None else oracle.frontier - oracle.lateness)


def assert_same_cumulative(run: Run, oracle: Oracle, *, ended: bool = False) -> None:
    reading = run.engine.cumulative(ended=ended)
    assert_same_steps(reading, oracle.figures(0, 1 << 60, ended=ended))
    for level in reading.objectives:
        expected = oracle.ratio(level.service, level.objective, 0, 1 << 60, ended=ended)
        assert (level.cumulative.good, level.cumulative.total) == expected
    closed = [one for advanced in run.advanced for one in advanced.slices]
    assert all(left.end_ms <= right.start_ms for left, right in pairwise(closed))
    assert all(one.end_ms <= oracle.final for one in closed)


def assert_same_windows(run: Run, oracle: Oracle, *, ended: bool = False) -> None:
    windows = [*run.engine.standards.windows(), rolling("50h", 50 * HOUR), rolling("9d", 9 * DAY_MS)]
    for window in windows:
        reading = run.engine.read(window, ended=ended)
        start = oracle.start(window, oracle.end)
        distributions_from = oracle.start(window, oracle.end, DISTRIBUTION_AGES)
        assert (reading.start_ms, reading.end_ms) == (min(start, distributions_from), oracle.end)
        expected_figures = oracle.figures(start, oracle.end, distributions_from, ended=ended)
        assert_same_steps(reading, expected_figures)
        for step in reading.steps:
            coverage = step.coverage.good, step.coverage.total
            assert coverage == expected_figures[step.service, step.step].coverage
            assert coverage[0] <= coverage[1]
        for level in reading.objectives:
            expected = oracle.ratio(level.service, level.objective, start, oracle.end, ended=ended)
            assert (level.window.good, level.window.total) == expected


def assert_same_steps(reading: Reading, expected: dict[tuple[str, str], Figures]) -> None:
    found = {(level.service, level.step): level for level in reading.steps}
    assert list(found) == sorted(expected)
    for step, figures in expected.items():
        assert_same_step(found[step], figures)


def assert_same_step(level: StepLevel, figures: Figures) -> None:
    assert (level.ok, level.failed, level.abandoned) == (figures.ok, figures.failed, figures.abandoned)
    assert level.failure_points == dict(figures.failure_points)
    assert (level.probes.good, level.probes.total) == figures.probes
    durations = figures.durations_us
    response = level.response
    assert (response.count, response.sum_us) == (len(durations), sum(durations))
    if durations:
        assert (response.min_us, response.max_us) == (durations[0], durations[-1])
        # Bucket 0 holds zero, bucket i what is at most the i-th bound and more than the one before.
        buckets = Counter(0 if us == 0 else 1 + bisect.bisect_left(BOUNDS_US, us) for us in durations)
        assert dict(zip(response.buckets.keys.tolist(), response.buckets.values[:, 0].tolist(), strict=True)) == buckets


# -- the laws ---------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(logs(), st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 50))
def test_neither_batch_boundaries_nor_the_moment_of_advancing_matter(
    records: list[Record], sizes: list[int], advance_every: int
) -> None:
    one_by_one = Run(RICH["UTC"], records, sizes=[1]).outcome()
    assert Run(RICH["UTC"], records).outcome() == one_by_one
    assert Run(RICH["UTC"], records, sizes=sizes, advance_every=advance_every).outcome() == one_by_one


@settings(max_examples=60, deadline=None)
@given(logs(), st.data())
def test_looking_changes_nothing(records: list[Record], data: st.DataObject) -> None:
    engine = Engine(Start("events", 0, RICH["UTC"]))
    decisions: list[Decision] = []
    for offset, record in enumerate(records):
        engine.fold(Batch.of("events", 0, [record.raw], offset, [record.stamp]))
        ended = data.draw(st.booleans())
        for window in data.draw(st.lists(st.sampled_from(RICH["UTC"].windows()), max_size=2)):
            engine.read(window, ended=ended)
        if data.draw(st.booleans()):
            decisions += engine.advance().decisions
            engine.cumulative(ended=ended)
    decisions += engine.advance().decisions
    undisturbed = Run(RICH["UTC"], records)
    assert decisions == undisturbed.decisions
    for window in RICH["UTC"].windows():
        assert engine.read(window) == undisturbed.engine.read(window)
    assert engine.cumulative() == undisturbed.engine.cumulative()


@settings(max_examples=60, deadline=None)
@given(orderly_logs(), st.data())
def test_order_within_the_lateness_does_not_matter(
    events: list[tuple[int, dict[str, Any]]], data: st.DataObject
) -> None:
    delays = data.draw(st.lists(st.integers(0, 59 * S), min_size=len(events), max_size=len(events)))
    disorderly = sorted(zip(events, delays, strict=True), key=lambda pair: pair[0][0] + pair[1])
    left = Run(RICH["UTC"], [Record(raw(event, time)) for time, event in events])
    right = Run(RICH["UTC"], [Record(raw(event, time)) for (time, event), _ in disorderly])
    assert not left.letters
    assert not right.letters
    assert left.decisions == right.decisions
    for window in RICH["UTC"].windows():
        assert left.engine.read(window) == right.engine.read(window)
    assert left.engine.cumulative() == right.engine.cumulative()


@settings(max_examples=60, deadline=None)
@given(orderly_logs(), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_it_does_not_matter_how_services_are_spread_over_partitions(
    events: list[tuple[int, dict[str, Any]]], partition_of: list[int]
) -> None:
    last = (T0 + 4 * HOUR, {"service": "nobody", "kind": "feedback", "score": 1})  # all partitions see time pass
    parts: list[list[Record]] = [[], [], []]
    for time, event in events:
        number = partition_of[("hotline", "desk", "clinic", "undeclared 服务").index(event["service"])]
        parts[number].append(Record(raw(event, time)))
    together = Run(RICH["UTC"], [Record(raw(event, time)) for time, event in [*events, last]])
    apart = [Run(RICH["UTC"], [*part, Record(raw(last[1], last[0]))]) for part in parts]
    for window in RICH["UTC"].windows():
        assert merge(run.engine.read(window) for run in apart) == together.engine.read(window)
    merged, whole = merge(run.engine.cumulative() for run in apart), together.engine.cumulative()
    assert (merged.steps, merged.objectives) == (whole.steps, whole.objectives)
    assert sorted(decided(d for run in apart for d in run.decisions)) == decided(together.decisions)


# -- other machines ---------------------------------------------------------------------------------------------------

_NUMPY = importlib.import_module(("numpy._core" if np.__version__ >= "2" else "numpy.core") + "._multiarray_umath")
#: What this processor has and numpy chooses at run time to use; what belongs to its baseline it always uses.
DISPATCHED = [name for name in _NUMPY.__cpu_dispatch__ if _NUMPY.__cpu_features__[name]]


def digest(**environment: str) -> str:
    """Digest that another process, under ``environment``, makes of the log in `tests.oracles.digest`."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-W", "ignore", "-m", "tests.oracles.digest"]
    done = subprocess.run(
        command, cwd=root, env={"PATH": "", **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def here() -> str:
    return digest(PYTHONHASHSEED="0")


@pytest.mark.parametrize("seed", ["1", "random"])
def test_conclusions_do_not_depend_on_the_hash_seed(seed: str, here: str) -> None:
    assert digest(PYTHONHASHSEED=seed) == here


@pytest.mark.skipif(not DISPATCHED, reason="numpy uses no more of this processor than of any")
def test_conclusions_do_not_depend_on_the_processors_features(here: str) -> None:
    assert digest(PYTHONHASHSEED="0", NPY_DISABLE_CPU_FEATURES=" ".join(DISPATCHED)) == here


# -- the engine's own ways --------------------------------------------------------------------------------------------


def test_nothing_was_read_yet() -> None:
    engine = Engine(Start("events", 3, RICH["UTC"]))
    assert engine.advance().slices == ()
    for reading in (engine.cumulative(), *map(engine.read, RICH["UTC"].windows())):
        assert (reading.start_ms, reading.end_ms, reading.steps) == (None, None, ())
    assert engine.fold(Batch.of("events", 3, [])) == []
    assert engine.progress.next_offset is None


def test_dead_letters_come_in_the_order_of_offsets_with_their_bytes() -> None:
    values = [b"{", raw({"service": "hotline"}, T0), None, raw({"service": "hotline"}, T0 - HOUR), b"[]"]
    engine = Engine(Start("events", 0, RICH["UTC"]))
    letters = engine.fold(Batch.of("events", 0, values, 70))
    assert [(letter.offset, str(letter.reason), letter.raw) for letter in letters] == [
        (70, "not-json", values[0]),
        (72, "tombstone", None),
        (73, "late", values[3]),
        (74, "not-an-object", values[4]),
    ]
    assert engine.progress.next_offset == 75


def test_the_standards_can_allow_a_topic_its_own_lateness() -> None:
    patient = standards(("hotline", []))
    patient = type(patient)(services=patient.services, lateness_ms={"events": 2 * HOUR})
    records = [Record(raw({"service": "hotline"}, T0)), Record(raw({"service": "hotline"}, T0 - HOUR))]
    assert not Run(patient, records).letters


def test_closed_slices_add_up_to_everything_since_the_beginning() -> None:
    records = [Record(raw({"service": "hotline", "duration": i % 7}, T0 + i * 3 * S)) for i in range(500)]
    run = Run(RICH["UTC"], [*records, Record(raw({"service": "x", "kind": "feedback", "score": 1}, T0 + DAY_MS))])
    slices = [one for advanced in run.advanced for one in advanced.slices]
    counts = Counts.add([one.counts for one in slices])
    assert counts.ratios.values[:, 1].max() == 500
    distributions = Distributions.add([one.distributions for one in slices])
    assert distributions.summaries.values[0].tolist() == [500, sum(i % 7 for i in range(500)) * 1_000_000, 0, 6_000_000]
    assert len(slices) == 150


def test_a_reading_before_advancing_already_shows_open_slices() -> None:
    engine = Engine(Start("events", 0, RICH["UTC"]))
    engine.fold(Batch.of("events", 0, [raw({"service": "hotline", "duration": 2}, T0)]))
    level = engine.read(rolling("5m", 300_000)).steps[0]
    assert (level.ok, level.response.max_us) == (1, 2_000_000)


def test_unguarded_partitions_are_known() -> None:
    assert Run(RICH["UTC"], [Record(raw({"service": "x"}, T0))]).engine.progress.unguarded
    assert not Run(RICH["UTC"], [Record(raw({"service": "x"}, T0), T0)]).engine.progress.unguarded


def test_distributions_merge_over_partitions() -> None:
    def read(durations: Sequence[int]) -> Distribution:
        records = [Record(raw({"service": "hotline", "duration": d}, T0)) for d in durations]
        return Run(RICH["UTC"], records).engine.cumulative().steps[0].response

    assert read([1, 2]) + read([3]) == read([3, 1, 2])


def test_availability_over_a_window_is_a_fraction_of_whole_events() -> None:
    by_request = objective("a", RequestAvailability(), rolling("1h", HOUR), "0.5")
    records = [Record(raw({"service": "desk", "outcome": outcome}, T0)) for outcome in ("ok", "failed", "abandoned")]
    (level,) = Run(standards(("desk", [by_request])), records).engine.read(rolling("1h", HOUR)).objectives
    assert Fraction(level.window.good, level.window.total) == Fraction(1, 2)
