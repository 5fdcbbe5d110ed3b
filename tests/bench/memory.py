"""What a series takes in memory after a hundred days, and how that grows."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.bench.live import WrongResultError
from tests.bench.result import Measured, Result, Target
from tests.bench.simulate import SERIES
from tests.services.parts import ROOT

_DAYS: Final = 100
_FLAT_FROM: Final = 40
_MOST_GROWTH: Final = 1.1
#: Seconds between two events of a step where there are many: the same for all, so that only their number differs.
_SPARSE_S: Final = 100
#: Each has one distribution and four ratios. What a partition takes whatever it holds is spread over so many.
_STEPS: Final = 40


def measure(folder: Path, tell: Callable[[str], None]) -> Result:
    """Resident bytes a series: one distribution to four ratios, one event a second each, after a hundred days."""
    tell("a hundred days, one event a second a step")
    sizes = _simulate(folder, steps=_STEPS, days=_DAYS)
    found = sizes[_DAYS]
    growth = found / sizes[_FLAT_FROM]
    more = {
        "bytes_by_day": {day: round(size) for day, size in sizes.items()},
        "growth_from_day_40": round(growth, 3),
        "flat": growth <= _MOST_GROWTH,
    }
    if growth > _MOST_GROWTH:
        raise WrongResultError(f"memory grows from day {_FLAT_FROM} on: {more}")
    return Result("memory_per_series", Measured([found], "bytes"), None, Target(most=100_000), more)


def growth(folder: Path, tell: Callable[[str], None]) -> Result:
    """How resident memory grows with the series and with the days: exponents, and the curve."""
    curve = {}
    for steps in (10, 100, 1_000, 10_000):
        tell(f"{SERIES * steps} series")
        curve[SERIES * steps] = _simulate(folder, steps=steps, days=_DAYS, every_s=_SPARSE_S)
    series, days = (min(curve), max(curve)), (_FLAT_FROM, _DAYS)
    by_series = _exponent(series, [curve[count][_DAYS] * count for count in series])
    more = {
        "exponent_by_days": {str(n): round(_exponent(days, [sizes[d] for d in days]), 3) for n, sizes in curve.items()},
        "bytes": {str(n): {day: round(size) for day, size in sizes.items()} for n, sizes in curve.items()},
    }
    return Result("growth", Measured([by_series], "exponent by series"), None, Target(most=1.1), more)


def _exponent(amounts: Sequence[float], sizes: Sequence[float]) -> float:
    """Of the power of the amount that leads from the first size to the last."""
    return math.log(sizes[-1] / sizes[0]) / math.log(amounts[-1] / amounts[0])


def _simulate(folder: Path, *, steps: int, days: int, every_s: int = 1) -> dict[int, float]:
    """Resident bytes a series by day, from a process of its own."""
    command = [sys.executable, "-m", "tests.bench.simulate", str(steps), str(days), str(every_s)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise WrongResultError(f"the simulation ended with code {ran.returncode}: {ran.stderr[-2_000:]}")
    return {int(day): size for day, size in json.loads(ran.stdout).items()}
