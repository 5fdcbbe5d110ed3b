"""A Grafana that is played by `tests.dashboards.grafana`."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.dashboards.grafana import MockGrafana

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@contextmanager
def serve(prefix: str) -> Iterator[MockGrafana]:
    with MockGrafana(prefix) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables like http_proxy are for the world outside."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def serve_grafana() -> Callable[[str], AbstractContextManager[MockGrafana]]:
    return serve


@pytest.fixture
def grafana() -> Iterator[MockGrafana]:
    with serve("") as server:
        yield server
