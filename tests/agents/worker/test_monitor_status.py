"""Status, warnings and faults of a worker, without a broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from agents.exits import Exit, Fault
from agents.files.standards_file import NO_FILE, StandardsFile
from agents.kafka.bounds import LogBounds
from agents.settings.settings import Settings
from agents.status.worker import State
from agents.web.exposition import render
from agents.worker.faults import fault_of
from agents.worker.monitor import MonitorApp, build
from agents.worker.partitions.owned import LogTruncated, OwnedPartition
from streams.decoding.batch import SourcePartition
from streams.engine.standards_log import ProposedStandards
from streams.events.rejections import Reason
from streams.standards.load import load
from streams.standards.model import Standards
from streams.texts.warnings import Warnings
from tests.fakes.engine import FakeTask, as_fake, fake_task

if TYPE_CHECKING:
    from collections.abc import Callable


OTHER = StandardsFile(load("version: 1\ntimezone: Asia/Shanghai\n", file="other"), "", 1_000)


def idle(*, ephemeral: bool = False, file: StandardsFile = NO_FILE) -> MonitorApp:
    """A worker that has been assigned partitions and was never started."""
    monitor = build(Settings.resolve({"topics": "events"}), file, ephemeral=ephemeral)
    monitor._worker.settled = True
    monitor._liveness.touched(time.monotonic())
    return monitor


def own(monitor: MonitorApp, number: int = 0) -> OwnedPartition:
    """A partition that ``monitor`` owns and has read to its end."""
    task = fake_task("events", number)
    monitor.assignment.partitions.add(task, LogBounds(0, 0), create_time=False)
    as_fake(monitor.assignment.partitions.owned()[-1]).standards = monitor.standards
    return monitor.assignment.partitions.owned()[-1]


def metrics(monitor: MonitorApp) -> list[str]:
    return render(monitor, None)[0].decode().splitlines()


def shown(monitor: MonitorApp, metric: str) -> list[str]:
    return [line.rpartition(" ")[2] for line in metrics(monitor) if line.partition("{")[0].partition(" ")[0] == metric]


async def test_a_refused_standards_file_leaves_the_earlier_one_and_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    monitor = idle(file=OTHER)
    assert shown(monitor, "slm_standards_refused") == ["0.0"]
    monitor.reload("standards.yaml has 2 problems: …")
    assert monitor.file is OTHER
    assert monitor.standards is OTHER.standards
    assert monitor.status().refused_standards == "standards.yaml has 2 problems: …"
    assert Warnings.STANDARDS_REJECTED.key in monitor.status().warnings
    assert shown(monitor, "slm_standards_refused") == ["1.0"]
    assert "the earlier standards stay: standards.yaml has 2 problems" in caplog.text
    newer = StandardsFile(Standards(digest="newer"), "", 2_000)
    monitor.reload(newer)
    assert monitor.file is newer
    assert monitor.status().refused_standards is None
    assert Warnings.STANDARDS_REJECTED.key not in monitor.status().warnings
    assert shown(monitor, "slm_standards_refused") == ["0.0"]


async def test_what_is_as_it_should_be_warns_of_nothing() -> None:
    services = load("version: 1\nservices: {hotline: {}}\n", file="f")
    monitor = idle(file=StandardsFile(services))
    own(monitor)
    assert monitor.status().warnings == ()


def spoil_broker(monitor: MonitorApp, _: OwnedPartition) -> None:
    monitor._log_ends.note(TimeoutError())


def spoil_standards(_: MonitorApp, one: OwnedPartition) -> None:
    as_fake(one).standards = Standards(digest="of another worker's file")


def spoil_timestamps(_: MonitorApp, one: OwnedPartition) -> None:
    one.create_time = True


def spoil_stamps(_: MonitorApp, one: OwnedPartition) -> None:
    one.engine.progress.unguarded = True


def spoil_log(_: MonitorApp, one: OwnedPartition) -> None:
    one.missing = True


def spoil_state(monitor: MonitorApp, _: OwnedPartition) -> None:
    monitor.assignment.damaged = True


def spoil_ticks(monitor: MonitorApp, _: OwnedPartition) -> None:
    monitor._upkeep.refused = True


def spoil_labels(_: MonitorApp, one: OwnedPartition) -> None:
    one.engine.progress.overflowed["service"] = 1


def spoil_values(_: MonitorApp, one: OwnedPartition) -> None:
    one.engine.progress.readable["duration"] = 18
    one.engine.progress.unreadable["duration", Reason.WRONG_TYPE] = 1


@pytest.mark.parametrize(
    ("spoil", "warning"),
    [
        (spoil_broker, Warnings.BROKER_SILENT),
        (spoil_standards, Warnings.STANDARDS_DIFFER),
        (spoil_timestamps, Warnings.CREATE_TIME_TOPIC),
        (spoil_stamps, Warnings.TIMESTAMPS_MISSING),
        (spoil_log, Warnings.GAP_IN_LOG),
        (spoil_state, Warnings.STATE_DAMAGED),
        (spoil_ticks, Warnings.TICKS_REFUSED),
        (spoil_labels, Warnings.LABELS_FOLDED),
        (spoil_values, Warnings.VALUES_UNREADABLE),
    ],
    ids=lambda what: what.key if isinstance(what, Warnings) else "",
)
async def test_what_is_not_as_it_should_be_is_warned_of(
    spoil: Callable[[MonitorApp, OwnedPartition], None], warning: Warnings
) -> None:
    monitor = idle()
    one = own(monitor)
    assert monitor.status().warnings == (Warnings.NO_STANDARDS.key,)
    spoil(monitor, one)
    assert sorted(monitor.status().warnings) == sorted((warning.key, Warnings.NO_STANDARDS.key))


async def test_the_embedded_broker_warns_of_itself_and_of_nothing_that_it_cannot_do() -> None:
    monitor = idle(ephemeral=True)
    own(monitor).create_time = True
    assert set(monitor.status().warnings) == {Warnings.EMBEDDED_BROKER.key, Warnings.NO_STANDARDS.key}


async def test_states_and_what_is_shown_in_each() -> None:
    monitor = idle()
    monitor._worker.settled = False
    assert monitor.status().state is State.STARTING
    monitor._worker.settled = True
    one, other = own(monitor), own(monitor, 1)
    assert monitor.status().state is State.RUNNING
    assert monitor.engines() == [one.engine, other.engine]
    as_fake(other).restoring = True
    assert monitor.status().state is State.RECOVERING
    assert monitor.engines() == [one.engine], "figures that are not complete are not shown"
    assert [row.recovering for row in monitor.status().partitions] == [False, True]
    as_fake(other).restoring = False
    monitor._was_settled = True
    monitor._liveness.touched_at = time.monotonic() - monitor.settings.session_timeout
    assert monitor.status().state is State.EVICTED
    assert (monitor.engines(), monitor.status().partitions) == ([], ())


async def test_what_standards_hold_and_what_is_pending_is_shown_for_each_partition() -> None:
    monitor = idle(file=OTHER)
    as_fake(own(monitor)).latest_standards = ProposedStandards("next", 1)
    (row,) = monitor.status().partitions
    assert (row.standards, row.pending_standards) == (OTHER.standards.digest, "next")


async def test_why_nothing_is_read_is_shown() -> None:
    monitor = idle()
    cast("FakeTask", own(monitor).task).waits = "waits-for-output"
    assert monitor.status().waits == "waits-for-output"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Fault("a line", Exit.USAGE), Exit.USAGE, "a line"),
        (LogTruncated(SourcePartition("t", 0), 5, 4), Exit.STALLED, "t/0 was read up to offset 5 but now ends at 4"),
        (KafkaConnectionError(), Exit.UNAVAILABLE, "start the worker again once the broker answers"),
        (TopicAuthorizationFailedError(), Exit.UNAVAILABLE, "give this client the right"),
        (TimeoutError(), Exit.UNAVAILABLE, "start the worker again once the broker answers"),
        (ZeroDivisionError("oops"), Exit.STALLED, "oops"),
        (None, Exit.STALLED, "ended by itself; start it again"),
    ],
)
def test_every_end_has_a_line_and_a_code(error: Exception | None, code: Exit, message: str) -> None:
    fault = fault_of(error)
    assert fault.exit_code == code
    assert message in fault.message
