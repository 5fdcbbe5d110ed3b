"""Connecting to Kafka with kafka-python: retries until the start time-out, then one line that says what to check."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, NoError, UnknownTopicOrPartitionError, for_code

from agents.exits import Exit, Fault
from agents.kafka.security import client_options_kafka_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.settings.settings import Settings

T = TypeVar("T")

CLIENT_ID: Final = "slm"
_ATTEMPT_SECONDS: Final = 2.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0

#: Shows one line to the user.
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Destination:
    """Identity of a topic that is sent to. ``cluster`` and ``topic_id`` are Kafka's ids; "" if the broker has none."""

    cluster: str
    topic: str
    topic_id: str


class AdminClient(KafkaAdminClient):  # type: ignore[misc]  # kafka-python is not typed here
    """Closes itself if no broker answers; kafka-python would leave a thread and its sockets behind."""

    _closed = False  # kafka-python sets it once connected; until then `close` would close nothing

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - passed on
        """Connect. Raises what kafka-python raises."""
        try:
            super().__init__(**options)
        except BaseException:
            if hasattr(self, "_net"):
                self.close()
            raise


def client_options(settings: Settings) -> dict[str, Any]:
    """Options of every client of kafka-python: addresses, client id, security.

    Raises:
        Fault: a certificate or key cannot be used.
    """
    where = {"bootstrap_servers": list(settings.bootstrap), "client_id": CLIENT_ID}
    return {**where, **client_options_kafka_python(settings)}


@contextmanager
def administration(settings: Settings, notice: Notice) -> Iterator[KafkaAdminClient]:
    """An administration client, closed at the end.

    Raises:
        Fault: no broker answered within the start time-out, or Kafka refused what was asked of it.
    """
    options = client_options(settings)
    client = patiently(lambda timeout: AdminClient(bootstrap_timeout_ms=timeout, **options), settings, notice)
    try:
        yield client
    except KafkaError as error:
        raise _refused(error) from error
    finally:
        client.close()


def patiently(connect: Callable[[int], T], settings: Settings, notice: Notice) -> T:
    """Call ``connect`` with a time-out in milliseconds until it succeeds, with growing pauses.

    Raises:
        Fault: it did not succeed within the start time-out of ``settings``.
    """
    # kafka-python logs each failed attempt at several levels; the notice below says it once.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    started, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        left = settings.start_timeout - (time.monotonic() - started)
        timeout = max(0.1, min(_ATTEMPT_SECONDS, left))
        try:
            _knock(settings, timeout)
            return connect(round(1000 * timeout))
        except (KafkaError, OSError) as error:
            left = settings.start_timeout - (time.monotonic() - started)
            if left <= 0:
                raise _no_broker(settings, error) from error
        if pause == _FIRST_PAUSE:
            notice(f"no Kafka broker answers at {settings.broker} yet; trying for {settings.start_timeout:g} s")
        time.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _knock(settings: Settings, timeout: float) -> None:
    """Check that an address accepts connections: else kafka-python would leave a thread and sockets behind.

    Raises:
        OSError: none does; the error of the last one.
    """
    refused = OSError()
    for address in settings.bootstrap:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout).close()
        except OSError as error:
            refused = error
        else:
            return
    raise refused


def destination(admin: KafkaAdminClient, topic: str) -> Destination:
    """Identity of ``topic``, which differs for topics of other clusters and for deleted ones of the same name.

    Raises:
        Fault: there is no such topic, or this client may not see it.
    """
    (found,) = admin.describe_topics([topic])
    error = for_code(found["error_code"])
    if error is UnknownTopicOrPartitionError:
        raise _no_topic(topic)
    if error is not NoError:
        raise _refused(error(topic))
    cluster = admin.describe_cluster().get("cluster_id") or ""
    return Destination(cluster, topic, str(found.get("topic_id") or ""))


def _no_broker(settings: Settings, error: Exception) -> Fault:
    return Fault(
        f"no Kafka broker answered at {settings.broker} within {settings.start_timeout:g} s ({error});"
        " is it running, and are address and security right? See --broker and --security-protocol",
        Exit.UNAVAILABLE,
    )


def _no_topic(topic: str) -> Fault:
    return Fault(f"there is no topic {topic}; create it with: slm topics --create --topic {topic}", Exit.UNAVAILABLE)


def _refused(error: KafkaError) -> Fault:
    return Fault(f"Kafka refused: {str(error) or type(error).__name__}", Exit.UNAVAILABLE)
