"""Every figure by its name: how it is measured, against what, and what it is to reach."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from tests.bench import live, memory, offline, recovery, scraping, soaking
from tests.bench.floor import Floor
from tests.bench.result import Measured, Result, Target
from tests.services.kafka import KafkaCluster
from tests.services.parts import ROOT

#: Python of the environment that `make` makes for the peers.
PEERS: Final = ROOT / ".cache/peers/bin/python"
PER_SECOND: Final = "events/s"
PER_CPU_SECOND: Final = "events/s of processor time"


@dataclass
class Bench:
    """What the figures of one run have in common: a broker, topics full of events, and what was measured already.

    ``parts`` ends what was started.
    """

    folder: Path
    parts: ExitStack
    rounds: int = 5
    events: int = 1_500_000
    soak_seconds: float = 3_600
    tell: Callable[[str], None] = print
    _filled: dict[tuple[Floor, live.Layout], live.Filled] = field(default_factory=dict)
    _ran: dict[tuple[str, int, tuple[str, ...]], list[live.Ran]] = field(default_factory=dict)

    @cached_property
    def kafka(self) -> KafkaCluster:
        """One broker, started for the first figure that needs it."""
        self.tell("starting Kafka")
        return self.parts.enter_context(live.broker(self.folder))

    def filled(self, floor: Floor, layout: live.Layout | None = None) -> live.Filled:
        """A topic with the events of ``floor``."""
        layout = layout or live.Layout()
        if (floor, layout) not in self._filled:
            self.tell(f"writing {floor.count:,} events")
            self._filled[floor, layout] = live.fill(self.kafka, floor, layout)
        return self._filled[floor, layout]

    def runs(
        self, filled: live.Filled, workers: int = 1, rounds: int | None = None, options: tuple[str, ...] = ()
    ) -> Iterator[live.Ran]:
        """Ours, round after round; what was measured before in this run is not measured again."""
        known = self._ran.setdefault((filled.topic, workers, options), [])
        for number in range(rounds or self.rounds):
            if number == len(known):
                self.tell(f"our worker, round {number + 1}")
                known.append(live.run(filled, self.folder, count=workers, options=options))
            yield known[number]

    def anew(self, filled: live.Filled, rounds: int) -> Iterator[live.Ran]:
        """Ours, measured now."""
        for number in range(rounds):
            self.tell(f"our worker on the main events, round {number + 1}")
            yield live.run(filled, self.folder)

    def peer(self, name: str, filled: live.Filled, count: int) -> float:
        """Events a second of the program ``name`` on the first ``count`` events.

        Raises:
            WrongResultError: it counted something else.
        """
        python = PEERS if name in {"quix", "wax"} else sys.executable
        command = [str(python), "-m", f"tests.bench.peers.{name}", filled.kafka.bootstrap, filled.topic, str(count)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        if ran.returncode:
            raise live.WrongResultError(f"{name} ended with code {ran.returncode}: {ran.stderr[-2_000:]}")
        document = json.loads(ran.stdout.splitlines()[-1])
        whole = count == filled.floor.count
        sums = {"events": count} | ({"microseconds": filled.floor.waited_us()} if whole and name != "fetch" else {})
        for what, due in sums.items():
            if document[what] < due if name == "fetch" else document[what] != due:
                raise live.WrongResultError(f"{name}: {what}: due {due}, found {document[what]}")
        return float(document["events"] / document["seconds"])


def main_floor(bench: Bench) -> Floor:
    """What the main figures are measured on."""
    return Floor(bench.events)


def long_floor(bench: Bench) -> Floor:
    """For what needs time to show, with so many services that 20,000 samples are exposed."""
    return Floor(4 * bench.events, services=58)


#: Most measurements of each hard case, none of which comes near to what it is to reach at least.
_FEW_ROUNDS: Final = 3


def _against(name: str, peer: str, least: float, peer_events: int | None = None) -> Callable[[Bench], Result]:
    """Ours against a program that reads the same topic, or the beginning of it as a topic of its own."""

    def measure(bench: Bench) -> Result:
        filled = bench.filled(main_floor(bench))
        other = filled if peer_events is None else bench.filled(Floor(peer_events))
        ours, peers = [], []
        for number, ran in enumerate(bench.runs(filled)):
            ours.append(ran.per_second)
            bench.tell(f"{peer}, round {number + 1}")
            peers.append(bench.peer(peer, other, other.floor.count))
        return Result(name, Measured(ours, PER_SECOND), Measured(peers, PER_SECOND), Target(least=least))

    return measure


def _variant(
    name: str,
    least: float,
    change: Callable[[Bench], live.Filled],
    against: Callable[[Bench], live.Filled] = lambda bench: bench.filled(main_floor(bench)),
    most_rounds: int | None = _FEW_ROUNDS,
) -> Callable[[Bench], Result]:
    """Ours on other events, or another topic, against ours on the main ones."""

    def measure(bench: Bench) -> Result:
        other, filled, rounds = change(bench), against(bench), min(most_rounds or bench.rounds, bench.rounds)
        # The main figure is measured beside it, whatever was measured before: machines are not always equally fast.
        pairs = zip(bench.runs(other, rounds=rounds), bench.anew(filled, rounds=rounds), strict=True)
        ours, main = zip(*((a.per_second, b.per_second) for a, b in pairs), strict=True)
        return Result(name, Measured(ours, PER_SECOND), Measured(main, PER_SECOND), Target(least=least))

    return measure


def _two_workers(bench: Bench) -> Result:
    """Little lateness is allowed: the second worker begins with folding again what lies within it.

    The first worker learns of the second with its next heartbeat, and reads alone until then: hence so many events, and
    heartbeats that follow each other sooner.
    """
    filled, little = bench.filled(long_floor(bench)), ("--lateness", "1s", "--heartbeat", "300ms")
    pairs = zip(bench.runs(filled, workers=2, options=little), bench.runs(filled, options=little), strict=True)
    two, one = zip(*((a.per_cpu_second, b.per_cpu_second) for a, b in pairs), strict=True)
    return Result("two_workers", Measured(two, PER_CPU_SECOND), Measured(one, PER_CPU_SECOND), Target(least=0.9))


def _startup(bench: Bench) -> Result:
    def seconds(command: list[str]) -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=bench.folder)
        return time.perf_counter() - began

    slm = str(Path(sys.executable).with_name("slm"))
    shown = subprocess.run([slm, "--help"], check=True, capture_output=True, text=True).stdout
    if "replay" not in shown:
        raise live.WrongResultError(f"slm --help shows {shown!r}")
    pairs = [(seconds([slm, "--help"]), seconds([sys.executable, "-c", "pass"])) for _ in range(4 * bench.rounds)]
    ours, bare = zip(*pairs, strict=True)
    return Result("startup", Measured(ours, "s"), Measured(bare, "s"), Target(most=6))


FIGURES: Final[dict[str, Callable[[Bench], Result]]] = {
    "startup": _startup,
    "replay_vs_parse": lambda bench: offline.replay_vs_parse(bench.folder, bench.events, bench.rounds, bench.tell),
    "live_vs_fetch_limit": _against("live_vs_fetch_limit", "fetch", 0.55),
    "live_vs_stock_faust": _against("live_vs_stock_faust", "stock_faust", 15, 50_000),
    "live_vs_quix": _against("live_vs_quix", "quix", 5, 100_000),
    "live_vs_bytewax": _against("live_vs_bytewax", "wax", 5, 100_000),
    # More events than elsewhere: what a worker does once for each series is not what is measured.
    "many_series": _variant(
        "many_series",
        0.8,
        lambda bench: bench.filled(Floor(3 * bench.events, services=2_000)),
        lambda bench: bench.filled(Floor(3 * bench.events)),
        most_rounds=None,
    ),
    "two_workers": _two_workers,
    "scrape_pause": lambda bench: scraping.scrape_pause(bench.filled(long_floor(bench)), bench),
    "freshness": scraping.freshness,
    "recovery": recovery.measure,
    "memory_per_series": lambda bench: memory.measure(bench.folder, bench.tell),
    "one_partition": _variant(
        "one_partition", 0.5, lambda bench: bench.filled(main_floor(bench), live.Layout(partitions=1))
    ),
    "batches_of_100": _variant(
        "batches_of_100", 0.5, lambda bench: bench.filled(main_floor(bench), live.Layout(batch=100))
    ),
    "batches_of_50000": _variant(
        "batches_of_50000", 0.5, lambda bench: bench.filled(main_floor(bench), live.Layout(batch=50_000))
    ),
    "all_cases": _variant("all_cases", 0.5, lambda bench: bench.filled(Floor(bench.events, cases=True))),
    "one_busy_service": _variant("one_busy_service", 0.5, lambda bench: bench.filled(Floor(bench.events, busiest=0.9))),
    "all_with_ids": _variant("all_with_ids", 0.75, lambda bench: bench.filled(Floor(bench.events, ids=True))),
    "malformed": _variant(
        "malformed",
        0.667,
        lambda bench: bench.filled(Floor(bench.events, malformed=0.1)),
        most_rounds=None,
    ),
}
#: Measured only when asked for by name.
ONLY_ASKED_FOR: Final[dict[str, Callable[[Bench], Result]]] = {
    "growth": lambda bench: memory.growth(bench.folder, bench.tell),
    "soak": soaking.measure,
}
