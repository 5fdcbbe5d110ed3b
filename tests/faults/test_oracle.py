from __future__ import annotations

import random
from collections import Counter

import pytest

from streams.decisions.breaches import Decision
from streams.decoding.batch import Batch
from streams.decoding.dead_letters import DeadLetter
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.standards.load import load
from tests.faults.log.floor import MALFORMED, rows
from tests.faults.log.oracle import Decided, PartitionOracle
from tests.faults.log.promises import standards_file

NOW_MS = 1_790_000_000_123
COUNT = 30_000


def log(seed: int) -> list[tuple[int, bytes]]:
    """Timestamps and values of a log of one partition; at its end the present is reached and ticks count."""
    rng = random.Random(seed)
    found = []
    stamp = NOW_MS
    for row in rows(seed, COUNT, NOW_MS):
        stamp += rng.randint(0, 2)
        found.append((stamp, row.value))
        if rng.random() < 0.001:
            found.append((stamp, control_records.tick()))
    for _ in range(40):
        stamp += rng.randint(1, 20_000)
        found.append((stamp, control_records.tick()))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_oracle_and_engine_conclude_the_same_of_an_undisturbed_log(seed: int) -> None:
    records = log(seed)
    oracle = PartitionOracle(MALFORMED)
    for offset, (stamp, raw) in enumerate(records):
        oracle.receive(offset, stamp, raw)

    engine = Engine(Start("events", 0, load(standards_file(), file="standards.yaml")))
    batch = Batch.of("events", 0, [raw for _, raw in records], 0, [stamp for stamp, _ in records])
    letters: list[DeadLetter] = []
    decisions: list[Decision] = []
    for first in range(0, len(records), 1_000):
        letters += engine.fold(batch.between(first, first + 1_000))
        decisions += engine.advance().decisions

    progress, everything = engine.progress, engine.cumulative()
    assert oracle.letters == {letter.offset: letter.reason for letter in letters}
    assert oracle.events["accepted", ""] == progress.accepted
    assert oracle.events["duplicate", ""] == progress.duplicates > 0
    assert oracle.events["ignored", ""] == progress.ignored > 0
    assert Counter(oracle.letters.values()) == progress.rejected
    assert progress.unreadable.total() == oracle.left_out > 0
    assert {name for name, _ in progress.unreadable} == {"duration"}
    assert {*MALFORMED.values(), "late", "future"} == progress.rejected.keys()
    assert oracle.decisions() == sorted(
        Decided(d.at_ms // 1_000, d.service, d.objective, d.change, d.ratio.good, d.ratio.total) for d in decisions
    )
    assert len(decisions) > 500
    shown = {(s.service, s.step, "ok"): s.ok for s in everything.steps} | {
        (s.service, s.step, "failed"): s.failed for s in everything.steps
    }
    assert {key: count for key, count in shown.items() if count} == {
        key: count for key, count in oracle.interactions.items() if key[2] != "abandoned"
    }
    waited = {(s.service, s.step): s.response.sum_us for s in everything.steps if s.response.count}
    assert waited == oracle.waited_us
    probes = {(s.service, s.step): (s.probes.good, s.probes.total) for s in everything.steps if s.probes.total}
    assert probes == oracle.observed()


@pytest.mark.parametrize(
    ("first", "second"),
    [((1789998690.420, "10"), (1789998690.161, "103")), ((1795574422.700, "1030200"), (1795574423.980, "1040900"))],
    ids=["of two and three characters", "of seven characters"],
)
def test_events_of_different_ids_and_times_are_never_taken_for_one(
    first: tuple[float, str], second: tuple[float, str]
) -> None:
    raw = [f'{{"time":{at:.3f},"service":"service-00","id":"{identity}"}}'.encode() for at, identity in (first, second)]
    engine = Engine(Start("events", 0, load(standards_file(), file="standards.yaml")))
    engine.fold(Batch.of("events", 0, raw, 0, [int(second[0] * 1_000)] * 2))
    assert (engine.progress.accepted, engine.progress.duplicates) == (2, 0)
