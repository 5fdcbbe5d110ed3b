"""The worker's web server under requests that mean harm: no error of its own, bounded answers, headers that protect."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client.parser import text_string_to_metric_families

from agents.web.routes import mount
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from tests.fakes import floor
from tests.fuzz.choices import Choices, pick
from tests.fuzz.subjects.folding import CAPS, STANDARDS
from tests.fuzz.subjects.hostile_events import batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.status.worker import MonitorView, WorkerStatus
    from streams.standards.model import Standards

_PATHS: Final = ("/", "/api/status", "/metrics", "/health", "/ready")
_METHODS: Final = (
    *("GET",) * 12,
    *("HEAD",) * 2,
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "PRI",
    "X" * 50,
)
_TAILS: Final = (
    *("",) * 16,
    *("?lang=zh", "?lang=en", "?lang=", "?lang=xx&lang=zh", "?lang=%ff%fe", "?lang=%00", "?name[]=slm_build_info"),
    *(
        "?" + "a=1&" * 500,
        "?" + "%" * 20,
        "//",
        "/..",
        "/%2e%2e/%2e%2e/etc/passwd",
        ";x=1",
        "#f",
        "?#",
        "%",
        "%zz",
        "%00",
    ),
    *(
        "/" + "x" * 9_000,
        "?<script>alert(1)</script>",
        "\\",
        "/api/status",
        "?\x7f",
        " x",
        "?服务",
        "*",
        "http://[::1",
        "@x:99",
    ),
)
_HEADERS: Final = (
    "Accept",
    "Accept",
    "Accept-Language",
    "Accept-Language",
    "Accept-Encoding",
    "Cookie",
    "Range",
    "If-None-Match",
    "Origin",
    "X-Forwarded-For",
)
_ODD_HEADERS: Final = (
    *(
        "Host: x",
        "Content-Length: 5",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked",
    ),
    *("Transfer-Encoding: chunked\r\nContent-Length: 3", "Expect: 100-continue", "Expect: x", "Upgrade: websocket"),
    *(
        "Connection: upgrade",
        "Content-Type: multipart/form-data",
        "Content-Encoding: gzip",
        "Sec-WebSocket-Key: x",
        ": x",
        "x",
    ),
)
_WORTHS: Final = (
    *(
        "*/*",
        "text/html",
        "application/openmetrics-text; version=1.0.0",
        "application/openmetrics-text",
        "text/plain;version=0.0.4",
    ),
    *(
        "application/openmetrics-text; version=9; escaping=allow-utf-8",
        "text/plain; version=1.0.0; escaping=values",
        ";",
        ",",
        "",
    ),
    *(
        "a/b;q=nan",
        "a/b;q=1e999",
        "q=",
        "*;q=-1,zh;q=0.5",
        "zh-CN,en;q=0.9",
        "zh-Hant-TW;q=1.0000",
        "zh;q=1e5",
        "x" * 4_000,
    ),
    *(
        "en;q=",
        "EN-us;;q=0.1",
        ",".join(["zh;q=0.1"] * 800),
        "gzip, br, zstd",
        "identity;q=0",
        "bytes=0-1,5-",
        "\xe9\xff",
        '"',
        "\t",
    ),
)
_PROTECTING: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
}
#: A worker's page, status and metrics are of such sizes at most, with the few services that there are here.
_MOST_BYTES: Final = 4_000_000
_SECONDS: Final = 20.0


class Shown:
    """A worker with a real engine, so that names from events get to the page."""

    def __init__(self, engine: Engine, standards: Standards) -> None:
        """Show ``engine``."""
        self.standards = standards
        self._engine = engine

    def engines(self) -> Sequence[Engine]:
        """See `MonitorView`."""
        return [self._engine]

    def status(self) -> WorkerStatus:
        """See `MonitorView`."""
        return floor.worker()


class Case(NamedTuple):
    """What a worker shows, and the requests that it gets."""

    values: tuple[bytes | None, ...] | None  # that its engine has folded; None: one of the ready-made floors
    floor: int
    requests: tuple[bytes, ...]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


_FLOORS: Final[tuple[Callable[[], MonitorView], ...]] = (floor.floor, floor.empty, floor.recovering, floor.evicted)


def generate(choices: Choices) -> Case:
    """Up to a dozen requests."""
    values = tuple(batch(choices, 40)) if choices.below(4) == 0 else None
    requests = [_request(choices)]
    while len(requests) < 12 and choices.more():
        requests.append(_request(choices))
    return Case(values, choices.below(len(_FLOORS)), tuple(requests))


def _request(choices: Choices) -> bytes:
    target = pick(choices, _PATHS) + pick(choices, _TAILS)
    if choices.below(32) == 0:
        target = choices.octets(40).decode("latin-1")
    version = "HTTP/1.1" if choices.below(48) else pick(choices, ("HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1.1 x", ""))
    lines = [f"{pick(choices, _METHODS)} {target} {version}", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"{pick(choices, _HEADERS)}: {pick(choices, _WORTHS)}" for _ in range(choices.below(5))]
    if choices.below(8) == 0:
        lines.append(pick(choices, _ODD_HEADERS))
    if choices.below(16) == 0:
        lines.append(choices.octets(30).decode("latin-1"))
    return "\r\n".join(lines).encode("utf-8" if choices.below(2) else "latin-1", "replace") + b"\r\n\r\n"


def check(case: Case) -> int:
    """Send the requests to a server of their own. Gives how many there are."""
    with _complaints() as complaints:
        answers = asyncio.run(_ask(_observed(case), case.requests))
    assert not complaints, complaints
    for request, answer in zip(case.requests, answers, strict=True):
        _is_harmless(request, answer)
    return len(case.requests)


def _observed(case: Case) -> MonitorView:
    if case.values is None:
        return _FLOORS[case.floor]()
    engine = Engine(Start("events", 0, STANDARDS["utc"], book=STANDARDS.get, caps=CAPS))
    engine.fold(Batch.of("events", 0, case.values))
    engine.advance()
    return Shown(engine, STANDARDS["utc"])


async def _ask(observed: MonitorView, requests: Sequence[bytes]) -> list[Answer | None]:
    application = web.Application()
    mount(application, observed)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with asyncio.timeout(_SECONDS):
            return [await _answer(port, request) for request in requests]
    finally:
        await runner.cleanup()


async def _answer(port: int, request: bytes) -> Answer | None:
    """What the server says to ``request``; None where it hangs up at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        writer.write(request)
        status, headers = await _head(reader)
        while 100 <= status < 200:
            status, headers = await _head(reader)
        if not status:
            return None
        empty = request.startswith(b"HEAD ") or status in (204, 304)
        length = 0 if empty else int(headers.get("content-length", "0"))
        assert length <= _MOST_BYTES, length
        return Answer(status, headers, await reader.readexactly(length))
    except ConnectionError:
        return None
    finally:
        writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers; status 0 where nothing comes."""
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise AssertionError("half an answer") from error
        return 0, {}
    pairs = (line.partition(":") for line in lines[1:] if line)
    return int(lines[0].split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}


def _is_harmless(request: bytes, answer: Answer | None) -> None:
    if answer is None:
        return
    path = re.split(rb"[?#]", request.split(b" ")[1])[0] if request.count(b" ") > 1 else b""
    unwell = answer.status == 503 and path in (b"/health", b"/ready")
    assert answer.status < 500 or unwell, (answer.status, request)
    assert len(answer.body) <= _MOST_BYTES
    if answer.status in (200, 503):
        assert _PROTECTING.items() <= answer.headers.items(), answer.headers
        assert path != b"/" or not answer.body or b"default-src 'none'" in answer.body
    else:
        assert b"<script" not in answer.body or "text/html" not in answer.headers.get("content-type", "")
        assert len(answer.body) < 20_000
    if answer.status == 200 and path == b"/metrics" and answer.headers["content-type"].startswith("text/plain"):
        assert sum(1 for _ in text_string_to_metric_families(answer.body.decode())) or not answer.body


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the server logs as an error of its own."""
    found: list[str] = []

    class Gather(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            if not isinstance(error, HttpProcessingError):  # those are the client's
                found.append(self.format(record))

    handler, logger = Gather(logging.ERROR), logging.getLogger("aiohttp.server")
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
