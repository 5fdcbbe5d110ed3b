from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents.cli import log

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS = (
    b"junk\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
)


@pytest.fixture
def configured() -> Iterator[None]:
    """Logging as the worker has it, and as it was afterwards."""
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    level, handlers, filters = root.level, root.handlers[:], server.filters[:]
    log.configure()
    yield
    root.setLevel(level)
    root.handlers[:], server.filters[:] = handlers, filters
    for name in log._QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


async def _broken(_: web.Request) -> NoReturn:
    raise ValueError("our own")


async def _ask(request: bytes, *, ends: bool) -> bytes:
    application = web.Application()
    application.router.add_get("/broken", _broken)
    async with TestServer(application) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        if ends:
            writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
async def test_what_clients_send_does_not_fill_the_log(request_: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()  # to the standard error that is captured
    assert not (await _ask(request_, ends=True)).startswith(b"HTTP/1.1 200")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("configured")
async def test_an_error_of_our_own_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    answer = await _ask(b"GET /broken HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", ends=False)
    assert answer.startswith(b"HTTP/1.1 500")
    assert "our own" in capsys.readouterr().err
