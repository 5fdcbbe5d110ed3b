"""Kafka's own choice of a partition for a key, as Java's clients make it."""

from __future__ import annotations

from kafka.partitioner import murmur2

_POSITIVE = 0x7FFFFFFF


class KeyPartitioner:
    """Java's murmur2 partitioner, remembering the hashes of keys: hashing in Python costs more than sending."""

    #: Most keys remembered; the memory is cleared when it is full.
    REMEMBERED = 100_000

    def __init__(self) -> None:
        self._hashes: dict[bytes, int] = {}

    def __call__(self, key: bytes, partitions: int) -> int:
        """Partition of ``key`` in a topic that has this number of ``partitions``, which may change between calls."""
        found = self._hashes.get(key)
        if found is None:
            if len(self._hashes) >= self.REMEMBERED:
                self._hashes.clear()
            found = self._hashes[key] = murmur2(key) & _POSITIVE
        return found % partitions
