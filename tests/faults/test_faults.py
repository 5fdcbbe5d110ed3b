"""Runs of a hundred thousand events and ten faults each, as ``python -m tests.faults`` makes them."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.faults.kinds.plan import KINDS, Kind, Plan
from tests.faults.run import FAULTS, Run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.parts.site import Site

SEEDS = range(1, 9)
EVENTS, COUNT = 100_000, 10


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_after_ten_faults_every_event_is_counted_once_and_every_decision_is_the_one_due(
    site: Site, tmp_path: Path, seed: int
) -> None:
    result = Run(site, Plan.of(seed, EVENTS, COUNT), tmp_path / f"run-{seed}").go()
    found = "\n".join([json.dumps(result.document()), *result.findings.lines, *result.unmet])
    assert result.good, f"{found}\nagain: make faults RUNS=1 SEED={seed}"
    assert len(result.faults) == COUNT
    assert result.decisions > 500
    assert result.letters > 500


def test_eight_seeds_in_a_row_have_every_kind_of_fault() -> None:
    counts = Counter(one.kind for seed in SEEDS for one in Plan.of(seed, EVENTS, COUNT).faults)
    assert counts.keys() == set(Kind) == FAULTS.keys() == {kind for kinds in KINDS.values() for kind in kinds}
    assert min(counts.values()) >= 2


def test_a_plan_is_a_function_of_its_seed() -> None:
    assert Plan.of(7, EVENTS, COUNT) == Plan.of(7, EVENTS, COUNT) != Plan.of(8, EVENTS, COUNT)
    assert all(len(Plan.of(seed, EVENTS, count).faults) == count for seed in range(20) for count in (0, 1, 10, 25))
