"""Rekeying, for producers that do not key their events by service: `slm run --rekey`.

The rekeyer reads the topics that producers write to, and writes every record to the rekeyed topic with its service as
the key; the worker of the same process monitors that topic, which is the log of record. Records and source offsets are
written in one Kafka transaction, so that every source record is there once, whatever fails. The events of one source
partition keep their order in each partition of the rekeyed topic.

The rekeyed topic has `LogAppendTime`: its timestamps are the times of rekeying. An event too far ahead of the clock is
therefore judged (`future`) by the time at which it was rekeyed: while rekeying lags, as after an outage, events pass
that would have been rejected without the lag. They close no slice early, since a watermark never passes the record's
own timestamp.

Mappings are applied here, by the standards in effect when a record is rekeyed; later standards do not change it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from agents.exits import Exit, Fault
from agents.kafka.consumer import consumer_options as worker_options
from agents.kafka.errors import TROUBLE
from agents.status.rekeying import RekeyStatus
from agents.worker.rekey.counts import RekeyCounts, refusal_of
from agents.worker.rekey.lane import Lane, Shared
from agents.worker.rekey.offsets import Offsets, group_of
from agents.worker.rekey.pace import LanePace
from agents.worker.rekey.position import PositionFinder
from agents.worker.rekey.tails import StableEnds, Tails
from streams.decoding.batch import SourcePartition

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from streams.standards.model import Standards

log = logging.getLogger(__name__)

_CHECK_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 1.0
#: After this many consecutive checks with an error of the group, the error is taken to be permanent.
_MOST_ERRORS: Final = 10
#: Practically disabled: the lag shows progress, and the group would only move a problem to another member.
_POLL_INTERVAL_MS: Final = 3_600_000
_FINISH_SECONDS: Final = 3.0
_STOP_SECONDS: Final = 3.0
#: A lane may run ahead by the allowed lateness divided by this.
_AHEAD: Final = 4
_LEAST_AHEAD_MS: Final = 1_000

#: Fetching from a partition that does not exist raises the group's errors, and takes no records.
_NOWHERE: Final = TopicPartition("", 0)


class Rekeyer:
    """Feeds the rekeyed topic from the topics of the settings, together with other rekeyers of its group.

    Args:
        settings: as resolved; ``topics`` are the sources.
        standards: whose mappings apply.
    """

    def __init__(self, settings: Settings, standards: Standards) -> None:
        if settings.rekeyed_topic in settings.topics:
            raise Fault(f"{settings.rekeyed_topic} is both source and target of rekeying; name other topics (--topic)")
        self._settings = settings
        self._standards = standards
        self._counts = RekeyCounts()
        self._lanes: dict[SourcePartition, Lane] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._offsets = Offsets(settings)
        self._failure: asyncio.Future[None]
        self._shared: Shared
        self._task: asyncio.Task[None]

    def status(self) -> RekeyStatus:
        """The state of rekeying now."""
        counts = self._counts
        lags = [lane.lag for lane in self._lanes.values()]
        return RekeyStatus(
            partitions=tuple(sorted(self._lanes)),
            records=counts.records,
            rejected=counts.rejected,
            dropped=counts.dropped,
            missing=counts.missing,
            transactions=counts.transactions,
            retries=counts.retries,
            lag=None if None in lags else sum(filter(None, lags)),
            last_error=counts.last_error if counts.troubled else None,
            never_found=self._shared.never_found() if self._consumer is not None else {},
        )

    def use(self, standards: Standards) -> None:
        """Map by ``standards`` from the next transaction on."""
        self._standards = standards
        if self._consumer is not None:
            self._shared.standards = standards

    # -- start and stop -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start, and return at once."""
        self._failure = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name="rekeyer")

    async def wait(self) -> None:
        """Wait for a failure, after which rekeying has ended.

        Raises:
            Fault: the failure.
        """
        done, _ = await asyncio.wait({self._task, self._failure}, return_when=asyncio.FIRST_COMPLETED)
        error = next(filter(None, (end.exception() for end in done)), None)
        raise _fault(error) from error

    async def stop(self) -> None:
        """End within a few seconds, and leave the group, so that others get the partitions at once."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.finish()
        if self._consumer is not None:
            await _end(self._consumer)
        self._offsets.close()
        self._failure.cancel()

    async def _run(self) -> None:
        self._consumer = consumer = await self._connected()
        finder = PositionFinder(self._settings, consumer, self._offsets, Tails(self._settings))
        pace = LanePace(max(self._settings.lateness_ms // _AHEAD, _LEAST_AHEAD_MS))
        stable = StableEnds(self._settings)
        self._shared = Shared(self._settings, self._standards, consumer, finder, stable, pace, self._counts)
        consumer.subscribe(self._settings.topics, listener=_Listener(self))
        asking = asyncio.create_task(stable.run(), name="stable ends")
        try:
            await self._watch_group(consumer)
        finally:
            asking.cancel()

    async def _watch_group(self, consumer: AIOKafkaConsumer) -> None:
        errors = 0
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            errors = errors + 1 if await self._has_error(consumer) else 0
            if errors >= _MOST_ERRORS:
                raise Fault("the group of rekeyers does not come together; start the worker again", Exit.STALLED)

    async def _connected(self) -> AIOKafkaConsumer:
        """Return a consumer that has reached the broker, however long that takes."""
        while True:
            consumer = AIOKafkaConsumer(**consumer_options(self._settings))
            try:
                await consumer.start()
            except TROUBLE as error:
                await _end(consumer)
                self._note(error)
                await asyncio.sleep(_RETRY_SECONDS)
            except BaseException:
                await _end(consumer)
                raise
            else:
                return consumer

    async def _has_error(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether the group has a permanent error, which a member without partitions would not see otherwise."""
        try:
            await consumer.getmany(_NOWHERE, timeout_ms=0)
        except KafkaError as error:
            self._note(error)
            return not error.retriable
        return False

    def _note(self, error: BaseException) -> None:
        if final := refusal_of(error):
            raise final from error
        log.info("The group of rekeyers: %r.", error)

    # -- rebalances ---------------------------------------------------------------------------------------------------

    def begin(self, sources: Collection[SourcePartition]) -> None:
        """Start lanes for ``sources``, which are assigned."""
        for source in sources:
            self._lanes[source] = Lane(source, self._shared, self._fail)

    async def finish(self) -> None:
        """End all lanes, since partitions are revoked."""
        lanes, self._lanes = list(self._lanes.values()), {}
        await asyncio.gather(*(lane.finish(_FINISH_SECONDS) for lane in lanes))

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Passes rebalances on to the rekeyer."""

    def __init__(self, rekeyer: Rekeyer) -> None:
        self._rekeyer = rekeyer

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        """Release everything: the group assigns all partitions anew."""
        del revoked
        await self._rekeyer.finish()

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        """Start what is owned until the next rebalance."""
        self._rekeyer.begin([SourcePartition(*tp) for tp in assigned])


def consumer_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of the aiokafka consumer of the topics to be rekeyed: the worker's with these changes."""
    return {
        **worker_options(settings),
        "group_id": group_of(settings),
        # Every lane seeks its position; if records are lost there, it has to find another instead of jumping.
        "auto_offset_reset": "none",
        "max_poll_interval_ms": _POLL_INTERVAL_MS,
    }


async def _end(consumer: AIOKafkaConsumer) -> None:
    """Stop ``consumer``, waiting at most `_STOP_SECONDS` for an absent broker; log its errors."""
    stopping = asyncio.ensure_future(consumer.stop())
    done, _ = await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if done and not stopping.cancelled() and stopping.exception():
        log.info("A consumer ended with %r.", stopping.exception())
    stopping.cancel()


def _fault(error: BaseException | None) -> Fault:
    """The fault to report for ``error``, which ended rekeying."""
    if isinstance(error, Fault):
        return error
    return Fault(f"rekeying ended with an error of its own: {error!r}; start the worker again", Exit.STALLED)
