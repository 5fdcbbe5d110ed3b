"""Publishing to Grafana, against `tests.dashboards.grafana`, which plays it as its documentation describes it.

No Grafana is to be had on test machines: what is proved here is what is sent, and what is made of documented answers.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from dashboards.publish import PAUSES, PublishError, UnreachableError, publications, publish
from tests.dashboards.grafana import TOKEN
from tests.services.loopback import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.dashboards.grafana import MockGrafana

UIDS = ["slm-service-levels-en", "slm-service-levels-zh"]


def published(url: str, token: str = TOKEN) -> tuple[list[str], list[float]]:
    pauses: list[float] = []
    return publish(publications(), url, token, sleep=pauses.append), pauses


def test_each_language_gets_its_folder_and_its_dashboard(grafana: MockGrafana) -> None:
    addresses, _ = published(grafana.url)
    assert grafana.folders == {"slm-en": "Service levels", "slm-zh": "服务水平"}
    assert {uid: saved["folderUid"] for uid, saved in grafana.dashboards.items()} == {
        "slm-service-levels-en": "slm-en",
        "slm-service-levels-zh": "slm-zh",
    }
    assert addresses == [f"{grafana.url}/d/{uid}/{uid}" for uid in UIDS]


def test_publishing_again_overwrites(grafana: MockGrafana) -> None:
    published(grafana.url)
    published(grafana.url)
    assert {saved["version"] for saved in grafana.dashboards.values()} == {2}
    assert grafana.requests.count("POST /api/folders") == 2


def test_grafana_may_live_below_a_path(serve_grafana: Callable[[str], AbstractContextManager[MockGrafana]]) -> None:
    with serve_grafana("/monitoring/grafana") as grafana:
        addresses, _ = published(grafana.url + "/")
        assert addresses[0] == f"{grafana.url}/d/{UIDS[0]}/{UIDS[0]}"


def test_a_folder_that_someone_else_just_made_is_used(grafana: MockGrafana) -> None:
    grafana.folders = {"slm-en": "made meanwhile", "slm-zh": "服务水平"}
    grafana.interruptions.append((HTTPStatus.NOT_FOUND, {"message": "folder not found"}))
    published(grafana.url)
    assert grafana.folders["slm-en"] == "made meanwhile"
    assert len(grafana.dashboards) == 2


@pytest.mark.parametrize(
    "interruption",
    [
        pytest.param((HTTPStatus.SERVICE_UNAVAILABLE, {"message": "starting"}), id="Grafana is starting"),
        pytest.param((HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "database is locked"}), id="its database is busy"),
        pytest.param((HTTPStatus.TOO_MANY_REQUESTS, {"message": "slow down"}), id="it is overloaded"),
    ],
)
def test_a_passing_failure_is_tried_again(grafana: MockGrafana, interruption: tuple[int, object]) -> None:
    grafana.interruptions.extend([interruption] * 2)
    _, pauses = published(grafana.url)
    assert pauses == list(PAUSES[:2])
    assert len(grafana.dashboards) == 2


def test_a_failure_that_lasts_is_told_after_the_last_attempt(grafana: MockGrafana) -> None:
    grafana.interruptions.extend([(HTTPStatus.BAD_GATEWAY, {"message": "no upstream"})] * 9)
    with pytest.raises(UnreachableError, match="no upstream"):
        published(grafana.url)
    assert len(grafana.requests) == len(PAUSES) + 1


def test_nobody_listens() -> None:
    (port,) = free_ports(1)
    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        published(f"http://127.0.0.1:{port}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "answer", "says"),
    [
        pytest.param(
            HTTPStatus.UNAUTHORIZED, {"message": "Invalid API key"}, "does not accept the token", id="wrong token"
        ),
        pytest.param(HTTPStatus.FORBIDDEN, {"message": "Access denied"}, "the role Editor", id="token without rights"),
        pytest.param(
            HTTPStatus.BAD_REQUEST,
            {"message": "Cannot save provisioned dashboard"},
            "Cannot save provisioned dashboard",
            id="the dashboard comes from a file",
        ),
        pytest.param(
            HTTPStatus.PRECONDITION_FAILED,
            {"message": "The dashboard belongs to plugin x", "status": "plugin-dashboard"},
            "belongs to plugin x",
            id="the dashboard belongs to a plugin",
        ),
        pytest.param(HTTPStatus.OK, "<html>welcome</html>", "not Grafana's API", id="another web page"),
        pytest.param(HTTPStatus.OK, {"fine": True}, "not Grafana's API", id="another JSON API"),
        pytest.param(HTTPStatus.NOT_ACCEPTABLE, "an error message", "not Grafana's API", id="an error page"),
    ],
)
def test_a_refusal_is_one_line_that_helps(grafana: MockGrafana, status: int, answer: object, says: str) -> None:
    grafana.folders = {"slm-en": "Service levels"}
    known = (HTTPStatus.OK, {"uid": "slm-en"})
    grafana.interruptions.extend([known, (status, answer)])
    with pytest.raises(PublishError, match=says) as caught:
        published(grafana.url)
    assert not isinstance(caught.value, UnreachableError)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert len(grafana.requests) == 2, "a refusal is final"


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:3000",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:3000/?orgId=1",
        "http://admin:admin@127.0.0.1:3000",
    ],
)
def test_an_address_that_cannot_be_grafanas_is_refused(url: str) -> None:
    with pytest.raises(PublishError) as caught:
        published(url)
    assert "admin:admin" not in str(caught.value)
