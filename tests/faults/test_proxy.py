from __future__ import annotations

import socket
import socketserver
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.faults.parts.proxy import Cut, Proxy
from tests.services.loopback import HOST, free_ports
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


class Echo(socketserver.StreamRequestHandler):
    heard: list[bytes]

    def handle(self) -> None:
        for line in self.rfile:
            self.heard.append(line)
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def heard() -> list[bytes]:
    return []


@pytest.fixture
def proxy(heard: list[bytes]) -> Iterator[Proxy]:
    (port,) = free_ports(1)
    handler = type("Handler", (Echo,), {"heard": heard})
    with Server((HOST, 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with Proxy({port: server.server_address[1]}) as proxy:
            yield proxy
        server.shutdown()


def connect(proxy: Proxy) -> socket.socket:
    (port,) = proxy.routes
    return socket.create_connection((HOST, port), timeout=5)


def ask(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text + b"\n")
    return connection.recv(100)


def is_reset(connection: socket.socket) -> bool:
    """Wait for the other end to be gone."""
    try:
        return not connection.recv(100)
    except ConnectionError:
        return True


def test_what_is_not_cut_passes(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert ask(connection, b"one") == b"one\n"
        assert ask(connection, b"two") == b"two\n"


def test_a_refusing_network_resets_connections_old_and_new(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert ask(connection, b"one") == b"one\n"
        proxy.cut(Cut.REFUSED)
        assert is_reset(connection)
    with connect(proxy) as connection:
        assert is_reset(connection)
    proxy.heal()
    with connect(proxy) as connection:
        assert ask(connection, b"three") == b"three\n"


def test_a_silent_network_holds_everything_back_until_it_is_healed(proxy: Proxy, heard: list[bytes]) -> None:
    with connect(proxy) as connection:
        assert ask(connection, b"one") == b"one\n"
        proxy.cut(Cut.SILENT)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(connection, b"two")
        assert heard == [b"one\n"]
        proxy.heal()
        connection.settimeout(5)
        assert connection.recv(100) == b"two\n"


def test_where_answers_are_lost_requests_arrive(proxy: Proxy, heard: list[bytes]) -> None:
    with connect(proxy) as connection:
        assert ask(connection, b"one") == b"one\n"
        proxy.cut(Cut.ANSWERS_LOST)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(connection, b"two")
        wait_for(lambda: heard == [b"one\n", b"two\n"], "the request to arrive")
