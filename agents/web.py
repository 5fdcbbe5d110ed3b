"""Routes of the status page, its JSON, `/metrics`, `/health` and `/ready` on the worker's web server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.status import Observed
    from streams.texts import Language


def mount(application: web.Application, observed: Observed) -> None:
    """Serve ``observed`` from ``application``; only GET and HEAD are answered."""
    routes = {
        "/": _page,
        "/api/status": _status,
        "/metrics": _metrics,
        "/health": _health,
        "/ready": _ready,
    }
    for path, answer in routes.items():
        application.router.add_get(path, _handler(answer, observed))


def _handler(
    answer: Callable[[Observed, web.Request], web.Response], observed: Observed
) -> Callable[[web.Request], Awaitable[web.Response]]:
    from agents import page  # noqa: PLC0415 - so that a worker without a web server does not load it

    async def handle(request: web.Request) -> web.Response:
        response = answer(observed, request)
        response.headers.update(page.HEADERS)
        return response

    return handle


def _response(body: bytes, content_type: str, status: int = 200) -> web.Response:
    # As a header, since aiohttp's own argument takes no parameters such as the version of the exposition format.
    return web.Response(body=body, status=status, headers={"Content-Type": content_type})


def _language(request: web.Request) -> Language:
    from agents import page  # noqa: PLC0415

    return page.choose_language(request.query.get("lang"), request.headers.get("Accept-Language"))


def _page(_: Observed, request: web.Request) -> web.Response:
    from agents import page  # noqa: PLC0415

    return _response(page.html(_language(request)), page.HTML)


def _status(observed: Observed, request: web.Request) -> web.Response:
    from agents import page  # noqa: PLC0415

    return _response(page.status_json(observed, _language(request)), page.JSON)


def _metrics(observed: Observed, request: web.Request) -> web.Response:
    from agents import exposition  # noqa: PLC0415

    return _response(*exposition.render(observed, request.headers.get("Accept")))


def _health(observed: Observed, request: web.Request) -> web.Response:
    from agents import page  # noqa: PLC0415

    status, body = page.health(observed, _language(request))
    return _response(body, page.JSON, status)


def _ready(observed: Observed, request: web.Request) -> web.Response:
    from agents import page  # noqa: PLC0415

    status, body = page.ready(observed, _language(request))
    return _response(body, page.JSON, status)
