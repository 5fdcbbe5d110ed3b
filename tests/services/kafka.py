"""Apache Kafka as processes on this machine: one broker or a cluster, in KRaft mode, formatted anew for each use."""

from __future__ import annotations

import base64
import uuid
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from agents.kafka.topics import OWN, Role
from tests.services.loopback import HOST, free_ports, listening
from tests.services.parts import KAFKA_LIBS, ROOT
from tests.services.process import Service
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_START_SECONDS = 60

# Fast to start and small, for tests. Benchmarks start Kafka with Java's own choices: java_options=().
QUICK_JAVA = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_PROTOCOLS = "listener.security.protocol.map"
# What every node shares. The log cleaner stays on: the state topic is compacted.
_COMMON: dict[str, object] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    _PROTOCOLS: "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A topic that nobody created is a mistake that a test should see.
    "auto.create.topics.enable": "false",
    # A group's first member need not wait for others, a dead broker or member is soon found out. The broker's timeout
    # also bounds a restart after a crash: until it is over, the controller takes the returning broker for a second one.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    # One partition of offsets and one of transactions a node: quick to create, and every node still leads some.
    "offsets.topic.num.partitions": 1,
    "log.cleaner.dedupe.buffer.size": 2 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
}


class Kafka:
    """A broker to talk to, wherever it runs.

    Args:
        bootstrap: ``host:port``, several separated by commas.
    """

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def admin(self, bootstrap: str | None = None) -> KafkaAdminClient:
        """Return an administration client; the caller closes it."""
        return KafkaAdminClient(bootstrap_servers=bootstrap or self.bootstrap, bootstrap_timeout_ms=2000)

    def create_topic(
        self, name: str | None = None, *, partitions: int = 1, settings: Mapping[str, str] | None = None
    ) -> str:
        """Create a topic with the cluster's replication, wait until it has leaders, and return its name.

        Args:
            name: by default one that no other test has.
            partitions: how many.
            settings: Kafka's settings of topics, as ``{"message.timestamp.type": "LogAppendTime"}``.
        """
        name = name or f"test-{uuid.uuid4().hex[:12]}"
        with closing(self.admin()) as admin:
            # Every key explicit: without it the client's default, not the cluster's, applies.
            options = {"num_partitions": partitions, "replication_factor": -1, "configs": dict(settings or {})}
            admin.create_topics({name: options}, wait_for_metadata=True)
        return name

    def create_own_topics(self, partitions: int = 8) -> None:
        """Create the monitor's own topics under their usual names, those of them that do not exist."""
        with closing(self.admin()) as admin:
            there = set(admin.list_topics())
            for topic in OWN.values():
                if topic.name not in there:
                    options = {
                        "num_partitions": partitions if topic.role is Role.PER_SOURCE else 1,
                        "replication_factor": -1,
                        "configs": {wanted.name: wanted.value for wanted in topic.settings},
                    }
                    admin.create_topics({topic.name: options}, wait_for_metadata=True)

    def describe_topic(self, name: str) -> list[dict[str, Any]]:
        """Return each partition of a topic as kafka-python describes it: leader, replicas, replicas in sync."""
        with closing(self.admin()) as admin:
            (topic,) = admin.describe_topics([name])
        return sorted(topic["partitions"], key=lambda partition: int(partition["partition_index"]))


@dataclass(frozen=True)
class Listener:
    """A further way in to one node: the port that it listens on, and the one that it names to clients.

    The two differ where something stands between, as a proxy does.
    """

    name: str
    port: int
    advertised: int


@dataclass(frozen=True)
class _Node:
    number: int
    port: int
    controller_port: int
    folder: Path
    service: Service

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def properties(self) -> Path:
        return self.folder / "server.properties"


