"""Faults of workers, and of the network between one and the brokers. Each undoes what it did before it returns."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # as its documentation has it

from tests.faults.kinds.plan import Kind, Planned
from tests.faults.kinds.scene import Scene, wait_until_answers
from tests.faults.log.promises import PARTITIONS
from tests.faults.parts.fleet import SESSION_SECONDS, wait_patiently
from tests.faults.parts.proxy import Cut
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.parts.fleet import Slot

#: How long after its session timed out a frozen or cut-off worker is let go at the latest: in the midst of it all, or
#: when others have taken over, as long as that does not take too long.
_LATEST_SECONDS: Final = (0.5, 4.0)
_WATCH_SECONDS: Final = 10
_MOST_WORKERS: Final = 4
_STORM: Final = 5


def killed(scene: Scene, one: Planned) -> str:
    """SIGKILL at any moment."""
    slot = scene.slot(one.lane, one.rng())
    wait_until_answers(slot)
    _kill(slot)
    return slot.name


def ended(scene: Scene, one: Planned) -> str:
    """SIGTERM; the worker has ten seconds to end with code 0, and is started again."""
    slot = scene.slot(one.lane, one.rng())
    wait_until_answers(slot)
    began = time.monotonic()
    scene.fleet.end(slot)
    return f"{slot.name} within {time.monotonic() - began:.1f} s"


def frozen(scene: Scene, one: Planned) -> str:
    """SIGSTOP for longer than the session timeout, until others have taken over, then SIGCONT."""
    slot = scene.slot(one.lane, one.rng())
    wait_until_answers(slot)
    if not slot.send(signal.SIGSTOP):
        return f"{slot.name} had ended"
    try:
        taken_over = _until_taken_over(scene, one, slot)
    finally:
        slot.send(signal.SIGCONT)
    return f"{slot.name}, {taken_over}"


def _until_taken_over(scene: Scene, one: Planned, slot: Slot) -> str:
    began = time.monotonic()
    least = began + SESSION_SECONDS
    longest = SESSION_SECONDS + one.rng().choice(_LATEST_SECONDS)

    def over() -> bool:
        return time.monotonic() > least and scene.fleet.owned(besides=slot) >= PARTITIONS

    try:
        wait_patiently(over, "others to take over", seconds=longest)
    except TimeoutError:
        return "nobody took over meanwhile"
    return f"taken over after {time.monotonic() - began:.1f} s"


def cut_off(how: Cut, scene: Scene, one: Planned) -> str:
    """Cut the network between the worker behind the proxy and all brokers, until others have taken over."""
    slot = scene.fleet.slots[0]
    assert slot.proxied
    wait_until_answers(slot)
    scene.site.proxy.cut(how)
    try:
        return _until_taken_over(scene, one, slot)
    finally:
        scene.site.proxy.heal()


def killed_in_recovery(scene: Scene, one: Planned) -> str:
    """SIGKILL one worker, and then whoever recovers its partitions, while it does."""
    slot = scene.slot(one.lane, one.rng())
    wait_until_answers(slot)
    _kill(slot)
    victim = _soon(lambda: next(filter(_recovers, scene.fleet.wanted), None))
    if victim is None:
        return f"{slot.name}; no recovery was seen"
    _kill(victim)
    return f"{slot.name}, then {victim.name} while it recovered"


def _recovers(slot: Slot) -> bool:
    return slot.readiness().get("state") == "recovering"


def killed_in_transaction(scene: Scene, one: Planned) -> str:
    """SIGKILL a worker whose transaction is open at the brokers."""
    owners: dict[int, Slot] = {}
    asked_at = 0.0

    def caught() -> Slot | None:
        nonlocal owners, asked_at
        if time.monotonic() - asked_at > 1:
            owners, asked_at = _owners(scene), time.monotonic()
        return next((owners[number] for number in _in_transaction(scene) if number in owners), None)

    victim = _soon(caught)
    if victim is None:
        return "no open transaction was seen"
    _kill(victim)
    return victim.name


def _in_transaction(scene: Scene) -> list[int]:
    """Source partitions of which rows of state are written that are not committed yet."""
    places = [TopicPartition(scene.topics.state, number) for number in range(PARTITIONS)]
    try:
        committed = _ends(scene, places, IsolationLevel.READ_COMMITTED)
        written = _ends(scene, places, IsolationLevel.READ_UNCOMMITTED)
    except KafkaException:
        return []
    return [number for number, end in committed.items() if end < written[number]]


def _ends(scene: Scene, places: list[TopicPartition], level: IsolationLevel) -> dict[int, int]:
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    found = scene.site.admin.list_offsets(dict.fromkeys(places, latest), isolation_level=level, request_timeout=2)
    return {place.partition: answer.result().offset for place, answer in found.items()}


def _owners(scene: Scene) -> dict[int, Slot]:
    return {row["partition"]: slot for slot in scene.fleet.wanted for row in slot.status().get("partitions", ())}


def clock_off(scene: Scene, one: Planned) -> str:
    """Start a worker again with a clock that is an hour off, ahead or behind; it stays so until it is killed."""
    rng = one.rng()
    slot = scene.slot(one.lane, rng)
    hours = rng.choice((-1, 1)) if slot.clock_is_right else 0
    wait_until_answers(slot)
    slot.shift_clock(hours)
    _kill(slot)
    wait_until_answers(slot)
    return f"{slot.name} by {hours:+} h"


def joins(scene: Scene, one: Planned) -> str:
    """A further worker, or one that had left before."""
    away = [slot for slot in scene.fleet.slots if not slot.wanted]
    if away:
        slot = one.rng().choice(away)
        slot.start()
    elif len(scene.fleet.slots) >= _MOST_WORKERS:
        return "there are enough"
    else:
        slot = scene.fleet.add()
    wait_until_answers(slot)
    return slot.name


def leaves(scene: Scene, one: Planned) -> str:
    """A worker ends in good order and stays away; one takes its place where only the first would be left."""
    if len(scene.fleet.wanted) <= 2:
        joins(scene, one)
    slot = scene.slot(one.lane, one.rng())
    wait_until_answers(slot)
    scene.fleet.end(slot, for_good=True)
    return slot.name


def storm(scene: Scene, one: Planned) -> str:
    """Workers come, go and crash, the next before the group has settled."""
    rng = one.rng()
    told = []
    for _ in range(_STORM):
        act = rng.choice((joins, leaves, killed))
        told.append(f"{act.__name__} {act(scene, Planned(one.lane, one.kind, one.at, rng.getrandbits(32)))}")
    return ", ".join(told)


def _kill(slot: Slot) -> None:
    """SIGKILL, and wait until the next process runs."""
    pid = slot.pid if slot.running else 0
    slot.send(signal.SIGKILL)
    wait_for(lambda: slot.running and slot.pid != pid, f"{slot.name} to be started again")


def _soon(look: Callable[[], Slot | None]) -> Slot | None:
    """The first worker that ``look`` finds, asked without pause; None when it finds none for some time."""
    deadline = time.monotonic() + _WATCH_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
    return None


FAULTS: Final[dict[Kind, Callable[[Scene, Planned], str]]] = {
    Kind.WORKER_KILLED: killed,
    Kind.WORKER_ENDED: ended,
    Kind.WORKER_FROZEN: frozen,
    Kind.KILLED_IN_RECOVERY: killed_in_recovery,
    Kind.KILLED_IN_TRANSACTION: killed_in_transaction,
    Kind.CLOCK_OFF: clock_off,
    Kind.NETWORK_REFUSED: partial(cut_off, Cut.REFUSED),
    Kind.NETWORK_SILENT: partial(cut_off, Cut.SILENT),
    Kind.NETWORK_ANSWERS_LOST: partial(cut_off, Cut.ANSWERS_LOST),
    Kind.WORKER_JOINS: joins,
    Kind.WORKER_LEAVES: leaves,
    Kind.STORM: storm,
}
