"""Faust hands over one message for each fetched batch of a source partition, instead of one for each record.

Faust's own path costs about 40 µs a record, since it schedules four tasks for each; a batch costs them once. The seam
is public (`App(ConsumerScheduler=…)`), the attributes of the record that it yields are not: they are those that
`_to_message` in `faust/transport/drivers/aiokafka.py` reads, which is why faust-streaming is pinned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import faust
import numpy as np
from faust.transport.utils import DefaultSchedulingStrategy

from streams.columns import Batch
from streams.watermark import NO_TIMESTAMP

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord
    from faust.types import TP, AppT, Message

#: Kafka's code for timestamps that the producer wrote; 1 is LogAppendTime.
_CREATE_TIME: Final = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records of one source partition as fetched in one go.

    ``create_time``: a producer wrote their timestamps, so that they guard against no fast clock.
    """

    batch: Batch
    create_time: bool

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.batch.offsets[0])

    @property
    def end(self) -> int:
        """Offset after the last record."""
        return int(self.batch.offsets[-1]) + 1

    def since(self, offset: int) -> Fetched:
        """The records from ``offset`` on; at least one must be there."""
        batch = self.batch
        cut = int(np.searchsorted(batch.offsets, offset))
        rest = replace(batch, values=batch.values[cut:], offsets=batch.offsets[cut:], timestamps=batch.timestamps[cut:])
        return Fetched(rest, self.create_time)

    @classmethod
    def of(cls, records: Sequence[ConsumerRecord]) -> Fetched:
        """Columns of ``records``, which are of one partition, in offset order, and not none."""
        last = records[-1]
        stamps = (record.timestamp for record in records)
        batch = Batch(
            source=last.topic,
            partition=last.partition,
            values=[record.value for record in records],
            offsets=np.fromiter((record.offset for record in records), np.int64, len(records)),
            timestamps=np.fromiter(
                (NO_TIMESTAMP if stamp is None or stamp < 0 else stamp for stamp in stamps), np.int64, len(records)
            ),
        )
        return cls(batch, last.timestamp_type == _CREATE_TIME)


class BatchScheduling(DefaultSchedulingStrategy):
    """Yields one pseudo-record for each source partition, and other topics record by record.

    The pseudo-record is the partition's last record with a `Fetched` as its value.
    """

    sources: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def of(cls, sources: Sequence[str]) -> type[BatchScheduling]:
        """Strategy for the topics ``sources``; Faust wants a class, which it instantiates itself."""
        return type(cls.__name__, (cls,), {"sources": frozenset(sources)})

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Pseudo-records of the sources first, then the rest as Faust orders it."""
        others = {}
        for tp, of_partition in records.items():
            if tp.topic not in self.sources:
                others[tp] = of_partition
            elif of_partition:
                yield tp, replace(of_partition[-1], value=Fetched.of(of_partition))
        yield from super().iterate(others)


class BatchSchema(faust.Schema[Any, Any]):
    """Passes keys and batches through as they are."""

    def loads_key(self, app: AppT, message: Message, **_: Any) -> Any:  # noqa: ANN401 - as Faust has it
        """The key of the last record, raw."""
        del app
        return message.key

    def loads_value(self, app: AppT, message: Message, **_: Any) -> Any:  # noqa: ANN401 - as Faust has it
        """The `Fetched`."""
        del app
        return message.value
