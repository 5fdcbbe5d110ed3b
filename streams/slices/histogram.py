"""Bounds of the exposed histogram: one list per deployment, on the fine bucket grid, so that counts are exact.

Prometheus interpolates within a bucket, so its quantiles are off by up to the factor between two bounds. It adds up the
buckets of all workers by their bounds, so workers with different bounds would make its quantiles meaningless.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from streams.slices.bucket_bounds import BOUNDS_US, FIRST_INDEX

#: Most bounds: each is a series of every step.
MOST_BOUNDS: Final = 30
#: Longest duration that is accepted: 400 days.
LONGEST_SECONDS: Final = 400 * 86_400
_MICROSECONDS: Final = 1_000_000

#: i of the bounds 2^(i/32) seconds: from 44 ms to 756 s each 2^(9/16), or 1.48 times, the one before; a few beyond.
_DEFAULT_INDICES: Final = (-320, -224, *range(-144, 307, 18), 416, 576)
#: Default bounds in microseconds, from a millisecond to three days. The exposition adds `+Inf`.
DEFAULT_BOUNDS_US: Final[tuple[int, ...]] = tuple(BOUNDS_US[index - FIRST_INDEX] for index in _DEFAULT_INDICES)


def on_the_grid(bounds: Sequence[Decimal]) -> tuple[int, ...]:
    """``bounds`` in seconds, each moved up to the next bound of the fine grid, in microseconds.

    Raises:
        ValueError: there are none or too many, one is out of range, or they do not ascend; it says what to write.
    """
    if not 0 < len(bounds) <= MOST_BOUNDS:
        message = f"these are {len(bounds)} bounds; write 1 to {MOST_BOUNDS}, for each is a series of every step"
        raise ValueError(message)
    for bound in bounds:
        if not 0 < bound <= LONGEST_SECONDS:
            message = (
                f"{bound} is not measured; write seconds above 0 and at most {LONGEST_SECONDS}, which are 400 days"
            )
            raise ValueError(message)
    for lower, upper in pairwise(bounds):
        _check_ascent(lower, upper)
    return tuple(map(_next_us, bounds))


def _check_ascent(lower: Decimal, upper: Decimal) -> None:
    if upper <= lower:
        message = f"{upper} follows {lower}, but bounds ascend; write each once, the smallest first"
        raise ValueError(message)
    if _next_us(lower) == _next_us(upper):
        end = _next_us(upper) / _MICROSECONDS
        message = (
            f"{lower} and {upper} lie in one bucket of the fine grid, which ends at {end:g}; leave one of them out"
        )
        raise ValueError(message)


def _next_us(bound: Decimal) -> int:
    return BOUNDS_US[bisect_left(BOUNDS_US, bound * _MICROSECONDS)]
