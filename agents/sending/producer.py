"""The producer that sends a log, from connecting to closing."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from agents.kafka.admin import Notice, client_options, patiently
from agents.sending.delivery import open_producer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.settings.settings import Settings

_CLOSE_SECONDS: Final = 5.0


@contextmanager
def producing(settings: Settings, notice: Notice) -> Iterator[KafkaProducer]:
    """An idempotent producer. At the end it is closed without waiting: by then all acknowledgements have been awaited.

    Raises:
        Fault: no broker answered within the start time-out.
    """
    options = client_options(settings)
    producer = patiently(lambda timeout: open_producer({**options, "bootstrap_timeout_ms": timeout}), settings, notice)
    try:
        yield producer
    finally:
        _close(producer)


def _close(producer: KafkaProducer) -> None:
    try:
        producer.close(timeout=0)
    except KafkaTimeoutError:
        # Some records are left that no broker takes. kafka-python has no public way to drop them, and would wait for
        # them in its finaliser too.
        producer._sender.force_close()  # noqa: SLF001 - see above
        with suppress(KafkaTimeoutError):
            producer.close(timeout=_CLOSE_SECONDS)
