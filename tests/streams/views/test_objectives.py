"""What follows from a ratio: met or not, budget left, all exact."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.calendars.periods import Window
from streams.slices.ratio import Ratio
from streams.standards.model import RequestAvailability
from streams.views.objectives.standing import ObjectiveState, Standing, judge
from tests.oracles.logs import objective

WEEK = Window("7d", 604_800_000)
NO_DATA, MET, BREACHED = ObjectiveState.NO_DATA, ObjectiveState.MET, ObjectiveState.BREACHED


@pytest.mark.parametrize(
    ("target", "good", "total", "state", "budget"),
    [
        ("0.95", 95, 100, MET, Fraction(0)),
        ("0.95", 94, 100, BREACHED, Fraction(-1, 5)),
        ("0.95", 100, 100, MET, Fraction(1)),
        ("0.95", 0, 100, BREACHED, Fraction(-19)),
        ("0.999", 5_594_400, 5_600_000, MET, Fraction(0)),
        ("0.999", 5_594_399, 5_600_000, BREACHED, Fraction(-1, 5_600)),
        ("0.999999", 5_599_995, 5_600_000, MET, Fraction(3, 28)),
        ("0.999999", 5_599_994, 5_600_000, BREACHED, Fraction(-1, 14)),
        ("1", 100, 100, MET, None),
        ("1", 99, 100, BREACHED, None),
        ("0.95", 0, 0, NO_DATA, None),
        ("1/3", 10**17, 3 * 10**17, MET, Fraction(0)),
        ("1/3", 10**17 - 1, 3 * 10**17, BREACHED, Fraction(-1, 2 * 10**17)),
    ],
)
def test_standing(target: str, good: int, total: int, state: ObjectiveState, budget: Fraction | None) -> None:
    found = Standing.of(objective("o", RequestAvailability(), WEEK, target), Ratio(good, total))
    assert (found.state, found.budget_remaining) == (state, budget)
    assert found.attained == (Fraction(good, total) if total else None)


@pytest.mark.parametrize(
    ("minimum", "total", "state"), [(0, 0, NO_DATA), (0, 1, BREACHED), (3, 2, NO_DATA), (3, 3, BREACHED)]
)
def test_fewer_than_the_minimum_total_is_no_data(minimum: int, total: int, state: ObjectiveState) -> None:
    strict = objective("o", RequestAvailability(), WEEK, "0.9", minimum)
    assert judge(strict, Ratio(0, total)) is state
    assert Standing.of(strict, Ratio(0, total)).state is state


@given(st.fractions(0, 1), st.integers(1, 2**62), st.data())
def test_an_objective_is_met_exactly_while_budget_is_left(target: Fraction, total: int, data: st.DataObject) -> None:
    good = data.draw(st.integers(0, total))
    found = Standing.of(objective("o", RequestAvailability(), WEEK, str(target)), Ratio(good, total))
    assert (found.state is MET) == (Fraction(good, total) >= target)
    assert found.budget_remaining is None or (found.budget_remaining >= 0) == (found.state is MET)
