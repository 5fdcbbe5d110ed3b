"""Writing the rekeyed records of one source partition: records and the source offset reached, in one transaction.

The offsets are committed for a consumer group of the rekeyers' own, so that tools that show the lag of groups show how
far rekeying is. aiokafka commits them without the group's generation; an earlier owner of a partition is fenced by the
transactional id instead, one for each source partition.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents.kafka.partitioner import KeyPartitioner
from agents.kafka.producer import add_to_transaction, close_producer, opening, transactional_producer
from agents.worker.rekey.offsets import group_of
from agents.worker.rekey.tails import NOTHING

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from agents.worker.transactions.outputs import Output
    from streams.decoding.batch import SourcePartition
    from streams.decoding.rekeying import Rekeyed, RekeyMark

#: Kafka aborts a transaction that is open for longer. Until then readers of committed records see nothing after it, so
#: this is short; an owner that was slower starts again.
TRANSACTION_SECONDS: Final = 30
_ABORT_SECONDS: Final = 1.0


def transactional_id(settings: Settings, source: SourcePartition) -> str:
    """The transactional id of a source partition, by which a new owner fences the one before."""
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
        """Fence earlier owners of ``source``, and end the transactions that they left hanging.

        Raises:
            KafkaError, TimeoutError: Kafka did not do so in time.
        """
        producer = transactional_producer(settings, transactional_id(settings, source), TRANSACTION_SECONDS)
        async with opening(producer, TRANSACTION_SECONDS):
            partitions = len(await producer.partitions_for(settings.rekeyed_topic))
            writer = cls(producer, source, settings, partitions)
            async with asyncio.timeout(TRANSACTION_SECONDS):
                await writer._end_hanging()
        return writer

    async def _end_hanging(self) -> None:
        """Abort an empty transaction in every partition that transactions of earlier owners may have written to.

        Kafka has ended those by now, except in partitions that had no leader at that moment, which 4.3.1 omits
        (KAFKA-20734). There, readers of committed records wait until another transaction of the same producer ends,
        as this one does. Part of a transaction that was to be committed may thereby be lost; `tails` finds out which
        part, and it is written again.
        """
        producer = self._producer
        await producer.begin_transaction()
        for topic in (self._settings.rekeyed_topic, self._settings.audit_topic):
            add_to_transaction(producer, [(topic, number) for number in await producer.partitions_for(topic)])
        await producer.send_offsets_to_transaction({self._source: OffsetAndMetadata(0, "")}, group_of(self._settings))
        await producer.abort_transaction()

    async def write(
        self, records: Sequence[Rekeyed], name: str, reached: int, mark: RekeyMark, audit: Iterable[Output] = ()
    ) -> dict[int, int]:
        """Write ``records`` of the source partition called ``name``, and commit ``reached`` as its rekeyed offset.

        Returns the offset after the last record written to each partition, or `NOTHING` where the broker did not say.
        If this raises, it is unknown whether the records are written: open another writer and find out.

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
            # Spare readers of committed records the wait until Kafka aborts this transaction.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_ABORT_SECONDS):
                    await producer.abort_transaction()
            raise
        await producer.commit_transaction()
        return ends

    async def close(self) -> None:
        """Close the producer; a transaction in progress is left to the next owner, which aborts it."""
        await close_producer(self._producer)

    async def _send(self, records: Sequence[Rekeyed], name: str, audit: Iterable[Output]) -> dict[int, int]:
        """Send everything and await the acknowledgements: aiokafka would commit although a batch had failed."""
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
        # A batch that was sent again, because the first answer was lost, may be acknowledged without its offset.
        return {partition: offset + count if offset >= 0 else NOTHING for partition, offset, count in placed}

    def _by_partition(self, records: Sequence[Rekeyed]) -> dict[int, list[Rekeyed]]:
        found: dict[int, list[Rekeyed]] = {}
        for record in records:
            found.setdefault(self.partition_of(record.key), []).append(record)
        return found

    def _batches(self, records: Sequence[Rekeyed], name: str) -> Iterator[Any]:
        """Pack ``records`` into batches as large as the producer allows, of at least one record each."""
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
