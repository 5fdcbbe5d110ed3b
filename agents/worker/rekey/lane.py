"""Lanes: each copies one owned source partition to the rekeyed topic.

The order makes it exact. A lane first takes over the partition's transactional id, after which no transaction of an
earlier owner can succeed, and ends those that hang. Only then does it find out what is rekeyed already, read on from
there, and write one transaction after the other, each with its records and the offset reached. After any failure it
starts again with the first step, whether the transaction was committed or not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.exits import Exit, Fault
from agents.kafka.errors import TROUBLE, is_fenced
from agents.worker.rekey.counts import refusal_of
from agents.worker.rekey.position import RekeyImpossible
from agents.worker.rekey.tails import NOTHING
from agents.worker.rekey.writer import TRANSACTION_SECONDS, RekeyWriter
from agents.worker.transactions.outputs import output
from streams.decoding.batch import NO_TIMESTAMP, Batch
from streams.decoding.rekeying import Baseline, RekeyMark, place_of, rekey
from streams.engine.progress import Notice, NoticeType
from streams.mappings.mapping import compile_mapping
from streams.records.records import notice_record

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord

    from agents.settings.settings import Settings
    from agents.worker.rekey.counts import RekeyCounts
    from agents.worker.rekey.pace import LanePace
    from agents.worker.rekey.position import Position, PositionFinder
    from agents.worker.rekey.tails import StableEnds
    from agents.worker.transactions.outputs import Output
    from streams.decoding.batch import SourcePartition
    from streams.decoding.rekeying import Rekeyed, Rekeying
    from streams.mappings.mapping import Mapper
    from streams.mappings.paths import Path
    from streams.standards.model import Standards

log = logging.getLogger(__name__)

_FETCH_MS: Final = 250
#: Shortest interval between transactions, so that a trickle of events does not cause one for each event.
_INTERVAL_SECONDS: Final = 0.1
_TURN_SECONDS: Final = 0.02
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0


@dataclass(slots=True)
class Shared:
    """Parts that all lanes of one process share."""

    settings: Settings
    standards: Standards
    consumer: AIOKafkaConsumer
    finder: PositionFinder
    stable: StableEnds
    pace: LanePace
    counts: RekeyCounts
    _mappers: dict[str, tuple[Standards, Mapper | None]] = field(default_factory=dict)
    _sought: dict[str, set[Path]] = field(default_factory=dict)  # by topic, paths that no record has had so far
    _mapped: set[str] = field(default_factory=set)  # topics of which a record was mapped by the current mapping

    def mapper(self, topic: str) -> Mapper | None:
        """The mapping of ``topic`` in the current standards; None: its records have the wire format."""
        known = self._mappers.get(topic)
        if known is None or known[0] is not self.standards:
            mapping = self.standards.mappings.get(topic)
            known = self._mappers[topic] = (self.standards, compile_mapping(mapping) if mapping else None)
            self._sought.pop(topic, None)
            self._mapped.discard(topic)
        return known[1]

    def rekey(self, batch: Batch) -> Rekeying:
        """Convert ``batch`` to records for the rekeyed topic."""
        mapper = self.mapper(batch.source)
        sought = self._sought.setdefault(batch.source, set(mapper.paths)) if mapper else None
        rekeying = rekey(batch, mapper, sought)
        if rekeying.mapped:
            self._mapped.add(batch.source)
        return rekeying

    def never_found(self) -> dict[str, tuple[str, ...]]:
        """By topic, paths of its mapping that no record rekeyed so far has had."""
        return {
            topic: tuple(map(str, mapper.in_order(sought)))
            for topic, sought in sorted(self._sought.items())
            if topic in self._mapped and (mapper := self._mappers[topic][1])
        }


class Lane:
    """Rekeys one partition until it is finished.

    Args:
        source: the partition.
        shared: the parts that it shares with the other lanes.
        fail: called once, with an error after which the process must end.
    """

    def __init__(self, source: SourcePartition, shared: Shared, fail: Callable[[Exception], None]) -> None:
        self.source = source
        self.lag: int | None = None
        self._shared = shared
        self._fail = fail
        self._tp = TopicPartition(*source)
        self._name = place_of(*source)
        self._held: Sequence[ConsumerRecord] = ()
        self._next = 0
        self._audit: list[Output] = []
        self._began = 0.0
        self._found: Position
        self._baseline = self._candidate = Baseline(0, ())
        self._candidate_since: float | None = None
        self._ends: list[int] = []
        self._unknown: set[int] = set()
        self._closing = self._writing = False
        shared.pace.reads(self, time.monotonic())
        self._task = asyncio.create_task(self._run(), name=f"lane of {self._name}")

    async def finish(self, seconds: float) -> None:
        """End after the current transaction, or without it if it takes longer than ``seconds``."""
        self._closing = True
        if self._writing:
            await asyncio.wait({self._task}, timeout=seconds)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._shared.pace.rests(self)
        self._shared.counts.well(self.source)

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closing:
            before = self._shared.counts.transactions
            try:
                await self._rekey()
            except TROUBLE as error:
                if final := refusal_of(error):
                    self._fail(final)
                    return
                self._shared.counts.trouble(self.source, error)
                pause = _FIRST_PAUSE if self._shared.counts.transactions > before else min(2 * pause, _LONGEST_PAUSE)
                await asyncio.sleep(max(pause, self._pause_if_fenced(error)))
            except Exception as error:  # noqa: BLE001 - `fail` decides what follows
                self._fail(error)
                return

    def _pause_if_fenced(self, error: BaseException) -> float:
        """Seconds to wait if another owner has fenced this lane: until the group has announced the new assignment."""
        return self._shared.settings.heartbeat + 1.0 if is_fenced(error) else 0.0

    async def _rekey(self) -> None:
        """Fence earlier owners, find the position, and rekey until something fails."""
        shared = self._shared
        writer = await RekeyWriter.open(shared.settings, self.source)
        try:
            mapper = shared.mapper(self.source.topic)
            self._start_at(await shared.finder.find(self.source, writer.partitions, mapper))
            while not self._closing:
                await self._step(writer)
        except RekeyImpossible as error:
            raise Fault(str(error), Exit.STALLED) from error
        finally:
            self._writing = False
            await writer.close()

    def _start_at(self, found: Position) -> None:
        self._held, self._next, self._audit = (), found.offset, []
        self._found, self._baseline, self._candidate_since = found, found.baseline, None
        self._ends, self._unknown = list(found.baseline.ends), set()
        self._shared.consumer.seek(self._tp, found.offset)
        self._shared.pace.reads(self, time.monotonic())
        if found.missing_from is not None:
            lost = found.offset - found.missing_from
            self._shared.counts.missing += lost
            log.warning("%s lost %d records before they were rekeyed: its retention is too short.", self._name, lost)
            detail = {"from": found.missing_from, "to": found.offset, "rekeyed": False}
            notice = Notice(NoticeType.GAP, found.missing_from, None, detail)
            self._audit = [output(self._shared.settings, notice_record(self.source, notice))]

    # -- one transaction ----------------------------------------------------------------------------------------------

    async def _step(self, writer: RekeyWriter) -> None:
        self._look_at_candidate()
        await self._fetch()
        if not self._held:
            return
        records = await self._turn()
        rest = self._held[len(records) :]
        await self._write(writer, records)
        self._held = rest
        if rest:
            self._shared.pace.holds(self, _time_of(rest[0]))
        else:
            self._shared.pace.reads(self, time.monotonic(), _time_of(records[-1]))

    async def _fetch(self) -> None:
        """Fetch, if everything that was fetched is rekeyed."""
        if self._held:
            return
        await asyncio.sleep(self._began + _INTERVAL_SECONDS - time.monotonic())
        found = await self._shared.consumer.getmany(self._tp, timeout_ms=_FETCH_MS)
        self._held = [record for record in found.get(self._tp, ()) if record.offset >= self._next]
        await self._note_lag()
        if self._held:
            self._shared.pace.holds(self, _time_of(self._held[0]))
        elif self.lag == 0:
            self._shared.pace.rests(self)
            self._shared.counts.well(self.source)

    async def _note_lag(self) -> None:
        consumer = self._shared.consumer
        if self._tp in consumer.assignment():
            end = consumer.last_stable_offset(self._tp)
            # Compare with the position read, not rekeyed: markers of transactions may follow the last record.
            read = await consumer.position(self._tp)
            self.lag = None if end is None else max(0, end - read) + len(self._held)

    async def _turn(self) -> Sequence[ConsumerRecord]:
        """Wait until the other lanes have caught up, and return the records that may be rekeyed now."""
        while True:
            limit = self._shared.pace.limit(time.monotonic())
            if limit is not None and _time_of(self._held[0]) <= limit:
                break
            await asyncio.sleep(_TURN_SECONDS)
        behind = (number for number, record in enumerate(self._held) if _time_of(record) > limit)
        return self._held[: next(behind, len(self._held))]

    async def _write(self, writer: RekeyWriter, records: Sequence[ConsumerRecord]) -> None:
        batch = _batch(records)
        rekeying = self._shared.rekey(batch)
        new = self._new(rekeying.records, writer)
        offset, mark = records[-1].offset + 1, RekeyMark.of(batch, self._baseline)
        reached = self._found.reached
        if reached is not None and reached[0] > offset:
            offset, mark = reached[0], replace(reached[1], baseline=self._baseline)
        self._began, self._writing = time.monotonic(), True
        async with asyncio.timeout(TRANSACTION_SECONDS):
            ends = await writer.write(new, self._name, offset, mark, self._audit)
        self._writing = False
        self._next, self._audit = records[-1].offset + 1, []
        self.lag = None if self.lag is None else max(0, self.lag - len(records))
        self._note_ends(ends)
        self._count(new, rekeying.dropped)

    def _new(self, records: Sequence[Rekeyed], writer: RekeyWriter) -> Sequence[Rekeyed]:
        """Those of ``records`` that are not in the rekeyed topic yet."""
        last = self._found.last
        if not records or records[0].offset > max(last):
            return records
        return [record for record in records if record.offset > last[writer.partition_of(record.key)]]

    def _note_ends(self, ends: Mapping[int, int]) -> None:
        for partition, end in ends.items():
            self._ends[partition] = max(end, self._ends[partition])
            (self._unknown.add if end == NOTHING else self._unknown.discard)(partition)
        if self._candidate_since is None and not self._unknown:
            self._candidate, self._candidate_since = Baseline(self._next, tuple(self._ends)), time.monotonic()

    def _look_at_candidate(self) -> None:
        """Make what was written a while ago the baseline, once all of it is committed in the rekeyed topic.

        Raises:
            KafkaError: a transaction stays open; the recovery that follows ends it.
        """
        since, stable = self._candidate_since, self._shared.stable
        if since is None:
            return
        if stable.reach(self._candidate.ends):
            self._baseline, self._candidate_since = self._candidate, None
        elif stable.asked > since + TRANSACTION_SECONDS:
            raise KafkaError("a transaction does not end")

    def _count(self, written: Sequence[Rekeyed], dropped: int) -> None:
        counts = self._shared.counts
        counts.transactions += 1
        counts.records += len(written)
        counts.rejected += sum(record.reason is not None for record in written)
        counts.dropped += dropped
        counts.well(self.source)


def _time_of(record: ConsumerRecord) -> float:
    """A record's timestamp, but no later than now, in milliseconds since 1970."""
    now_ms = time.time() * 1_000
    stamp = record.timestamp
    return now_ms if stamp is None or stamp < 0 else min(float(stamp), now_ms)


def _batch(records: Sequence[ConsumerRecord]) -> Batch:
    stamps = [NO_TIMESTAMP if record.timestamp is None else max(record.timestamp, NO_TIMESTAMP) for record in records]
    return Batch(
        source=records[0].topic,
        partition=records[0].partition,
        values=[record.value for record in records],
        offsets=np.array([record.offset for record in records], np.int64),
        timestamps=np.array(stamps, np.int64),
    )
