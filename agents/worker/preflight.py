"""Checks before a worker starts; each failure is one line that says what to do."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from agents.exits import Exit, Fault
from agents.kafka.admin import Notice, administration, destination
from agents.kafka.topics import Cluster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.settings.settings import Settings


def check_port(settings: Settings) -> None:
    """Make sure that the status page can be served.

    Raises:
        Fault: the port is taken, or the address is not this machine's.
    """
    host, port = settings.web_host, settings.web_port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server does: connections of an earlier process in TIME_WAIT do not occupy the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Fault(_port_message(host, port, error)) from None


def _port_message(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; stop what listens there, or choose another with --web-port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights than this process has; choose one above 1023 with --web-port"
    return f"web_host: found {host!r}, where nothing can listen ({error.strerror}); write an address of this machine"


def check_broker(settings: Settings, notice: Notice) -> None:
    """Wait for the broker until the start time-out, and make sure that all topics exist.

    Args:
        settings: as resolved.
        notice: called with a line for the user while waiting.

    Raises:
        Fault: no broker answered, it refused this client, or a topic does not exist or has too few partitions.
    """
    with administration(settings, notice) as admin:
        for topic in settings.topics:
            destination(admin, topic)
        found = Cluster(admin).partitions([*settings.sources, *settings.own_topics.values()])
    missing = [name for name in (*settings.sources, *settings.own_topics.values()) if name not in found]
    if missing:
        raise Fault(f"{_plural(missing)}; create what is missing with: {_command(settings)}", Exit.UNAVAILABLE)
    _check_state(settings, found)


def _check_state(settings: Settings, found: Mapping[str, int]) -> None:
    most = max(settings.sources, key=lambda name: found[name])
    state, wanted = found[settings.state_topic], found[most]
    if state < wanted:
        raise Fault(
            f"{settings.state_topic} has {state} partitions, but {most} has {wanted}, and each needs one of its own;"
            f" name another topic with --state-topic and create it with: {_command(settings)}",
            Exit.UNAVAILABLE,
        )


def _plural(missing: Sequence[str]) -> str:
    return f"there is no topic {missing[0]}" if len(missing) == 1 else f"there are no topics {', '.join(missing)}"


def _command(settings: Settings) -> str:
    return "slm topics --create" + "".join(f" --topic {name}" for name in settings.topics)
