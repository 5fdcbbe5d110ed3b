"""Standing of an objective by its ratio: met or not, and error budget left, in exact fractions."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from streams.slices.ratio import Ratio
from streams.standards.model import Objective


class ObjectiveState(enum.StrEnum):
    """Whether an objective is met."""

    NO_DATA = "no-data"
    MET = "met"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True)
class Standing:
    """An objective's standing over its window.

    ``budget_remaining`` is the share of the error budget that is left: 1 − bad / ((1 − target) · total). It is
    negative once overspent, and None without data or where the target leaves no budget (100 %).
    """

    state: ObjectiveState
    attained: Fraction | None
    budget_remaining: Fraction | None

    @classmethod
    def of(cls, objective: Objective, ratio: Ratio) -> Self:
        """Standing of ``objective`` at ``ratio``."""
        state = judge(objective, ratio)
        if state is ObjectiveState.NO_DATA:
            return cls(state, None, None)
        attained = Fraction(ratio.good, ratio.total)
        return cls(state, attained, _budget_remaining(objective.target, attained))


def judge(objective: Objective, ratio: Ratio) -> ObjectiveState:
    """Whether ``ratio`` meets ``objective``. A total below its minimum is no data, and raises no alert."""
    if ratio.total < max(1, objective.minimum_total):
        return ObjectiveState.NO_DATA
    target = objective.target
    met = ratio.good * target.denominator >= target.numerator * ratio.total
    return ObjectiveState.MET if met else ObjectiveState.BREACHED


def _budget_remaining(target: Fraction, attained: Fraction) -> Fraction | None:
    return None if target == 1 else 1 - (1 - attained) / (1 - target)
