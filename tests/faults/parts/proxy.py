"""A TCP proxy on the loopback, which can cut what passes through it in three ways."""

from __future__ import annotations

import asyncio
import contextlib
import enum
from threading import Thread
from typing import TYPE_CHECKING, Self

from tests.services.loopback import HOST

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

_CHUNK = 1 << 16


class Cut(enum.StrEnum):
    """What a network does when it is cut."""

    REFUSED = "refused"  # connections are reset, and new ones too
    SILENT = "silent"  # nothing arrives any more, and nobody is told
    ANSWERS_LOST = "answers-lost"  # requests arrive and are obeyed, their answers do not come


class Proxy:
    """Passes connections on until it is told to cut them; in a ``with`` statement it runs in a thread of its own.

    Args:
        routes: ports to listen on, and the port that each leads to.
    """

    def __init__(self, routes: Mapping[int, int]) -> None:
        self.routes = dict(routes)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._refuses = False
        self._requests_pass, self._answers_pass = asyncio.Event(), asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self, how: Cut) -> None:
        """Cut every connection through the proxy."""
        self._do(self._cut(how))

    def heal(self) -> None:
        """Pass everything on again, also what was held back."""
        self._do(self._heal())

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        await self._heal()
        for port, target in self.routes.items():
            self._servers.append(await asyncio.start_server(self._serving(target), HOST, port))

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        await self._drop()

    async def _heal(self) -> None:
        self._refuses = False
        self._requests_pass.set()
        self._answers_pass.set()

    async def _cut(self, how: Cut) -> None:
        if how is Cut.REFUSED:
            self._refuses = True
            await self._drop()
        if how is Cut.SILENT:
            self._requests_pass.clear()
        if how in {Cut.SILENT, Cut.ANSWERS_LOST}:
            self._answers_pass.clear()

    async def _drop(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _serving(self, target: int) -> _Serve:
        return _Serve(self, target)

    async def pass_on(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one of its ends closes it."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        opened = [writer]
        try:
            if self._refuses:
                return
            await self._requests_pass.wait()
            there_reader, there_writer = await asyncio.open_connection(HOST, target)
            opened.append(there_writer)
            await _first(
                _pump(reader, there_writer, self._requests_pass), _pump(there_reader, writer, self._answers_pass)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            for one in opened:
                one.transport.abort()


class _Serve:
    """What a server calls for each connection to ``target``."""

    def __init__(self, proxy: Proxy, target: int) -> None:
        self._proxy, self._target = proxy, target

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._proxy.pass_on(self._target, reader, writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
    while data := await reader.read(_CHUNK):
        await gate.wait()
        writer.write(data)
        await writer.drain()


async def _first(*works: Coroutine[None, None, None]) -> None:
    """Run ``works`` side by side until one of them ends."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
