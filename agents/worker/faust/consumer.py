"""Faust's consumer with its bookkeeping of single records replaced by that of `agents.worker.partitions.owned`.

Faust's work for each record (acknowledged offsets, gaps, the largest offset read) would cost more than the fold, and
loses the position at rebalances. Here the engines know the position: where Faust would seek to the committed offset,
this consumer seeks to the offset that the engine expects, and it commits the offsets that the engines have folded. The
group's offsets are thus for lag monitors only.

The overridden methods are private to faust-streaming 0.15.3, which is pinned for that reason;
`tests/real_parts/test_run.py` proves them against a real broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.kafka.bounds import LogBounds
from agents.kafka.consumer import FETCH_WAIT_MS, consumer_options
from agents.kafka.fetching import fetch_columns
from streams.decoding.batch import SourcePartition

if TYPE_CHECKING:
    from faust.types import Message

    from agents.worker.faust.host import ConsumerHost
    from agents.worker.partitions.owned import OwnedPartitions

#: Not named after this module: Faust's services log under that name and are silenced.
log = logging.getLogger("slm.consumer")

#: `FETCH_WAIT_MS` would delay a partition that was just recovered, while others are still paused.
_FETCH_WAIT_RECOVERING_MS = 20
#: Most batches taken from aiokafka at once. It fetches more of a partition only once its buffer for it is empty.
_MOST_BATCHES = 4
_BOUNDS_SECONDS = 4.0
_COMMIT_SECONDS = 2.0
_STOP_SECONDS = 3.0


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka runs, so that heartbeats go on while a batch is folded."""

    app: ConsumerHost  # type: ignore[assignment]  # Faust declares any app

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        del transport
        # The consumer returns batches, so this counts batches: see `on_start`.
        options = consumer_options(self.app.settings) | {"max_poll_records": _MOST_BATCHES}
        return AIOKafkaConsumer(**options)

    async def on_start(self) -> None:
        """Start aiokafka's consumer, let it return batches, and observe its heartbeats."""
        await super().on_start()
        fetch_columns(self._ensure_consumer(), self.app.settings.batch_records)
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - there is no public way to see heartbeats
        coordinator._do_heartbeat = self._watched(coordinator._do_heartbeat)  # noqa: SLF001

    def _watched(self, heartbeat: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
        async def watched() -> bool:
            # Take the time of sending: an answer may stay unread for as long as the process is suspended.
            sent = time.monotonic()
            recognized = await heartbeat()
            if recognized:
                self.app.on_touch(sent)
            return recognized

        return watched

    async def on_thread_stop(self) -> None:
        """Stop, waiting at most `_STOP_SECONDS` for an absent broker."""
        with contextlib.suppress(asyncio.CancelledError, KafkaError, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await super().on_thread_stop()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit, and ignore failures: only lag monitors read these offsets."""
        consumer = self._ensure_consumer()
        owned = {TopicPartition(*tp): offset for tp, offset in offsets.items() if tp in self.assignment()}
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await consumer.commit(owned)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            log.info("The group's offsets were not committed (%r); lag monitors show older ones.", error)
            return False
        return True

    async def bounds(self, tps: list[TopicPartition]) -> dict[SourcePartition, LogBounds]:
        """Ask where logs begin and end; may be called from any thread."""
        found: dict[SourcePartition, LogBounds] = await self.call_thread(self._bounds, tps)
        return found

    async def _bounds(self, tps: list[TopicPartition]) -> dict[SourcePartition, LogBounds]:
        consumer = self._ensure_consumer()
        async with asyncio.timeout(_BOUNDS_SECONDS):
            beginnings, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        return {SourcePartition(*tp): LogBounds(beginnings[tp], ends[tp]) for tp in tps}

    async def fetch(self, sources: Collection[SourcePartition], *, wanted: bool = True) -> None:
        """Fetch those of ``sources`` that are assigned, or stop fetching them; may be called from any thread.

        Partitions that only Faust has paused are still fetched, and a broker that waits for their records answers no
        other fetch.
        """
        await self.call_thread(self._fetch, sources, wanted)

    async def _fetch(self, sources: Collection[tuple[str, int]], wanted: bool) -> None:  # noqa: FBT001 - called in the thread
        consumer = self._ensure_consumer()
        change = consumer.resume if wanted else consumer.pause
        change(*(tp for tp in consumer.assignment() if tp in sources))
        wait_ms = _FETCH_WAIT_RECOVERING_MS if consumer.paused() else FETCH_WAIT_MS
        consumer._fetcher._fetch_max_wait_ms = wait_ms  # noqa: SLF001 - it is public only as an option at the start

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust would report idle topics as errors; `partitions.liveness` checks progress instead."""

    def position(self, tp: TP) -> int | None:  # type: ignore[override]  # called after every fetch: no detour through the thread
        """The offset of the next record to fetch; None while it is not known."""
        assignment = self._ensure_consumer()._subscription.subscription.assignment  # noqa: SLF001 - Faust reads it so
        state = None if assignment is None else assignment.state_value(TopicPartition(*tp))
        return state.position if state is not None and state.has_valid_position else None


class _Forgetful(dict[TP, int | None]):
    """Remembers no offsets read: Faust would drop repeated records by them, which `partitions.owned` decides."""

    def __getitem__(self, key: TP) -> None:
        return None


class Consumer(driver.Consumer):
    """Reads for `agents.worker.partitions.owned`."""

    _thread: _ConsumerThread
    app: ConsumerHost  # type: ignore[assignment]  # Faust declares any app

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*args, **kwargs)
        self._read_offset = _Forgetful()
        self._seeking = asyncio.Lock()
        self._resumed = asyncio.Event()

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _partitions(self) -> OwnedPartitions:
        return self.app.assignment.partitions

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Note that the consumer loses its positions, before a rebalance."""
        self._partitions.unsought()
        await super().on_partitions_revoked(revoked)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Read ``tps`` again, at once."""
        super().resume_partitions(tps)
        self._resumed.set()

    async def _wait_next_records(self, timeout: float) -> tuple[Mapping[TP, list[Any]] | None, set[TP] | None]:  # noqa: ASYNC109
        """Fetch; while all partitions are paused, as in recovery, wait until one is resumed: Faust would sleep 1 s."""
        if self.flow_active and not self._get_active_partitions():
            self._resumed.clear()
            await self.wait(self._resumed.wait(), timeout=timeout)
            return {}, set()
        return await super()._wait_next_records(timeout)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109
        """Fetch, and note up to which offset each log has been handed over."""
        records = await super()._getmany(active_partitions, timeout)
        for owned in self._partitions.owned():
            tp = TP(*owned.source)
            fetched = records.get(tp)
            delivered = fetched[-1].end if fetched else None
            self._partitions.fetched(*tp, delivered=delivered, position=self._thread.position(tp))
        return records

    async def perform_seek(self) -> None:
        """Seek to the offsets that the engines expect, where Faust would seek to the committed ones.

        Partitions without a task are not read until `begin`; their recoveries start here. They must not start as soon
        as an assignment is announced: Faust announces those of superseded generations too, and to fence in one of them
        would evict the partition's new owner. It seeks only in the newest generation.
        """
        async with self._seeking:
            unknown = self._partitions.unknown(self.assignment())
            self.pause_partitions([TP(*source) for source in unknown])
            self.app.assignment.want(unknown)
            await self._thread.fetch(unknown, wanted=False)
            expected = self._partitions.expected()
            await self.seek_wait({TP(*tp): offset for tp, offset in expected.items()})
            self._partitions.sought(expected)
        self.app.settled = True

    async def begin(self, source: SourcePartition, offset: int) -> None:
        """Read ``source``, which has been recovered, from ``offset`` on."""
        async with self._seeking:
            await self.seek_again(source, offset)
            await self._thread.fetch([source])
            if TP(*source) in self.assignment():
                self.resume_partitions({TP(*source)})

    def leave_alone(self, source: SourcePartition) -> None:
        """Read nothing of ``source`` until `begin` is called for it."""
        if TP(*source) in self.assignment():
            self.pause_partitions({TP(*source)})

    def membership(self) -> tuple[str, int]:
        """This member's id in its group, and the group's generation."""
        coordinator = self._thread._ensure_consumer()._coordinator  # noqa: SLF001 - they are not public
        return coordinator.member_id, coordinator.generation

    async def bounds(self, sources: Iterable[SourcePartition]) -> dict[SourcePartition, LogBounds]:
        """Ask the broker where logs begin and end now.

        Raises:
            KafkaError, TimeoutError: it did not answer.
        """
        return await self._thread.bounds([TopicPartition(*source) for source in sources])

    async def seek_again(self, source: SourcePartition, offset: int) -> None:
        """Continue reading ``source`` at ``offset``; do nothing if a rebalance has revoked it."""
        try:
            await self.seek_wait({TP(*source): offset})
        except (IllegalStateError, TimeoutError):
            log.info("%s/%s was revoked before its log could be sought again.", *source)
        else:
            self._partitions.sought([source])

    def ack(self, message: Message) -> bool:
        """Note only that the message is done: the engines know what has been folded."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ANN401, FBT001, FBT002
        """Commit the offsets that the engines have folded up to, where they have changed."""
        del topics, start_new_transaction
        offsets = {TP(*source): offset for source, offset in self._partitions.committable().items()}
        changed = {tp: offset for tp, offset in offsets.items() if self._committed_offset.get(tp) != offset}
        try:
            # A second timeout: while the broker is absent the thread may be busy waiting for something else.
            async with asyncio.timeout(_COMMIT_SECONDS):
                committed = bool(changed) and await self._commit(changed)
        except TimeoutError:
            return False
        if committed:
            self._committed_offset.update(changed)
        return committed

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: the queue holds back the fetching task; pausing single partitions could leave one paused."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, for the same reason."""


class Transport(driver.Transport):
    """Faust's aiokafka transport with the consumer of this module."""

    Consumer: ClassVar[type[driver.Consumer]] = Consumer
