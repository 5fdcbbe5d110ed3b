"""The committed offsets of the group of rekeyers: how far source partitions have been rekeyed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from agents.kafka.admin import client_options

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from streams.decoding.batch import SourcePartition

_ANSWER_MS: Final = 10_000


def group_of(settings: Settings) -> str:
    """The consumer group of the rekeyers that feed the workers of a group."""
    return f"{settings.group}-rekey"


class Committed(NamedTuple):
    """Offset up to which a source partition has been rekeyed, and the metadata committed with it."""

    offset: int
    metadata: str


class Offsets:
    """The group's committed offsets; open transactions that commit some are waited for.

    That needs requests for stable offsets, which kafka-python sends and aiokafka cannot. It blocks until the broker
    answers, and therefore runs in a thread.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="committed-offsets")
        self._consumer: Any = None

    async def committed(self, source: SourcePartition) -> Committed | None:
        """The last commit for ``source``; None: there is none, or it has expired.

        Raises:
            kafka.errors.KafkaError: the broker did not answer.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, source)

    def close(self) -> None:
        """Close, without waiting for an absent broker."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _ask(self, source: SourcePartition) -> Committed | None:
        try:
            found = self._connected().committed(TopicPartition(*source), metadata=True, timeout_ms=_ANSWER_MS)
        except BaseException:
            # The client does not reconnect to every broker that was absent.
            self._close()
            raise
        return None if found is None else Committed(found.offset, found.metadata)

    def _connected(self) -> Any:  # noqa: ANN401 - kafka-python has no types
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                group_id=group_of(self._settings),
                enable_auto_commit=False,
                isolation_level="read_committed",
                bootstrap_timeout_ms=_ANSWER_MS,
                **client_options(self._settings),
            )
        return self._consumer

    def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()
