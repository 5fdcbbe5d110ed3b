"""Faults of brokers, and of what they accept. Each undoes what it did before it returns."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # as its documentation has it
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from kafka import TopicPartition

from tests.faults.kinds.plan import Kind, Planned
from tests.faults.kinds.scene import Scene
from tests.faults.parts.fleet import STALLED
from tests.faults.parts.site import NODES
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafka import KafkaAdminClient

_PREFERRED: Final = 0
#: A row of state is always larger.
_TINY: Final = 100
_LARGE: Final = 8 * 1024 * 1024
#: How long two nodes stay away: a moment, or longer than sessions of brokers and workers last.
_AWAY_SECONDS: Final = (0.5, 2.0, 5.0)


def killed(scene: Scene, one: Planned) -> str:
    """SIGKILL a broker, and start it again at once."""
    node = one.rng().choice(NODES)
    scene.site.kafka.kill(node)
    scene.site.bring_back(node)
    return f"node {node}"


def stopped(scene: Scene, one: Planned) -> str:
    """Shut a broker down in good order: it hands its leaderships over. Then start it again."""
    node = one.rng().choice(NODES)
    scene.site.kafka.stop(node)
    scene.site.bring_back(node)
    return f"node {node}"


def leaders_changed(scene: Scene, one: Planned) -> str:
    """Let another replica lead, in every partition there is."""
    turn = one.rng().choice((1, 2))
    with closing(scene.site.kafka.admin()) as admin:
        described = admin.describe_topics(admin.list_topics())
        wanted = {
            TopicPartition(topic["name"], row["partition_index"]): _turned(row["replica_nodes"], turn)
            for topic in described
            for row in topic["partitions"]
        }
        admin.alter_partition_reassignments(wanted)
        wait_for(lambda: _elected(admin, wanted), "the leaders to have changed")
    return f"by {turn}"


def _turned(replicas: list[int], turn: int) -> list[int]:
    return [*replicas[turn:], *replicas[:turn]]


def _elected(admin: KafkaAdminClient, wanted: dict[TopicPartition, list[int]]) -> bool:
    """Ask for the preferred leaders, and tell whether all have them."""
    partitions: dict[str, list[int]] = {}
    for place in wanted:
        partitions.setdefault(place.topic, []).append(place.partition)
    admin.elect_leaders(_PREFERRED, partitions, raise_errors=False)
    leaders = {
        TopicPartition(topic["name"], row["partition_index"]): row["leader_id"]
        for topic in admin.describe_topics(list(partitions))
        for row in topic["partitions"]
    }
    return all(leaders[place] == replicas[0] for place, replicas in wanted.items())


def one_lost(scene: Scene, one: Planned) -> str:
    """Lose one node of three until the others go on without it."""
    node = one.rng().choice(NODES)
    scene.site.kafka.kill(node)
    try:
        wait_for(lambda: _without(scene, node), f"the others to go on without node {node}")
        acknowledged = len(scene.sending.sent.acknowledged)
        wait_for(
            lambda: len(scene.sending.sent.acknowledged) > acknowledged or scene.sending.idle,
            "records to be taken by two nodes",
        )
    finally:
        scene.site.bring_back(node)
    return f"node {node}"


def _without(scene: Scene, node: int) -> bool:
    try:
        partitions = scene.site.describe()[scene.topics.source]
    except KafkaException:
        return False
    return all(node not in partition.isrs and partition.leader != -1 for partition in partitions)


def two_lost(scene: Scene, one: Planned) -> str:
    """Lose two nodes of three: nothing can be written any more. Then start them again."""
    rng = one.rng()
    nodes, seconds = rng.sample(NODES, 2), rng.choice(_AWAY_SECONDS)
    for node in nodes:
        scene.site.kafka.kill(node)
    try:
        time.sleep(seconds)  # how long they are away is part of the fault
    finally:
        scene.site.bring_back(*nodes)
    return f"nodes {nodes[0]} and {nodes[1]} for {seconds:g} s"


def disk_full(scene: Scene, one: Planned) -> str:
    """Fill the disk of a broker until it ends of that; make room, and start it again."""
    node = one.rng().choice(NODES)
    try:
        scene.site.disks.fill(node, scene.site.kafka.service(node))
    finally:
        scene.site.kafka.kill(node)
        scene.site.bring_back(node)
    return f"node {node}"


def row_too_large(scene: Scene, one: Planned) -> str:
    """Let the state topic take no row of state: a worker ends with code 4 and says why. Then let it take them."""
    seen = len(scene.fleet.exits)
    _limit(scene, _TINY)
    try:
        found = wait_for(
            lambda: next((exit_ for exit_ in scene.fleet.exits[seen:] if exit_.code == STALLED), None),
            "a worker to end with code 4 since its rows are too large",
        )
    finally:
        _limit(scene, _LARGE)
    if not found.refusal:
        raise AssertionError(f"{found.worker} ended with code 4 and did not say that a row is too large:\n{found.tail}")
    return f"{found.worker}: {found.refusal}"


def _limit(scene: Scene, size: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, scene.topics.state, incremental_configs=[entry])
    for altered in scene.site.admin.incremental_alter_configs([resource]).values():
        altered.result()


FAULTS: Final[dict[Kind, Callable[[Scene, Planned], str]]] = {
    Kind.BROKER_KILLED: killed,
    Kind.BROKER_STOPPED: stopped,
    Kind.LEADERS_CHANGED: leaders_changed,
    Kind.ONE_NODE_LOST: one_lost,
    Kind.TWO_NODES_LOST: two_lost,
    Kind.DISK_FULL: disk_full,
    Kind.ROW_TOO_LARGE: row_too_large,
}
