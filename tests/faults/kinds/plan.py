"""What a run does, decided beforehand: a function of the seed alone.

Faults come in three lanes side by side: on the brokers, on the first worker, which reaches them through the proxy, and
on the others. Within a lane one begins when the one before it is over and so many events have been sent. The kinds of
each lane go round from seed to seed, so that a few runs in a row have them all.
"""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass
from typing import Final, Self

from tests.faults.parts.proxy import Cut


class Lane(enum.StrEnum):
    """Who suffers."""

    BROKERS = "brokers"
    FIRST = "first worker"
    OTHERS = "other workers"


class Kind(enum.StrEnum):
    """What happens."""

    BROKER_KILLED = "broker-killed"
    BROKER_STOPPED = "broker-stopped"
    LEADERS_CHANGED = "leaders-changed"
    ONE_NODE_LOST = "one-node-lost"
    TWO_NODES_LOST = "two-nodes-lost"
    DISK_FULL = "disk-full"
    ROW_TOO_LARGE = "row-too-large"
    WORKER_KILLED = "worker-killed"
    WORKER_ENDED = "worker-ended"
    WORKER_FROZEN = "worker-frozen"
    KILLED_IN_RECOVERY = "killed-in-recovery"
    KILLED_IN_TRANSACTION = "killed-in-transaction"
    CLOCK_OFF = "clock-off"
    NETWORK_REFUSED = f"network-{Cut.REFUSED}"
    NETWORK_SILENT = f"network-{Cut.SILENT}"
    NETWORK_ANSWERS_LOST = f"network-{Cut.ANSWERS_LOST}"
    WORKER_JOINS = "worker-joins"
    WORKER_LEAVES = "worker-leaves"
    STORM = "storm"


_ALONE: Final = (
    Kind.WORKER_KILLED,
    Kind.WORKER_ENDED,
    Kind.WORKER_FROZEN,
    Kind.KILLED_IN_RECOVERY,
    Kind.KILLED_IN_TRANSACTION,
    Kind.CLOCK_OFF,
)
KINDS: Final = {
    Lane.BROKERS: (
        Kind.BROKER_KILLED,
        Kind.LEADERS_CHANGED,
        Kind.DISK_FULL,
        Kind.ONE_NODE_LOST,
        Kind.ROW_TOO_LARGE,
        Kind.BROKER_STOPPED,
        Kind.TWO_NODES_LOST,
    ),
    Lane.FIRST: (*_ALONE, Kind.NETWORK_REFUSED, Kind.NETWORK_SILENT, Kind.NETWORK_ANSWERS_LOST),
    Lane.OTHERS: (*_ALONE, Kind.WORKER_JOINS, Kind.WORKER_LEAVES, Kind.STORM),
}
_FIRST_AT, _LAST_AT = 0.05, 0.85


@dataclass(frozen=True)
class Planned:
    """One fault: its kind, and the share of all events that have been sent when it may begin.

    ``chance`` seeds whatever else there is to choose.
    """

    lane: Lane
    kind: Kind
    at: float
    chance: int

    def rng(self) -> random.Random:
        """Chance, the same for the same seed."""
        return random.Random(self.chance)


@dataclass(frozen=True)
class Plan:
    """One run. ``tick`` is the interval of ticks, ``batch`` the most records that a worker folds in one go."""

    seed: int
    events: int
    workers: int
    tick: str
    batch: int
    faults: tuple[Planned, ...]

    @classmethod
    def of(cls, seed: int, events: int, faults: int) -> Self:
        """The plan of ``seed``, with so many events and faults."""
        rng = random.Random(f"plan {seed}")
        on_brokers = max(1, round(faults * 0.3)) if faults else 0
        on_others = (faults - on_brokers) // 2
        shares = {Lane.BROKERS: on_brokers, Lane.FIRST: faults - on_brokers - on_others, Lane.OTHERS: on_others}
        planned = [one for lane, count in shares.items() for one in _lane(rng, lane, seed, count)]
        return cls(
            seed,
            events,
            workers=rng.choice((2, 3)),
            tick=rng.choice(("2s", "10s")),
            batch=rng.choice((300, 2_000, 10_000)),
            faults=tuple(sorted(planned, key=lambda one: one.at)),
        )

    def lane(self, lane: Lane) -> list[Planned]:
        """The faults of ``lane`` in their order."""
        return [one for one in self.faults if one.lane is lane]


def _lane(rng: random.Random, lane: Lane, seed: int, count: int) -> list[Planned]:
    kinds = [KINDS[lane][(seed * count + number) % len(KINDS[lane])] for number in range(count)]
    rng.shuffle(kinds)
    gap = (_LAST_AT - _FIRST_AT) / max(1, count)
    moments = [_FIRST_AT + (number + rng.random()) * gap for number in range(count)]
    return [Planned(lane, kind, at, rng.getrandbits(32)) for kind, at in zip(kinds, moments, strict=True)]
