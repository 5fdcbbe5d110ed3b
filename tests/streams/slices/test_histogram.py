"""The bounds of the exposed histogram: few, close together where it matters, on the fine grid."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.slices.distribution import BOUNDS, LONGEST_US
from streams.slices.histogram import DEFAULT_BOUNDS_US, LONGEST_SECONDS, MOST_BOUNDS, on_the_grid

GRID = set(BOUNDS.tolist())
MILLISECOND, SECOND, DAY = 1_000, 1_000_000, 86_400_000_000


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


def test_the_default_has_at_most_thirty_bounds_that_ascend() -> None:
    assert len(DEFAULT_BOUNDS_US) <= MOST_BOUNDS
    assert list(DEFAULT_BOUNDS_US) == sorted(set(DEFAULT_BOUNDS_US))


def test_from_50_ms_to_10_min_each_default_bound_is_at_most_half_as_much_again_as_the_one_before() -> None:
    covering = [(lower, upper) for lower, upper in pairwise(DEFAULT_BOUNDS_US) if lower < 600 * SECOND]
    covering = [(lower, upper) for lower, upper in covering if upper > 50 * MILLISECOND]
    assert covering[0][0] <= 50 * MILLISECOND
    assert covering[-1][1] >= 600 * SECOND
    assert max(upper / lower for lower, upper in covering) <= 1.5


def test_the_default_reaches_from_a_millisecond_to_days() -> None:
    assert DEFAULT_BOUNDS_US[0] <= MILLISECOND
    assert DEFAULT_BOUNDS_US[-1] >= 2 * DAY


@pytest.mark.parametrize("bound", DEFAULT_BOUNDS_US)
def test_default_bounds_lie_on_the_fine_grid_so_that_exposed_counts_are_exact(bound: int) -> None:
    assert bound in GRID


@given(st.decimals(Decimal("0.00005"), LONGEST_SECONDS, places=6))
def test_a_bound_moves_up_to_the_next_one_of_the_fine_grid(seconds: Decimal) -> None:
    (found,) = on_the_grid([seconds])
    assert found == min(bound for bound in GRID if bound >= seconds * SECOND)
    assert found <= float(seconds) * SECOND * 2 ** (1 / 32) + 1


@given(st.sampled_from([bound for bound in sorted(GRID) if 0 < bound <= LONGEST_US]))
def test_a_bound_that_lies_on_the_fine_grid_stays_where_it_is(bound: int) -> None:
    assert on_the_grid([Decimal(bound) / SECOND]) == (bound,)


def test_the_longest_bound_is_the_longest_duration() -> None:
    assert LONGEST_SECONDS * SECOND == LONGEST_US
    assert on_the_grid([Decimal(LONGEST_SECONDS)])[0] >= LONGEST_US


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        pytest.param((), "these are 0 bounds; write 1 to 30", id="none"),
        pytest.param([str(n) for n in range(1, 32)], "these are 31 bounds; write 1 to 30", id="too many"),
        pytest.param(("0", "1"), "0 is not measured; write seconds above 0", id="zero"),
        pytest.param(("-1",), "-1 is not measured; write seconds above 0", id="negative"),
        pytest.param(("34560001",), "34560001 is not measured; write seconds above 0 and at most", id="over 400 days"),
        pytest.param(("1E+999999999",), "is not measured", id="beyond every number"),
        pytest.param(("1", "0.5"), "0.5 follows 1, but bounds ascend", id="descending"),
        pytest.param(("1", "1"), "1 follows 1, but bounds ascend", id="repeated"),
        pytest.param(("0.1", "0.1001"), "lie in one bucket of the fine grid, which ends at 0.100655", id="too close"),
    ],
)
def test_what_is_wrong_says_what_to_write(bounds: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        on_the_grid(decimals(*bounds))
