from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from agents.status.worker import State, WorkerStatus
from agents.web.routes import mount
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.standards.model import Standards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agents.status.worker import MonitorView

RUNNING = WorkerStatus(State.RUNNING, 0.0, "127.0.0.1:9092", (), (), 0.0)


class Seen:
    """A worker in the state given."""

    standards = Standards()

    def __init__(self, state: State) -> None:
        self._status = replace(RUNNING, state=state)
        self.on_status: Callable[[], None] = lambda: None
        self.shown = [Engine(Start("events", 0, self.standards))]

    def change(self, *, started_at: float) -> None:
        self._status = replace(self._status, started_at=started_at)

    def engines(self) -> Sequence[Engine]:
        return self.shown

    def status(self) -> WorkerStatus:
        self.on_status()
        return self._status


async def ask(
    path: str, *, state: State = State.RUNNING, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    application = web.Application()
    observed: MonitorView = Seen(state)
    mount(application, observed)
    async with TestClient(TestServer(application)) as client:
        response = await client.request(method, path, headers=headers)
        return response.status, response.headers, await response.read()


@pytest.mark.parametrize(
    ("path", "content_type", "begins"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/api/status", "application/json", b'{"version":1'),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", b"# HELP"),
        ("/health", "application/json", b'{"healthy":true'),
        ("/ready", "application/json", b'{"ready":true'),
    ],
)
async def test_what_is_served(path: str, content_type: str, begins: bytes) -> None:
    status, headers, body = await ask(path)
    assert (status, headers["Content-Type"]) == (200, content_type)
    assert body.startswith(begins)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_metrics_come_as_openmetrics_where_that_is_asked_for() -> None:
    _, headers, body = await ask("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/api/status", {"Accept-Language": "zh-CN,en;q=0.5"}, "zh"),
        ("/api/status?lang=en", {"Accept-Language": "zh-CN"}, "en"),
        ("/api/status", {}, "en"),
    ],
    ids=["the browser's language", "the language asked for wins", "English by default"],
)
async def test_language(path: str, headers: Mapping[str, str], language: str) -> None:
    assert orjson.loads((await ask(path, headers=headers))[2])["language"] == language


@pytest.mark.parametrize(
    ("state", "health", "ready"),
    [
        (State.STARTING, 200, 503),
        (State.RECOVERING, 200, 503),
        (State.RUNNING, 200, 200),
        (State.STALLED, 503, 503),
        (State.EVICTED, 503, 503),
    ],
)
async def test_health_and_readiness(state: State, health: int, ready: int) -> None:
    assert (await ask("/health", state=state))[0] == health
    assert (await ask("/ready", state=state))[0] == ready


@pytest.mark.parametrize(("path", "key"), [("/ready", "waiting_for"), ("/health", "reasons")])
async def test_reasons_come_in_the_language_asked_for(path: str, key: str) -> None:
    _, _, body = await ask(path, state=State.EVICTED, headers={"Accept-Language": "zh-CN"})
    assert orjson.loads(body)[key][0].startswith("工作进程已失去分区")
    assert orjson.loads((await ask(f"{path}?lang=en", state=State.EVICTED))[2])[key][0].startswith(
        "The worker has lost"
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/metrics", 405), ("GET", "/table/", 404), ("GET", "/router/", 404), ("HEAD", "/ready", 200)],
)
async def test_nothing_else_is_served(method: str, path: str, status: int) -> None:
    assert (await ask(path, method=method))[0] == status


@pytest.mark.parametrize(
    ("cost", "fresh"),
    [(0.05, 0.45), (0.2, 0.8), (0.7, 0.7)],
    ids=["until ten times as old as it took", "until a second old", "for as long as it took"],
)
@pytest.mark.parametrize("path", ["/api/status", "/api/status?lang=zh", "/metrics"])
async def test_figures_are_given_again_for_a_while_unless_others_are_to_be_shown(
    path: str, cost: float, fresh: float
) -> None:
    engines = [Engine(Start("events", number, Standards())) for number in range(2)]
    rounds: list[tuple[float, list[Engine]]] = [
        (0.0, engines[:1]),
        (0.99 * fresh, engines[:1]),
        (0.02 * fresh, engines[:1]),
        (0.0, engines),
        (0.0, []),
    ]
    observed = Seen(State.RUNNING)
    now = asked = 0.0

    def take_time() -> None:
        nonlocal now
        now = asked + cost

    observed.on_status = take_time

    application, found = web.Application(), []
    mount(application, observed, lambda: now)
    async with TestClient(TestServer(application)) as client:
        for number, (seconds, shown) in enumerate(rounds):
            now = asked = now + seconds
            observed.shown = shown
            observed.change(started_at=float(number))
            for engine in shown:
                engine.progress.accepted = number
            found.append(await (await client.get(path)).read())
    first, again, later, more, none = found
    assert first == again
    assert again != later
    assert later != more, "one more partition"
    assert more != none, "what is not owned any more is not shown for another moment"
