"""Routes of the status page, its JSON, `/metrics`, `/health` and `/ready` on the worker's web server.

Making a response with figures holds up folding, so each is kept for a while and sent to all who ask.

The exposition is imported with the first request: the start of a worker does not wait for it. The page is imported with
the first handler, so that a worker without a web server does not load it.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import web

from streams.slices.histogram import DEFAULT_BOUNDS_US

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from agents.settings.settings import Settings
    from agents.status.worker import EngineFigures, MonitorView
    from agents.web.exposition import Exposition
    from streams.texts.phrase import Language


#: A response with figures is reused while the same partitions are shown: for this many times the time that it took to
#: make, at most `MOST_SECONDS`, and at least as long as it took.
KEPT_TIMES: Final = 10
MOST_SECONDS: Final = 1.0


def mount(
    application: web.Application,
    observed: MonitorView,
    clock: Callable[[], float] = time.monotonic,
    bounds_us: Sequence[int] = DEFAULT_BOUNDS_US,
) -> None:
    """Serve ``observed`` from ``application``; only GET and HEAD are answered.

    ``clock`` gives seconds; ``bounds_us`` are the bounds of the exposed histogram in microseconds.
    """
    figures = Figures(observed, clock, bounds_us)
    routes = {
        "/": _page,
        "/api/status": figures.status,
        "/metrics": figures.metrics,
        "/health": lambda request: _health(observed, request),
        "/ready": lambda request: _ready(observed, request),
    }
    for path, answer in routes.items():
        application.router.add_get(path, handler(answer))


def handler(
    answer: Callable[[web.Request], web.Response], before: Callable[[], Awaitable[None]] | None = None
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that awaits ``before``, then responds with ``answer`` and the headers that all responses have."""
    from agents.web import page  # noqa: PLC0415 - see the module's docstring

    async def handle(request: web.Request) -> web.Response:
        if before is not None:
            await before()
        response = answer(request)
        response.headers.update(page.HEADERS)
        return response

    return handle


class _Kept(NamedTuple):
    """A response, the time until which it is fresh (by the clock), and the engines whose figures it shows."""

    until: float
    engines: list[weakref.ref[EngineFigures]]
    body: bytes
    content_type: str


class Figures:
    """Responses with figures, made again once they are not fresh any more, or other engines are to be shown."""

    def __init__(self, observed: MonitorView, clock: Callable[[], float], bounds_us: Sequence[int]) -> None:
        """Show ``observed``; ``clock`` gives seconds, ``bounds_us`` the bounds of the exposed histogram."""
        self._observed = observed
        self._clock = clock
        self._bounds_us = bounds_us
        self._exposition: Exposition | None = None  # made with the first request
        self._kept: dict[str, _Kept] = {}  # by language, or preferred format

    def status(self, request: web.Request) -> web.Response:
        """The status document."""
        from agents.web import page  # noqa: PLC0415

        language = language_of(request)
        return self._answer(language, lambda: (page.status_json(self._observed, language), page.JSON))

    def metrics(self, request: web.Request) -> web.Response:
        """The exposition, in the format that the request prefers."""
        from agents.web import exposition  # noqa: PLC0415

        shown = self._exposition = self._exposition or exposition.Exposition(self._observed, self._bounds_us)
        preferred = exposition.preference(request.headers.get("Accept"))
        return self._answer(preferred, lambda: shown.render(preferred))

    def _answer(self, key: str, make: Callable[[], tuple[bytes, str]]) -> web.Response:
        began, engines = self._clock(), list(self._observed.engines())
        kept = self._kept.get(key)
        if kept is None or began >= kept.until or not _same(kept.engines, engines):
            body, content_type = make()
            made = self._clock()
            took = made - began
            until = max(made + took, began + min(MOST_SECONDS, KEPT_TIMES * took))
            kept = self._kept[key] = _Kept(until, list(map(weakref.ref, engines)), body, content_type)
        return respond(kept.body, kept.content_type)


def _same(kept: list[weakref.ref[EngineFigures]], engines: list[EngineFigures]) -> bool:
    return len(kept) == len(engines) and all(one() is engine for one, engine in zip(kept, engines, strict=True))


def address(settings: Settings) -> str:
    """URL of the status page."""
    host = settings.web_host
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.web_port}/"


def respond(body: bytes, content_type: str, status: int = 200) -> web.Response:
    """A response. ``content_type`` may have parameters, such as the version of the exposition format."""
    # As a header, since aiohttp's own argument takes no parameters.
    return web.Response(body=body, status=status, headers={"Content-Type": content_type})


def language_of(request: web.Request) -> Language:
    """The language that a request asks for."""
    from agents.web import page  # noqa: PLC0415

    return page.choose_language(request.query.get("lang"), request.headers.get("Accept-Language"))


def _page(request: web.Request) -> web.Response:
    from agents.web import page  # noqa: PLC0415

    return respond(page.html(language_of(request)), page.HTML)


def _health(observed: MonitorView, request: web.Request) -> web.Response:
    from agents.web import page  # noqa: PLC0415

    status, body = page.health(observed, language_of(request))
    return respond(body, page.JSON, status)


def _ready(observed: MonitorView, request: web.Request) -> web.Response:
    from agents.web import page  # noqa: PLC0415

    status, body = page.ready(observed, language_of(request))
    return respond(body, page.JSON, status)
