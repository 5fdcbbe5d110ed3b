"""Writing what was rekeyed from one source partition: records and the offset reached, in one transaction.

The source offsets are those of a consumer group of the rekeyer's own, so that whoever watches the lag of groups sees
how far rekeying is. aiokafka commits them without the group's generation; what keeps an earlier owner of a partition
out is the transactional id, one for each source partition.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents.kafka.partitioner import KeyPartitioner
from agents.kafka.producer import close_producer, opening, transactional_producer
from agents.worker.rekey.offsets import group_of
from agents.worker.rekey.tails import NOTHING

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from agents.worker.transactions.outputs import Output
    from streams.decoding.batch import SourcePartition
    from streams.decoding.rekeying import Rekeyed, RekeyMark

#: Kafka aborts a transaction that was not ended for so long. Until then nobody who reads committed records sees what
#: came after it, so this is short; an owner that was slower begins anew.
TRANSACTION_SECONDS: Final = 30
_ABORT_SECONDS: Final = 1.0


def transactional_id(settings: Settings, source: SourcePartition) -> str:
    """What makes a new owner of a source partition the successor of the one before."""
    return f"{group_of(settings)}/{source.topic}/{source.partition}"


class RekeyWriter:
    """The transactions of one source partition, by its newest owner.

    Args:
        producer: started, with the partition's transactional id.
        source: the partition.
        settings: as resolved.
        partitions: number of partitions of the rekeyed topic.
    """

    def __init__(
        self, producer: AIOKafkaProducer, source: SourcePartition, settings: Settings, partitions: int
    ) -> None:
        self._producer = producer
        self._source = TopicPartition(*source)
        self._settings = settings
        self.partitions = partitions
        self._partitioner = KeyPartitioner()

    def partition_of(self, key: bytes) -> int:
        """Partition of the rekeyed topic that records with ``key`` go to."""
        return self._partitioner(key, self.partitions)

    @classmethod
    async def open(cls, settings: Settings, source: SourcePartition) -> Self:
        """Become the one that may rekey ``source``, and end what earlier owners left without an end.

        Raises:
            KafkaError, TimeoutError: no broker could do that in time.
        """
        producer = transactional_producer(settings, transactional_id(settings, source), TRANSACTION_SECONDS)
        async with opening(producer, TRANSACTION_SECONDS):
            partitions = len(await producer.partitions_for(settings.rekeyed_topic))
            writer = cls(producer, source, settings, partitions)
            async with asyncio.timeout(TRANSACTION_SECONDS):
                await writer._settle()
        return writer

    async def _settle(self) -> None:
        """Abort an empty transaction in every partition that earlier ones may have been in.

        Kafka has ended them all by now, but for partitions that had no leader at that moment, which 4.3.1 leaves out
        (KAFKA-20734). There nobody reads on until another transaction of the same producer ends; this one does. Of a
        transaction that was to be committed something may thus be lost. `tails` finds out what, and it
        is written again.
        """
        producer = self._producer
        await producer.begin_transaction()
        for topic in (self._settings.rekeyed_topic, self._settings.audit_topic):
            for number in await producer.partitions_for(topic):
                # There is no public way to have a partition in a transaction and no record in it.
                producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(topic, number))  # noqa: SLF001
        await producer.send_offsets_to_transaction({self._source: OffsetAndMetadata(0, "")}, group_of(self._settings))
        await producer.abort_transaction()

    async def write(
        self, records: Sequence[Rekeyed], name: str, reached: int, mark: RekeyMark, audit: Iterable[Output] = ()
    ) -> dict[int, int]:
        """Write ``records`` of the source partition called ``name``, and that all before ``reached`` is rekeyed.

        Unless this returns, it is not known whether they are written: open another writer, and find out. It gives the
        offset behind the last record in each partition that has got some; `NOTHING` where the broker did not tell.

        Raises:
            KafkaError: something was refused, or could not be done in time.
        """
        producer = self._producer
        await producer.begin_transaction()
        try:
            ends = await self._send(records, name, audit)
            offset = OffsetAndMetadata(reached, mark.to_text())
            await producer.send_offsets_to_transaction({self._source: offset}, group_of(self._settings))
        except BaseException:
            # So that readers of committed records need not wait for this transaction's end.
            with contextlib.suppress(Exception):
                await asyncio.wait_for(producer.abort_transaction(), _ABORT_SECONDS)
            raise
        await producer.commit_transaction()
        return ends

    async def close(self) -> None:
        """End; a transaction under way is left to the next owner, who aborts it."""
        await close_producer(self._producer)

    async def _send(self, records: Sequence[Rekeyed], name: str, audit: Iterable[Output]) -> dict[int, int]:
        """Send everything, and wait until the brokers have it: aiokafka would commit although a batch failed."""
        audited = [
            await self._producer.send(output.topic, output.value, key=output.key, partition=output.partition)
            for output in audit
        ]
        batches = [
            (
                partition,
                batch,
                await self._producer.send_batch(batch, self._settings.rekeyed_topic, partition=partition),
            )
            for partition, of_partition in sorted(self._by_partition(records).items())
            for batch in self._batches(of_partition, name)
        ]
        results = await asyncio.gather(*audited, *(future for _, _, future in batches), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        placed = [(partition, future.result().offset, batch.record_count()) for partition, batch, future in batches]
        # A batch that was sent twice, the first time without an answer, may be acknowledged without its offset.
        return {partition: offset + count if offset >= 0 else NOTHING for partition, offset, count in placed}

    def _by_partition(self, records: Sequence[Rekeyed]) -> dict[int, list[Rekeyed]]:
        found: dict[int, list[Rekeyed]] = {}
        for record in records:
            found.setdefault(self.partition_of(record.key), []).append(record)
        return found

    def _batches(self, records: Sequence[Rekeyed], name: str) -> Iterator[Any]:
        """Batches with ``records``; each is as large as the producer allows, and holds one record at least."""
        batch = self._producer.create_batch()
        for record in records:
            stamp = record.timestamp_ms if record.timestamp_ms >= 0 else None
            fields = {"timestamp": stamp, "key": record.key, "value": record.value, "headers": record.headers(name)}
            if batch.append(**fields) is None:
                yield batch
                batch = self._producer.create_batch()
                batch.append(**fields)
        if batch.record_count():
            yield batch
