"""Records as they were read: a batch of one source partition, and the partition's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Final, NamedTuple, Self

import numpy as np
import xxhash

from streams.slices.sparse_table import IntArray

#: Timestamp of records without one (from plain files, or topics without timestamps).
NO_TIMESTAMP: Final = -1
#: Event times and ticks are accepted up to the year 3000, in milliseconds since 1970.
LATEST_MS: Final = 32_503_680_000_000
#: Earlier than every event time.
LOWEST_MS: Final = -(1 << 62)


class SourcePartition(NamedTuple):
    """A source partition; equal to Faust's and aiokafka's own tuples."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one source partition, in offset order.

    ``offsets`` and ``timestamps`` (milliseconds since 1970, or `NO_TIMESTAMP`) have the length of ``values``.
    """

    source: str
    partition: int
    values: Sequence[bytes | None]
    offsets: IntArray
    timestamps: IntArray

    @classmethod
    def of(
        cls,
        source: str,
        partition: int,
        values: Sequence[bytes | None],
        first_offset: int = 0,
        timestamps: Iterable[int] | None = None,
    ) -> Self:
        """Batch of ``values`` at consecutive offsets from ``first_offset``; `NO_TIMESTAMP` where none are given."""
        stamps = repeat(NO_TIMESTAMP, len(values)) if timestamps is None else timestamps
        offsets = np.arange(first_offset, first_offset + len(values), dtype=np.int64)
        return cls(source, partition, values, offsets, np.fromiter(stamps, np.int64, len(values)))

    def __len__(self) -> int:
        """Number of records."""
        return len(self.values)

    def between(self, first: int, after: int) -> Batch:
        """The records at positions [``first``, ``after``)."""
        cut = slice(first, after)
        return replace(self, values=self.values[cut], offsets=self.offsets[cut], timestamps=self.timestamps[cut])

    def position_of(self, offset: int) -> int:
        """Position of the first record at or behind ``offset``."""
        return int(np.searchsorted(self.offsets, offset))


class LastRecord(NamedTuple):
    """The last record that was folded: offset, timestamp and digest, which recognise it after a restart."""

    offset: int
    timestamp_ms: int
    digest: str

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """The last record of ``batch``, which is not empty."""
        return cls(int(batch.offsets[-1]), int(batch.timestamps[-1]), record_digest(batch.values[-1]))


def record_digest(value: bytes | None) -> str:
    """Digest of a record's value, to check later that the log still holds the same record."""
    return "tombstone" if value is None else xxhash.xxh3_64_hexdigest(value)
