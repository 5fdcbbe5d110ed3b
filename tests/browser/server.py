"""The page's handlers on a loopback port, as the worker mounts them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from agents.status.worker import MonitorView
from agents.web import exposition, page
from streams.texts.phrase import Language
from tests.fakes.floor import NOW_MS


@dataclass
class Served:
    """A running server, which a test may cut off."""

    url: str
    runner: web.AppRunner

    async def cut_off(self) -> None:
        """Stop answering."""
        await self.runner.cleanup()


@asynccontextmanager
async def serve(
    observed: MonitorView, *, clock: Callable[[], float] = lambda: NOW_MS / 1000, port: int = 0
) -> AsyncIterator[Served]:
    """Serve ``observed`` under a stopped ``clock`` until the end of the ``async with``."""
    runner = web.AppRunner(_application(observed, clock), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    bound = runner.addresses[0][1]
    try:
        yield Served(f"http://127.0.0.1:{bound}/", runner)
    finally:
        await runner.cleanup()


def _application(observed: MonitorView, clock: Callable[[], float]) -> web.Application:
    def language(request: web.Request) -> Language:
        return page.choose_language(request.query.get("lang"), request.headers.get("Accept-Language"))

    async def index(request: web.Request) -> web.Response:
        headers = {**page.HEADERS, "Content-Type": page.HTML}
        return web.Response(body=page.html(language(request)), headers=headers)

    async def status(request: web.Request) -> web.Response:
        body = page.status_json(observed, language(request), now=clock())
        return web.Response(body=body, headers={**page.HEADERS, "Content-Type": page.JSON})

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = exposition.render(observed, request.headers.get("Accept"))
        return web.Response(body=body, headers={"Content-Type": content_type})

    application = web.Application()
    application.add_routes([web.get("/", index), web.get("/api/status", status), web.get("/metrics", metrics)])
    return application
