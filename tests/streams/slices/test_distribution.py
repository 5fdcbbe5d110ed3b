"""Distributions: bounds by integer roots, quantiles against exact ones, merge laws, saturation."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.slices.bucket_bounds import BOUNDS_US, FIRST_INDEX
from streams.slices.distribution import BOUNDS, LONGEST_US, Distribution, buckets_of
from streams.slices.sparse_table import SATURATED, SparseTable

QUANTILES = ("0", "0.001", "0.01", "0.25", "0.5", "0.9", "0.95", "0.99", "0.999", "1")


def distribution(durations: list[int]) -> Distribution:
    if not durations:
        return Distribution()
    keys, counts = np.unique(buckets_of(np.array(durations, np.int64)), return_counts=True)
    buckets = SparseTable(keys.astype(np.int64), counts.astype(np.int64)[:, np.newaxis])
    return Distribution(len(durations), sum(durations), min(durations), max(durations), buckets)


# -- the bounds -------------------------------------------------------------------------------------------------------


def root(number: int, degree: int) -> int:
    """Largest integer whose power ``degree`` is at most ``number``."""
    low, high = 0, 1 << (number.bit_length() // degree + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= number else (low, middle)
    return low


def test_every_bound_is_the_floor_of_its_power_of_two() -> None:
    """floor(10^6 · 2^(i/32)) is the 32nd root of 10^192 · 2^i."""
    for i, bound in enumerate(BOUNDS_US, FIRST_INDEX):
        power = 10**192 * 2**i if i >= 0 else Fraction(10**192, 2**-i)
        assert bound == root(math.floor(power), 32), i


def test_bounds_reach_from_a_microsecond_to_beyond_the_longest_duration() -> None:
    assert BOUNDS_US[0] == 1
    assert BOUNDS_US[-2] <= LONGEST_US < BOUNDS_US[-1] or BOUNDS_US[-1] >= LONGEST_US
    assert Fraction(10**192, 2 ** -(FIRST_INDEX - 1)) < 1  # the bound before the first is less than a microsecond
    assert all(left <= right for left, right in pairwise(BOUNDS_US))


@given(st.integers(0, LONGEST_US))
def test_a_duration_lies_in_the_first_bucket_that_reaches_it(duration: int) -> None:
    (bucket,) = buckets_of(np.array([duration])).tolist()
    assert duration <= BOUNDS[bucket]
    assert bucket == 0 or BOUNDS[bucket - 1] < duration


# -- quantiles --------------------------------------------------------------------------------------------------------


def exact(durations: list[int], q: str) -> int:
    """Nearest rank."""
    return sorted(durations)[max(1, math.ceil(Fraction(q) * len(durations))) - 1]


def assert_close(found: int | None, expected: int) -> None:
    """Off by at most 1.1 % and half a microsecond."""
    assert found is not None
    assert abs(found - expected) <= Fraction(11, 1_000) * expected + Fraction(1, 2), expected


_CHANCE = random.Random(3)
SHAPES: dict[str, Callable[[], float]] = {
    "uniform": lambda: _CHANCE.uniform(0, 1e7),
    "normal": lambda: _CHANCE.gauss(5e6, 1e6),
    "lognormal": lambda: _CHANCE.lognormvariate(13, 2),
    "exponential": lambda: _CHANCE.expovariate(1e-6),
    "Pareto": lambda: 1e5 * _CHANCE.paretovariate(1.1),
    "two humps": lambda: _CHANCE.choice((_CHANCE.gauss(2e4, 2e3), _CHANCE.gauss(6e7, 5e6))),
    "few microseconds": lambda: _CHANCE.uniform(0, 60),
    "mostly zero": lambda: _CHANCE.choice((0, 0, 0, 3e5)),
    "constant": lambda: 1_234_567,
    "whole seconds": lambda: 1e6 * _CHANCE.randrange(1, 90),
    "powers of two": lambda: 2.0 ** _CHANCE.randrange(0, 44),
    "weeks and months": lambda: 86_400e6 * _CHANCE.uniform(1, 399),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("size", [1, 2, 10, 999, 5_000])
def test_quantiles_are_close_to_the_exact_ones(shape: Callable[[], float], size: int) -> None:
    durations = [min(LONGEST_US, max(0, round(shape()))) for _ in range(size)]
    made = distribution(durations)
    for q in QUANTILES:
        assert_close(made.quantile(Fraction(q)), exact(durations, q))
        assert made.quantile(float(q)) == made.quantile(Fraction(q))
    assert made.quantiles(map(Fraction, QUANTILES)) == [made.quantile(Fraction(q)) for q in QUANTILES]


@settings(max_examples=300)
@given(st.lists(st.integers(0, LONGEST_US) | st.integers(0, 200), min_size=1, max_size=40), st.sampled_from(QUANTILES))
def test_quantiles_of_any_durations_are_close(durations: list[int], q: str) -> None:
    found = distribution(durations).quantile(Fraction(q))
    assert_close(found, exact(durations, q))
    assert found is not None
    assert min(durations) <= found <= max(durations)


def test_nine_tenths_of_ten_are_nine_however_nine_tenths_are_written() -> None:
    made = distribution([*range(1_000_000, 10_000_000, 1_000_000), 60_000_000])
    for q in (0.9, Fraction(9, 10), Fraction(Decimal("0.9"))):
        assert_close(made.quantile(q), 9_000_000)


@pytest.mark.parametrize("q", [-0.001, 1.001, Fraction(3, 2), math.nan, math.inf])
def test_a_quantile_lies_between_0_and_1(q: Fraction | float) -> None:
    with pytest.raises(ValueError, match=r"lies in \[0, 1\]"):
        distribution([1]).quantile(q)


def test_nothing_has_no_quantile_and_no_mean() -> None:
    assert Distribution().quantile(0.5) is None
    assert Distribution().mean_us is None
    assert Distribution().counts_at_most([0, 10**9]) == [0, 0]


# -- counts and means -------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, LONGEST_US), max_size=30), st.sampled_from((0, 1, *BOUNDS_US[100::50])))
def test_counts_up_to_a_bound_are_exact(durations: list[int], bound: int) -> None:
    assert distribution(durations).counts_at_most([bound]) == [sum(duration <= bound for duration in durations)]


@given(st.lists(st.integers(0, LONGEST_US), max_size=30), st.integers(0, LONGEST_US))
def test_counts_up_to_anything_else_leave_out_the_bucket_it_lies_in(durations: list[int], limit: int) -> None:
    below = max([bound for bound in (0, *BOUNDS_US) if bound <= limit])
    assert distribution(durations).counts_at_most([limit]) == [sum(duration <= below for duration in durations)]


def test_the_mean_is_exact() -> None:
    assert distribution([1, 2, 6]).mean_us == 3


# -- merging ----------------------------------------------------------------------------------------------------------

_LISTS = st.lists(st.integers(0, LONGEST_US), max_size=12)


@given(_LISTS, _LISTS, _LISTS)
def test_merging_is_that_of_the_durations_whatever_the_order(a: list[int], b: list[int], c: list[int]) -> None:
    x, y, z = map(distribution, (a, b, c))
    assert (x + y) + z == x + (y + z) == z + (x + y) == distribution([*a, *b, *c])
    assert x + Distribution() == x


def test_a_sum_that_overflows_stays_there() -> None:
    full = Distribution(1, SATURATED - 1, 0, 1, SparseTable(np.array([1]), np.array([[1]])))
    assert (full + full).sum_us == (full + (full + full)).sum_us == SATURATED
    assert (full + full).count == 2


def test_buckets_are_those_that_a_search_of_the_bounds_finds() -> None:
    near = np.concatenate([BOUNDS + shift for shift in (-1, 0, 1)])
    powers = np.array([(1 << bit) + shift for bit in range(45) for shift in (-1, 0, 1)])
    halves = np.arange(1, 200_000)
    durations = np.concatenate((near, powers, halves, np.random.default_rng(1).integers(0, LONGEST_US, 100_000)))
    durations = durations[(durations >= 0) & (durations <= LONGEST_US)]
    assert (buckets_of(durations) == np.searchsorted(BOUNDS, durations, side="left")).all()
    assert buckets_of(np.empty(0, np.int64)).tolist() == []
