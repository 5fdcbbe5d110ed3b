"""Ports and plain HTTP on this machine."""

from __future__ import annotations

import json
import random
import socket
import urllib.request
from typing import Any

HOST = "127.0.0.1"

# Below the range that Linux takes for outgoing connections (32768 and up): a service that is stopped and started again
# finds its port still free.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000

# The variables http_proxy and the like are for the world outside; they must not carry requests to this machine away.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_ports(count: int) -> list[int]:
    """Return ``count`` different loopback ports that nobody listens on."""
    # From the system's entropy, so that runs side by side, whatever they seed, look in different places.
    candidates = iter(random.SystemRandom().sample(range(_FIRST_PORT, _LAST_PORT), 1000))
    ports: list[int] = []
    while len(ports) < count:
        port = next(candidates)
        if _is_free(port):
            ports.append(port)
    return ports


def free_row(count: int) -> int:
    """Return the first of ``count`` loopback ports in a row that nobody listens on."""
    while True:
        (first,) = free_ports(1)
        if all(_is_free(port) for port in range(first, first + count)):
            return first


def fetch(url: str, *, body: object = None, seconds: float = 10) -> bytes:
    """Return what ``url`` answers: to a GET, or to a POST of ``body`` as JSON.

    Raises:
        OSError: nobody listens, or the answer is an error (`urllib.error.HTTPError`).
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with _opener.open(request, timeout=seconds) as response:
        content: bytes = response.read()
    return content


def fetch_json(url: str, *, body: object = None) -> Any:
    """Return the JSON that ``url`` answers; see `fetch`."""
    return json.loads(fetch(url, body=body))


def answers(url: str) -> bool:
    """Tell whether ``url`` answers a GET with success."""
    try:
        fetch(url, seconds=2)
    except OSError:
        return False
    return True


def listening(port: int) -> bool:
    """Tell whether somebody takes connections on a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((HOST, port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
