from __future__ import annotations

from dataclasses import dataclass

import pytest
from kafka.partitioner import DefaultPartitioner

from agents.kafka.partitioner import KeyPartitioner


@pytest.mark.parametrize("partitions", [1, 3, 12])
def test_keys_are_placed_as_kafka_python_does(partitions: int) -> None:
    @dataclass
    class Cluster:
        def partitions_for_topic(self, _: str) -> set[int]:
            return set(range(partitions))

        def topics(self) -> set[str]:
            return {"t"}

        available_partitions_for_topic = partitions_for_topic

    ours, other = KeyPartitioner(), DefaultPartitioner()
    for key in (b"hotline", "热线".encode(), b"a", b"x" * 200, b"orders/3"):
        expected = other.partition("t", None, key, None, None, Cluster())
        assert ours(key, partitions) == ours(key, partitions) == expected


def test_java_places_the_same() -> None:
    # From org.apache.kafka.common.utils.UtilsTest.
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for key, digest in known.items():
        assert KeyPartitioner()(key, 1_000) == (digest & 0x7FFFFFFF) % 1_000
