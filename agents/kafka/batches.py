"""Fetched batches: consecutive records of one partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from streams.decoding.batch import Batch


@dataclass(frozen=True, slots=True)
class Fetched:
    """One or more consecutive records of one source partition. To Faust it is a record with itself as its value.

    ``create_time``: a producer wrote their timestamps, so they are no guard against fast clocks.
    ``reads_from``: the log has no records between this offset and the first of them; it is the end of the previous
    batch, or the offset where the fetch began.
    """

    batch: Batch
    create_time: bool
    reads_from: int

    # Attributes that Faust reads of a record, not used here.
    key: ClassVar[None] = None
    headers: ClassVar[tuple[()]] = ()
    timestamp: ClassVar[None] = None
    timestamp_type: ClassVar[None] = None
    checksum: ClassVar[None] = None
    serialized_key_size: ClassVar[int] = -1
    serialized_value_size: ClassVar[int] = -1

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.batch.offsets[0])

    @property
    def end(self) -> int:
        """Offset after the last record."""
        return int(self.batch.offsets[-1]) + 1

    @property
    def topic(self) -> str:
        """Topic of the partition."""
        return self.batch.source

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self.batch.partition

    @property
    def offset(self) -> int:
        """Offset of the last record."""
        return self.end - 1

    @property
    def value(self) -> Self:
        """This batch, as Faust's message value."""
        return self

    def since(self, offset: int) -> Fetched:
        """The records from ``offset`` on; there must be at least one."""
        batch = self.batch.between(self.batch.position_of(offset), len(self.batch))
        return Fetched(batch, self.create_time, max(offset, self.reads_from))
