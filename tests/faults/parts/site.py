"""Where runs take place: three Kafka nodes, a proxy before them, disks that can be full. Kept up from run to run."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.faults.parts.disks import Disks
from tests.faults.parts.proxy import Proxy
from tests.services.kafka import KafkaCluster, Listener
from tests.services.loopback import HOST, free_ports
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from confluent_kafka.admin import PartitionMetadata  # type: ignore[attr-defined]  # as its documentation has it

NODES = (1, 2, 3)
#: Settings of librdkafka for those who come back to brokers that have been away.
QUICK: dict[str, str | int | float | bool] = {
    "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.interval.ms": 1_000,
}
_ANSWER_SECONDS = 5
_DELETE_SECONDS = 30
_SETTINGS: dict[str, object] = {
    # What a run leaves behind is soon gone.
    "log.segment.delete.delay.ms": 1_000,
    "log.retention.check.interval.ms": 5_000,
    # Compaction is always at work on the state topic.
    "log.cleaner.backoff.ms": 1_000,
    "num.recovery.threads.per.data.dir": 2,
}


class Site:
    """Use it in a ``with`` statement: everything is up at entry and gone at the exit.

    Args:
        folder: for data and logs; must exist and be empty.
        bounded: whether the brokers' disks are in memory, of a size that can change.
    """

    def __init__(self, folder: Path, *, bounded: bool = True) -> None:
        self.folder = folder
        ports = free_ports(2 * len(NODES))
        outer, inner = ports[: len(NODES)], ports[len(NODES) :]
        listeners = {
            node: Listener("PROXIED", port, advertised)
            for node, port, advertised in zip(NODES, inner, outer, strict=True)
        }
        self.proxy = Proxy(dict(zip(outer, inner, strict=True)))
        self.kafka = KafkaCluster(folder, len(NODES), settings=_SETTINGS, listeners=listeners)
        self.proxied = ",".join(f"{HOST}:{port}" for port in outer)
        self.disks = Disks({node: self.kafka.service(node).log.parent / "data" for node in NODES} if bounded else {})
        # kafka-python's leaves sockets open where a broker does not answer.
        self.admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0, **QUICK})
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.proxy)
            stack.enter_context(self.disks)
            stack.enter_context(self.kafka)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def bring_back(self, *nodes: int) -> None:
        """Start nodes, and wait until they hold again what they held."""
        down = [node for node in nodes if node not in self.kafka.running]
        for node in down:
            self.disks.free(node)
            # Without waiting: of two that were lost, none serves before the other is there.
            self.kafka.service(node).start()
        for node in down:
            self.kafka.service(node).wait_until(partial(self.serves, node), seconds=90)
        self.wait_until_in_sync()

    def heal(self) -> None:
        """Undo every fault there may be."""
        self.proxy.heal()
        self.bring_back(*NODES)
        self.wait_until_in_sync()

    def serves(self, node: int) -> bool:
        """Whether a node answers, and knows every running node as one in service."""
        return self.kafka._serves(self.kafka._nodes[node])

    def wait_until_in_sync(self, *, seconds: float = 90) -> None:
        """Wait until every replica of every topic is in sync."""
        wait_for(lambda: not self.out_of_sync(), "all replicas to be in sync", seconds=seconds)

    def out_of_sync(self) -> list[str]:
        """Topics with a partition that has no leader, or fewer replicas in sync than replicas."""
        try:
            described = self.describe()
        except KafkaException:
            return ["unknown"]
        return [name for name, partitions in described.items() if not all(map(_in_sync, partitions))]

    def describe(self) -> dict[str, list[PartitionMetadata]]:
        """The partitions of every topic.

        Raises:
            KafkaException: no broker answered.
        """
        found = self.admin.list_topics(timeout=_ANSWER_SECONDS).topics
        return {name: list(topic.partitions.values()) for name, topic in found.items()}

    def drop_topics(self, names: Sequence[str]) -> None:
        """Delete topics that nobody needs any more."""
        for deleted in self.admin.delete_topics(list(names)).values():
            deleted.result(_DELETE_SECONDS)


def _in_sync(partition: PartitionMetadata) -> bool:
    return partition.leader != -1 and len(partition.isrs) == len(partition.replicas)
