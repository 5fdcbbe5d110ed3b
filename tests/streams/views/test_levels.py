"""Readings: ratios, levels by step, and how partitions add up."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.calendars.periods import DAY_MS, Window
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.slices.distribution import Distribution
from streams.slices.ratio import Ratio
from streams.slices.sparse_table import SparseTable
from streams.standards.model import RequestAvailability, Standards
from streams.views.levels import ObjectiveLevel, Reading, StepLevel, merge, pareto
from tests.oracles.logs import T0, objective

OBJECTIVE = objective("o", RequestAvailability(), Window("7d", 604_800_000))
_NUMBERS = st.integers(0, 50)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    names = sorted(draw(st.sets(st.tuples(st.sampled_from("abc"), st.sampled_from(("", "x"))), max_size=4)))
    steps = tuple(
        StepLevel(
            service,
            step,
            draw(_NUMBERS),
            draw(_NUMBERS),
            draw(_NUMBERS),
            draw(
                st.sampled_from(
                    (Distribution(), Distribution(1, 5, 5, 5, SparseTable(np.array([77]), np.array([[1]]))))
                )
            ),
            dict(sorted(draw(st.dictionaries(st.sampled_from("pqr"), st.integers(1, 9))).items())),
            Ratio(1, draw(st.integers(1, 9))),
            Ratio(1, draw(st.integers(1, 9))),
        )
        for service, step in names
    )
    since = draw(st.none() | st.integers(0, 9))
    own = (ObjectiveLevel("a", OBJECTIVE, Ratio(1, draw(st.integers(1, 9))), Ratio(0, 2), since),)
    times = draw(st.sampled_from(((None, None), (0, 10), (5, 30))))
    return Reading("7d", *times, steps, own if draw(st.booleans()) else ())


@given(readings(), readings(), readings())
def test_readings_merge_in_any_order(a: Reading, b: Reading, c: Reading) -> None:
    assert merge([a, b, c]) == merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([c, b, a])
    assert merge([a]) == a


def test_a_service_that_is_scattered_over_partitions_is_added_up() -> None:
    left = Reading(
        "7d",
        0,
        20,
        (StepLevel("a", "", 3, 1, 2, failure_points={"x": 1}),),
        (ObjectiveLevel("a", OBJECTIVE, Ratio(3, 4), Ratio(3, 4), 7),),
    )
    right = Reading(
        "7d",
        10,
        30,
        (StepLevel("a", "", 1, failure_points={"x": 2, "b": 1}), StepLevel("b", "")),
        (ObjectiveLevel("a", OBJECTIVE, Ratio(1, 1), Ratio(5, 9), 5),),
    )
    merged = merge([left, right])
    assert (merged.start_ms, merged.end_ms) == (0, 30)
    assert [(step.service, step.ok, step.failed, step.abandoned) for step in merged.steps] == [
        ("a", 4, 1, 2),
        ("b", 0, 0, 0),
    ]
    assert list(merged.steps[0].failure_points.items()) == [("b", 1), ("x", 3)]
    assert merged.objectives == (ObjectiveLevel("a", OBJECTIVE, Ratio(4, 5), Ratio(8, 13), 5),)


def test_of_a_step_that_is_scattered_over_partitions_observed_time_and_final_time_are_added() -> None:
    """Two thirds of one partition's time and a half of another's; the third has never heard a probe of it."""
    parts = [Ratio(40_000, 60_000), Ratio(30_000, 60_000), Ratio()]
    merged = merge(Reading("1h", 0, 60_000, (StepLevel("a", "", coverage=part),)) for part in parts)
    assert merged.steps[0].coverage == Ratio(70_000, 120_000)


def test_no_partitions_have_nothing_to_say() -> None:
    assert merge([]) == Reading("", None, None, ())


def test_what_follows_from_the_counts_of_a_step() -> None:
    level = StepLevel("a", "", ok=85, failed=5, abandoned=10)
    assert (level.availability, level.answered, level.interactions) == (Ratio(85, 90), Ratio(90, 100), 100)


@pytest.mark.parametrize(
    ("ratio", "value"), [(Ratio(), None), (Ratio(0, 4), 0.0), (Ratio(1, 4), 0.25), (Ratio(4, 4), 1.0)]
)
def test_no_data_is_neither_nought_nor_one(ratio: Ratio, value: float | None) -> None:
    assert ratio.value == value


def test_fail_points_by_share_of_all_failures() -> None:
    level = StepLevel("a", "", failure_points={"rude": 2, "queue": 5, "late": 2, "lost": 1})
    expected = [
        ("queue", 5, Fraction(1, 2)),
        ("late", 2, Fraction(1, 5)),
        ("rude", 2, Fraction(1, 5)),
        ("lost", 1, Fraction(1, 10)),
    ]
    assert pareto(level) == expected
    assert pareto(StepLevel("a", "")) == []


def test_response_times_are_not_shown_of_a_part_of_a_window() -> None:
    """Without an objective over so long a window their distributions are kept for 40 days, counts for longer."""
    engine = Engine(Start("events", 0, Standards()))
    events = [{"service": "s", "duration": 1, "time": (T0 + day * DAY_MS) / 1_000} for day in range(60)]
    engine.fold(Batch.of("events", 0, [json.dumps(event).encode() for event in events]))
    engine.advance()
    (within,) = engine.read(Window("28d", rolling_ms=28 * DAY_MS)).steps
    (beyond,) = engine.read(Window("50d", rolling_ms=50 * DAY_MS)).steps
    assert within.response.count == within.ok == 29
    assert (beyond.response.count, beyond.ok) == (0, 51)
    (all_,) = engine.cumulative().steps
    assert all_.response.count == all_.ok == 60
