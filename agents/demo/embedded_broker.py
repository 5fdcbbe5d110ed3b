"""A Kafka-protocol broker inside the process: the mock cluster of librdkafka, which comes with confluent-kafka.

For the demo and smoke tests. It holds at most 5 MiB and 100,000 records a partition, in memory. Topics appear on first
use, with four partitions. It has no topic administration, no compaction, no look-up by time and no usable
transactions. kafka-python speaks to it only with ``api_version=(2, 1)``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Self

from agents.exits import Exit, Fault

if TYPE_CHECKING:
    from types import TracebackType

#: Partitions of every topic of this broker, as librdkafka chooses.
PARTITIONS: Final = 4
_EXTRA: Final = "service-level-monitor[demo]"
_START_SECONDS: Final = 10.0
# confluent-kafka creates the cluster with the client that has this option; the brokers live as long as that client.
_OPTIONS: Final[dict[str, Any]] = {"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0}


class EmbeddedBroker:
    """One broker on a free loopback port, from entering the ``with`` statement until its end."""

    def __init__(self) -> None:
        self._client: Any = None
        self.address = ""

    def __enter__(self) -> Self:
        """Start.

        Raises:
            Fault: the `demo` extra is not installed, or the broker did not start.
        """
        producer = _producer_type()
        self._client = producer(_OPTIONS)
        brokers = self._client.list_topics(timeout=_START_SECONDS).brokers.values()
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del kind, error, traceback
        self._client = None


def _producer_type() -> Any:  # noqa: ANN401 - a class of an extra
    try:
        from confluent_kafka import Producer  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = (
            f"the broker inside the process needs confluent-kafka ({error}); install it with:"
            f" {sys.executable} -m pip install '{_EXTRA}', or use a Kafka with --broker"
        )
        raise Fault(message, Exit.UNAVAILABLE) from None
    return Producer
