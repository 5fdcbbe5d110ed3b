"""Records of one partition as fetched in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from streams.decoding.batch import Batch


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records of one source partition as fetched in one go; at least one. To Faust it is a record with itself as value.

    ``create_time``: a producer wrote their timestamps, so that they guard against no fast clock.
    ``reads_from``: an offset from which on the log has nothing before the first of them: the end of the batch before,
    or where the fetch began.
    """

    batch: Batch
    create_time: bool
    reads_from: int

    # What Faust wants of a record, and nothing here needs.
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
        """Of the partition."""
        return self.batch.source

    @property
    def partition(self) -> int:
        """Its number."""
        return self.batch.partition

    @property
    def offset(self) -> int:
        """Offset of the last record."""
        return self.end - 1

    @property
    def value(self) -> Self:
        """The batch."""
        return self

    def since(self, offset: int) -> Fetched:
        """The records from ``offset`` on; at least one must be there."""
        batch = self.batch.between(self.batch.position_of(offset), len(self.batch))
        return Fetched(batch, self.create_time, max(offset, self.reads_from))
