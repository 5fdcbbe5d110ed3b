"""How long a new worker takes until it is ready, against reading the same state with aiokafka."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.bench import live
from tests.bench.floor import Floor
from tests.bench.result import Measured, Result, Target
from tests.services.parts import ROOT
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from tests.bench.figures import Bench

_SECONDS: Final = 7 * 86_400
#: Events a second: each of two thousand steps has one every five minutes.
_RATE: Final = 7


def measure(bench: Bench) -> Result:
    """Ten thousand series, seven days of slices, nothing left to read behind them."""
    # Four ratios, sums and a distribution a step: two thousand steps.
    events = _SECONDS * _RATE
    floor = Floor(events, services=400, rate=_RATE)
    filled = bench.filled(floor, live.Layout(partitions=2))
    ours, read = [], []
    with live.workers(filled, bench.folder) as (worker,):
        bench.tell("a first worker makes seven days of state")
        wait_for(lambda: _at_rest(worker.status(), events), "the first worker to be done", seconds=900)
        state = f"{worker.group}-state"
        for number in range(bench.rounds):
            bench.tell(f"recovery, round {number + 1}")
            worker.end(signal.SIGTERM, seconds=30)
            began = time.perf_counter()
            worker.service.start()
            wait_for(worker.ready, "the worker to be ready", seconds=300)
            ours.append(time.perf_counter() - began)
            read.append(_read(bench, state))
        live.check([worker], floor)
    return Result("recovery", Measured(ours, "s"), Measured(read, "s"), Target(most=3))


def _at_rest(status: dict[str, object], events: int) -> bool:
    rows: list[dict[str, int]] = status.get("partitions", [])  # type: ignore[assignment]
    return (
        bool(rows)
        and sum(row["saved_offset"] or 0 for row in rows) >= events - 50_000
        and not any(row["lag"] for row in rows)
    )


def _read(bench: Bench, topic: str) -> float:
    command = [sys.executable, "-m", "tests.bench.peers.whole", bench.kafka.bootstrap, topic]
    began = time.perf_counter()
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - began
    if json.loads(shown)["bytes"] < 1_000_000:
        raise live.WrongResultError(f"there is hardly any state: {shown}")
    return seconds
