"""Rekeyers and brokers that crash, freeze, leave and join: nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import defaultdict
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.real_parts.rekey.world import SMALL, World, check, make_world, mixed, send
from tests.services.kafka import KafkaCluster
from tests.services.parts import require
from tests.services.process import Service
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Storm:
    """Faults at rekeyers, chosen by a seed: crashes, freezes beyond the session timeout, comings and goings.

    Args:
        world: whose rekeyers are meant.
        seed: of the choices.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self._frozen: dict[Service, float] = {}
        self.running = [world.start(**SMALL) for _ in range(2)]
        self.faults: dict[str, int] = defaultdict(int)

    def strike(self) -> None:
        """One fault; most often after the one before was overcome, at times in the midst of it."""
        if self._chance.random() < 0.7:
            self._wait_for_progress()
        awake = [one for one in self.running if one not in self._frozen]
        choice = self._chance.choice(["kill", "kill", "freeze", "leave", "join"])
        if not awake or len(self.running) < 2:
            choice = "join"
        elif len(self.running) > 3:
            choice = "kill"
        self.faults[choice] += 1
        self._do(choice, self._chance.choice(awake or self.running or [None]))

    def _do(self, choice: str, victim: Service | None) -> None:
        if choice == "join" or victim is None:
            self.running.append(self._world.start(**SMALL))
        elif choice == "freeze":
            os.kill(victim.pid, signal.SIGSTOP)
            self._frozen[victim] = time.monotonic()
        else:
            self.running.remove(victim)
            victim.kill() if choice == "kill" else victim.terminate(grace=15)

    def _wait_for_progress(self) -> None:
        before = self._world.offsets()

        def moved() -> bool:
            self._thaw()
            return self._world.offsets() != before

        if self.running:
            wait_for(moved, "the rekeyers to get on", seconds=60)

    def _thaw(self, *, all_of_them: bool = False) -> None:
        """Let those go on that were frozen for longer than the session timeout: now others have their partitions."""
        for victim, since in list(self._frozen.items()):
            if all_of_them or time.monotonic() - since > 4.0:
                del self._frozen[victim]
                os.kill(victim.pid, signal.SIGCONT)

    def end(self) -> None:
        """Let everybody go on who is still there."""
        self._thaw(all_of_them=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1])
def test_rekeyers_that_crash_freeze_and_come_and_go_pass_everything_once(
    world: Callable[..., World], seed: int
) -> None:
    here = world(4, 2)
    send(here.kafka, here.sources[0], mixed(4_000))
    storm = Storm(here, seed)
    sent = 4_000
    while sent < 50_000:
        send(here.kafka, here.sources[sent % 2], mixed(1_001, first=sent))
        sent += 1_001
        storm.strike()
    storm.end()
    last = here.start()
    here.wait_until_done(last, *storm.running)
    assert check(here) > 45_000
    print(dict(storm.faults))


def test_a_broker_that_goes_is_waited_for(tmp_path: Path) -> None:
    require("kafka")
    with KafkaCluster(tmp_path) as kafka, ExitStack() as stack:
        here = make_world(kafka, tmp_path, stack, 2)
        send(kafka, here.sources[0], mixed(1_000))
        rekeyer = here.start(**SMALL)
        wait_for(here.offsets, "rekeying to begin")
        kafka.kill()
        wait_for(lambda: "Rekeying waits" in rekeyer.tail(200), "the line about the broker", seconds=60)
        kafka.start()
        send(kafka, here.sources[0], mixed(1_000, first=1_000))
        here.wait_until_done(rekeyer)
        assert "last_error=None" in rekeyer.tail(1)
        kafka.kill()
        began = time.monotonic()
        rekeyer.terminate(grace=20)
        print(f"ended in {time.monotonic() - began:.1f} s")
        assert rekeyer._started().returncode == 0
        kafka.start()
        assert check(here) == 2_000 - 8


@pytest.mark.timeout(300)
@pytest.mark.parametrize("nodes", [1, 3], ids=["one node", "two nodes of three"])
def test_brokers_that_crash_in_the_midst_of_transactions_lose_and_double_nothing(tmp_path: Path, nodes: int) -> None:
    require("kafka")
    with KafkaCluster(tmp_path, nodes=nodes) as kafka, ExitStack() as stack:
        here = make_world(kafka, tmp_path, stack, 3)
        rekeyers = [here.start(**SMALL) for _ in range(2)]
        for turn in range(4):
            send(kafka, here.sources[0], mixed(3_000, first=3_000 * turn))
            before = here.offsets()
            wait_for(lambda before=before: here.offsets() != before, "rekeying to get on", seconds=90)  # type: ignore[misc]
            down = kafka.nodes if nodes == 1 else [1 + turn % 3, 1 + (turn + 1) % 3]
            for node in down:
                kafka.kill(node)
            for node in down:
                kafka.start(node)
        here.wait_until_done(*rekeyers, seconds=150)
        assert check(here) == 12_000 - 48