class KafkaCluster(Kafka):
    """Apache Kafka on free loopback ports; nodes are numbered from 1, each a broker and a controller.

    Use it in a ``with`` statement: it is formatted and started at entry, killed at the exit.

    Args:
        folder: for data, settings and logs; must exist and be empty.
        nodes: 1 or 3.
        settings: Kafka's settings of brokers that differ from those here.
        java_options: of the virtual machine.
        listeners: further ways in, by node.
    """

    def __init__(
        self,
        folder: Path,
        nodes: int = 1,
        *,
        settings: Mapping[str, object] | None = None,
        java_options: Sequence[str] = QUICK_JAVA,
        listeners: Mapping[int, Listener] | None = None,
    ) -> None:
        logging = f"-Dlog4j2.configurationFile={ROOT / 'deploy/kafka/log4j2.properties'}"
        self._java = ["java", *java_options, logging, "-cp", f"{KAFKA_LIBS}/*"]
        self._settings = dict(settings or {})
        self._listeners = dict(listeners or {})
        taken = {port for one in self._listeners.values() for port in (one.port, one.advertised)}
        ports = [port for port in free_ports(2 * nodes + len(taken)) if port not in taken]
        self._nodes = {
            number: self._node(folder / f"node-{number}", number, *ports[2 * number - 2 : 2 * number])
            for number in range(1, nodes + 1)
        }
        super().__init__(",".join(node.address for node in self._nodes.values()))

    def __enter__(self) -> Self:
        try:
            self._format()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def nodes(self) -> list[int]:
        """The numbers of all nodes."""
        return list(self._nodes)

    @property
    def running(self) -> list[int]:
        """The numbers of the nodes that run."""
        return [number for number, node in self._nodes.items() if node.service.running]

    def service(self, node: int) -> Service:
        """Return a node's process, for its log and its process id."""
        return self._nodes[node].service

    def start(self, node: int | None = None) -> None:
        """Start a node, or all; return when those started serve every running node's metadata.

        Raises:
            ServiceError: one did not come up; the message carries the end of its log.
        """
        chosen = self._chosen(node)
        for one in chosen:
            one.service.start()
        for one in chosen:
            one.service.wait_until(partial(self._serves, one), seconds=_START_SECONDS)

    def stop(self, node: int | None = None) -> None:
        """Shut a node down in good order, or all one after another; their data stay."""
        for one in self._chosen(node):
            one.service.terminate()

    def kill(self, node: int | None = None) -> None:
        """End a node, or all, as a crash would; their data stay."""
        for one in self._chosen(node):
            one.service.kill()

    def close(self) -> None:
        """End everything at once; nothing is needed any more."""
        self.kill()

    def wait_until_replicated(self, topic: str, *, seconds: float = 60) -> None:
        """Wait until every replica of a topic is in sync, as after a node has come back."""

        def in_sync() -> bool:
            return all(len(row["isr_nodes"]) == len(row["replica_nodes"]) for row in self.describe_topic(topic))

        wait_for(in_sync, f"all replicas of {topic} to be in sync", seconds=seconds)

    def _chosen(self, node: int | None) -> list[_Node]:
        return list(self._nodes.values()) if node is None else [self._nodes[node]]

    def _node(self, folder: Path, number: int, port: int, controller_port: int) -> _Node:
        folder.mkdir()
        command = [*self._java, "kafka.Kafka", str(folder / "server.properties")]
        return _Node(number, port, controller_port, folder, Service(f"kafka-{number}", command, folder))

    def _format(self) -> None:
        """Write settings and empty data folders; the nodes are formatted side by side, a virtual machine each."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        formatters = [self._formatter(node, cluster) for node in self._nodes.values()]
        for formatter in formatters:
            formatter.start()
        for formatter in formatters:
            wait_for(partial(_ended, formatter), f"{formatter.name} to end", seconds=_START_SECONDS)

    def _formatter(self, node: _Node, cluster: str) -> Service:
        lines = (f"{key}={value}\n" for key, value in self._properties(node).items())
        node.properties.write_text("".join(lines), "utf-8")
        # In one word: some ids begin with a hyphen, as options do.
        options = [f"--cluster-id={cluster}", "-c", str(node.properties), "--ignore-formatted"]
        tool = ["kafka.tools.StorageTool", "format", *options]
        return Service(f"format-{node.number}", [*self._java, *tool], node.folder)

    def _properties(self, node: _Node) -> dict[str, object]:
        nodes = self._nodes.values()
        listeners = f"PLAINTEXT://{node.address},CONTROLLER://{HOST}:{node.controller_port}"
        voters = ",".join(f"{one.number}@{HOST}:{one.controller_port}" for one in nodes)
        replicas, in_sync = len(nodes), (len(nodes) + 1) // 2
        own = {
            "node.id": node.number,
            "listeners": listeners,
            "controller.quorum.voters": voters,
            "log.dirs": node.folder / "data",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
        }
        return {**_COMMON, **own, **self._further(node, listeners), **self._settings}

    def _further(self, node: _Node, listeners: str) -> dict[str, object]:
        """What a further listener changes."""
        further = self._listeners.get(node.number)
        if further is None:
            return {}
        return {
            "listeners": f"{listeners},{further.name}://{HOST}:{further.port}",
            "advertised.listeners": f"PLAINTEXT://{node.address},{further.name}://{HOST}:{further.advertised}",
            _PROTOCOLS: f"{_COMMON[_PROTOCOLS]},{further.name}:PLAINTEXT",
        }

    def _serves(self, node: _Node) -> bool:
        """Tell whether the node answers, and knows every running node as one in service."""
        # First without kafka-python, which leaves its sockets open when nobody listens.
        if not listening(node.port):
            return False
        try:
            with closing(self.admin(node.address)) as admin:
                brokers = admin.describe_cluster()["brokers"]
        except KafkaError:
            return False
        return {row["broker_id"] for row in brokers if not row["is_fenced"]} >= set(self.running)


def _ended(service: Service) -> bool:
    return not service.running
