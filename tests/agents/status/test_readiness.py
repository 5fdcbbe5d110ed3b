"""`/ready` and `/health`: what is told apart, and in whose language the reasons are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.status.readiness import obstacles
from agents.status.worker import State
from agents.web import page
from streams.texts.phrase import Language
from tests.fakes import floor
from tests.fakes.floor import Floor

BEHIND = floor.partition(partition=3, next_offset=5, log_end=12, lag=7, caught_up=False)
UNREAD = floor.partition(partition=4, next_offset=0, log_end=None, lag=None, caught_up=False)
STATE_UNREAD = floor.partition(partition=5, next_offset=0, caught_up=False, recovering=True, saved_offset=None)
FOLDED_AGAIN = floor.partition(partition=6, next_offset=70, caught_up=False, recovering=True, saved_offset=100)
RECOVERING = "The worker is recovering partitions: it brings them to where their last owner left them."
STALLED = "The worker makes no progress although there are records to read; it is about to end itself."
EVICTED = (
    "The worker has lost its partitions: its group has not heard of it for a session time-out, or another worker took "
    "them over. It shows no figures until it has partitions again."
)


@pytest.mark.parametrize(
    ("changes", "code", "waiting_for"),
    [
        pytest.param({}, 200, [], id="caught up"),
        pytest.param({"partitions": ()}, 200, [], id="standing by: runs, and nothing is assigned"),
        pytest.param(
            {"state": State.STARTING, "partitions": ()},
            503,
            ["The worker is starting and has no partitions yet."],
            id="starting",
        ),
        pytest.param(
            {"partitions": (BEHIND, UNREAD)},
            503,
            [
                "Partition 3 of topic service-events has 7 records left to read.",
                "Partition 4 of topic service-events is not being read yet.",
            ],
            id="behind",
        ),
        pytest.param(
            {"state": State.RECOVERING, "partitions": (floor.partition(), STATE_UNREAD, FOLDED_AGAIN)},
            503,
            [
                RECOVERING,
                "The saved state of partition 5 of topic service-events is being read.",
                "Partition 6 of topic service-events has 30 records left to fold again that its saved state includes.",
            ],
            id="recovering: each partition says how far it is",
        ),
        pytest.param(
            {"partitions": (floor.partition(recovering=True, next_offset=48_000),)},
            503,
            ["Partition 0 of topic service-events has 190 records left to fold again that its saved state includes."],
            id="a partition that recovers is not ready, whatever the worker says of itself",
        ),
        pytest.param({"state": State.STALLED}, 503, [STALLED], id="stalled"),
        pytest.param({"state": State.EVICTED, "partitions": ()}, 503, [EVICTED], id="evicted"),
    ],
)
def test_ready_says_why_not(changes: dict[str, Any], code: int, waiting_for: list[str]) -> None:
    observed = Floor(worker=floor.worker(warnings=("create-time-topic",), **changes))
    answered, body = page.ready(observed)
    assert answered == code
    assert json.loads(body) == {
        "ready": code == 200,
        "state": changes.get("state", State.RUNNING),
        "waiting_for": waiting_for,
        "waits": None,
        "warnings": ["create-time-topic"],
    }
    assert json.loads(page.status_json(observed, Language.EN))["worker"]["ready"] == (code == 200)


@pytest.mark.parametrize(
    ("state", "code", "reasons"),
    [
        pytest.param(State.STARTING, 200, [], id="starting"),
        pytest.param(State.RECOVERING, 200, [], id="recovering: it works, however long that takes"),
        pytest.param(State.RUNNING, 200, [], id="running"),
        pytest.param(State.STALLED, 503, [STALLED], id="stalled"),
        pytest.param(State.EVICTED, 503, [EVICTED], id="evicted"),
    ],
)
def test_health_is_good_for_as_long_as_the_process_works(state: State, code: int, reasons: list[str]) -> None:
    answered, body = page.health(Floor(worker=floor.worker(state=state, partitions=(BEHIND,))))
    assert (answered, json.loads(body)) == (code, {"healthy": code == 200, "state": state, "reasons": reasons})


def test_reasons_are_said_in_chinese_where_that_is_asked_for() -> None:
    observed = Floor(worker=floor.worker(state=State.EVICTED, partitions=(), waits="waits-for-transaction"))
    assert json.loads(page.health(observed, Language.ZH)[1])["reasons"][0].startswith("工作进程已失去分区")
    ready = json.loads(page.ready(observed, Language.ZH)[1])
    assert ready["waiting_for"][0].startswith("工作进程已失去分区")
    assert ready["waits"].startswith("读取暂停：一个事务")


@pytest.mark.parametrize(
    ("waits", "said"),
    [
        pytest.param(
            "waits-for-standards",
            "Reading waits for standards that the log names and the control topic does not have yet.",
            id="a reason that has its words",
        ),
        pytest.param("the disk is full", "the disk is full", id="a line as it is"),
    ],
)
def test_waiting_for_a_moment_is_told_and_does_not_make_a_worker_unready(waits: str, said: str) -> None:
    answered, body = page.ready(Floor(worker=floor.worker(waits=waits)))
    assert (answered, json.loads(body)["waits"]) == (200, said)


@pytest.mark.parametrize("state", [state for state in State if state is not State.RUNNING], ids=str)
def test_only_a_running_worker_is_ready(state: State) -> None:
    assert obstacles(floor.worker(state=state))
