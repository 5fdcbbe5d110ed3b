"""Reproducible random numbers, as a function of a seed and a name.

Python's own generators promise the same numbers only within one version; SplitMix64 takes a few lines and never
changes. Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Final

_MASK: Final = 2**64 - 1
_GAMMA: Final = 0x9E37_79B9_7F4A_7C15
_MANTISSA: Final = 53  # bits of a double
_NORMAL: Final = NormalDist()


class Chance:
    """One sequence of random numbers. Sequences of different names are independent."""

    def __init__(self, seed: int, name: str) -> None:
        self._state = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8])

    def uniform(self) -> float:
        """A number in (0, 1), both ends excluded."""
        self._state = (self._state + _GAMMA) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
        mixed ^= mixed >> 31
        return ((mixed >> (64 - _MANTISSA)) + 0.5) / (1 << _MANTISSA)

    def happens(self, probability: float) -> bool:
        """True with ``probability``."""
        return self.uniform() < probability

    def gap(self, mean: float) -> float:
        """Time to the next arrival of a Poisson process: exponential with ``mean``."""
        return -mean * math.log(self.uniform())

    def duration(self, median: float, spread: float) -> float:
        """Service time: log-normal with ``median``; ``spread`` is the standard deviation of its logarithm."""
        return median * math.exp(spread * _NORMAL.inv_cdf(self.uniform()))

    def pick(self, weights: Mapping[str, float]) -> str:
        """One of the keys, with probabilities in proportion to their weights."""
        left = self.uniform() * sum(weights.values())
        for name, weight in weights.items():
            left -= weight
            if left < 0:
                return name
        return name
