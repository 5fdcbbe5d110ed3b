"""What `/metrics` shows of saved state, recovery, standards, and names that were folded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from agents.status.worker import RecoveryStatus, State, TransactionStatus
from streams import conventions
from streams.standards.model import Standards
from streams.views.levels import StepLevel
from tests.agents.web.scraped import one, samples
from tests.fakes import floor
from tests.fakes.floor import FakeEngine, Floor

if TYPE_CHECKING:
    from streams.conventions.metric import Metric

TRANSACTIONAL = (
    conventions.STATE_TRANSACTIONS,
    conventions.STATE_TRANSACTION_SECONDS,
    conventions.STATE_SAVED_OFFSET,
    conventions.STATE_UNSAVED,
    conventions.STATE_RECOVERIES,
    conventions.STATE_RECOVERY_SECONDS,
    conventions.STATE_RECOVERY_ROWS,
)


@pytest.mark.parametrize(
    ("metric", "labels", "value"),
    [
        (conventions.STATE_TRANSACTIONS, {"result": "committed"}, 1_204),
        (conventions.STATE_TRANSACTIONS, {"result": "failed"}, 3),
        (conventions.STATE_TRANSACTION_SECONDS, {}, 19.5),
        (conventions.STATE_SAVED_OFFSET, {"partition": "0"}, 48_190),
        (conventions.STATE_UNSAVED, {"partition": "0"}, 21),
        (conventions.STATE_RECOVERIES, {}, 2),
        (conventions.STATE_RECOVERY_SECONDS, {}, 1.25),
        (conventions.STATE_RECOVERY_ROWS, {}, 34_567),
        (conventions.PIPELINE_TICKS, {}, 12),
        (conventions.PIPELINE_RECOVERING, {"topic": "service-events", "partition": "0"}, 0),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_figures_of_saved_state(metric: Metric, labels: dict[str, str], value: float) -> None:
    assert one(samples(floor.floor()), metric, **labels) == value


def test_a_failure_shows_as_an_increase_since_none_is_told_too() -> None:
    found = samples(Floor(worker=floor.worker(transactions=TransactionStatus())))
    assert one(found, conventions.STATE_TRANSACTIONS, result="failed") == 0


def test_where_the_broker_keeps_nothing_nothing_is_said_of_saving() -> None:
    found = samples(floor.empty())
    assert [metric.name for metric in TRANSACTIONAL if found.get(metric.name)] == []


def test_before_anything_was_saved_or_recovered_there_is_no_figure_of_it() -> None:
    new = floor.worker(partitions=(floor.partition(saved_offset=None),), recoveries=RecoveryStatus())
    found = samples(Floor(worker=new))
    absent = (
        conventions.STATE_SAVED_OFFSET,
        conventions.STATE_UNSAVED,
        conventions.STATE_RECOVERY_SECONDS,
        conventions.STATE_RECOVERY_ROWS,
    )
    assert [metric.name for metric in absent if found.get(metric.name)] == []
    assert one(found, conventions.STATE_RECOVERIES) == 0


def test_of_a_partition_that_recovers_only_its_progress_is_shown() -> None:
    found = samples(floor.recovering())
    told = {s.labels["partition"]: s.value for s in found[conventions.PIPELINE_RECOVERING.name]}
    assert told == {"0": 0, "1": 1, "2": 1}
    assert one(found, conventions.PIPELINE_LAG, partition="1") == 3_211
    assert one(found, conventions.STATE_SAVED_OFFSET, partition="1") == 12_000
    for metric in (conventions.PIPELINE_WATERMARK, conventions.PIPELINE_EVENTS, conventions.STATE_UNSAVED):
        assert {s.labels["partition"] for s in found[metric.name]} == {"0"}


def test_the_worker_is_in_one_state() -> None:
    found = samples(Floor(worker=floor.worker(state=State.EVICTED, partitions=())))
    told = {s.labels["state"]: s.value for s in found[conventions.WORKER_STATE.name]}
    assert told == {"starting": 0, "recovering": 0, "running": 0, "stalled": 0, "evicted": 1}
    assert one(found, conventions.WORKER_READY) == 0


def test_names_that_were_folded_are_counted_by_kind_from_zero_on() -> None:
    overflowed = floor.progress(overflowed=Counter({"step": 4, "a kind to come": 2}))
    found = samples(Floor(fakes=[FakeEngine(progress=overflowed)]))
    told = {s.labels["kind"]: s.value for s in found[conventions.PIPELINE_OVERFLOWED_LABELS.name]}
    assert told == {"service": 0, "step": 4, "failure-point": 0, "source": 0, "a kind to come": 2}


def test_standards_in_force_are_told_by_partition_and_the_file_s_by_worker() -> None:
    partitions = (floor.partition(standards="old"), floor.partition(partition=1, standards="new"))
    found = samples(Floor(Standards(digest="new"), worker=floor.worker(partitions=partitions)))
    in_force = {s.labels["partition"]: s.labels["standards"] for s in found[conventions.STANDARDS_IN_FORCE.name]}
    assert in_force == {"0": "old", "1": "new"}
    assert found[conventions.BUILD.name][0].labels["standards"] == "new"


@pytest.mark.parametrize(("refused", "value"), [(None, 0), ("line 3: no such key", 1)], ids=["accepted", "refused"])
def test_a_refused_standards_file(refused: str | None, value: int) -> None:
    found = samples(Floor(worker=floor.worker(refused_standards=refused)))
    assert one(found, conventions.STANDARDS_REFUSED) == value


def test_fail_points_are_declared_by_the_standards_in_force_not_by_the_file() -> None:
    engine = FakeEngine(steps={"all": (StepLevel("hotline", "answer", ok=1),)}, standards=floor.STANDARDS)
    found = samples(Floor(Standards(digest="a file without services"), [engine]))
    assert {s.labels["failure_point"] for s in found[conventions.FAILURES.name]} == {"queue-overflow", "rude"}
