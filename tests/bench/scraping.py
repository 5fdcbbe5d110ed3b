"""What scraping costs, and how soon an event shows in what is scraped."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer

from tests.bench import live
from tests.bench.floor import Floor
from tests.bench.result import Measured, Result, Target
from tests.services.loopback import fetch
from tests.services.parts import ROOT
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.figures import Bench
    from tests.services.worker import Worker

_SCRAPE_SECONDS: Final = 5.0
_SAMPLES: Final = 20_000
_MARKS: Final = 120
#: Those while the load begins, which finds everything cold, do not count.
_COLD_MARKS: Final = 10
#: Share of the wanted rate that is good enough.
_KEPT_UP: Final = 0.95


def scrape_pause(filled: live.Filled, bench: Bench) -> Result:
    """Events a second while somebody scrapes every five seconds, against nobody."""
    seen: list[int] = []
    scraped, alone = [], []
    for number in range(bench.rounds):
        bench.tell(f"with and without scraping, round {number + 1}")
        scraped.append(live.run(filled, bench.folder, beside=_scraping(seen)).per_second)
        alone.append(live.run(filled, bench.folder).per_second)
    if len(seen) < bench.rounds or min(seen) < _SAMPLES:
        raise live.WrongResultError(f"{_SAMPLES} samples were to be scraped in each round, it was: {seen}")
    more = {"samples": max(seen), "scrapes": len(seen)}
    return Result("scrape_pause", Measured(scraped, "events/s"), Measured(alone, "events/s"), Target(least=0.9), more)


def _scraping(seen: list[int]) -> Callable[[list[Worker]], None]:
    """Scrapes when it is due, first half an interval after it is called first; ``seen`` gets the numbers of samples."""
    due: float | None = None

    def scrape(workers: list[Worker]) -> None:
        nonlocal due
        now = time.monotonic()
        if due is None:
            due = now + _SCRAPE_SECONDS / 2
        if now < due:
            return
        due += _SCRAPE_SECONDS
        seen.append(sum(not line.startswith(b"#") for line in fetch(f"{workers[0].url}/metrics").splitlines()))

    return scrape


def freshness(bench: Bench) -> Result:
    """99th percentile of the time from sending an event until it shows, at half of what a worker takes."""
    most = statistics.median(ran.per_second for ran in bench.runs(bench.filled(Floor(bench.events)), rounds=3))
    rate = most / 2
    empty = live.fill(bench.kafka, Floor(1_000), live.Layout())
    with live.workers(empty, bench.folder) as (worker,):
        worker.wait_until_ready(partitions=empty.partitions)
        bench.tell(f"{rate:,.0f} events a second")
        with _load(bench.kafka.bootstrap, empty.topic, rate):
            delays = _delays(bench.kafka.bootstrap, empty.topic, worker)
    percentile = statistics.quantiles(delays, n=100)[98]
    more = {"rate": round(rate), "median_seconds": round(statistics.median(delays), 3)}
    return Result("freshness", Measured([percentile], "s"), Measured([1.0], "s"), Target(most=1.5), more)


@contextmanager
def _load(broker: str, topic: str, rate: float) -> Iterator[None]:
    """A process beside this one that sends so many events a second. Raises `WrongResultError` if it cannot."""
    command = [sys.executable, "-m", "tests.bench.sending", broker, topic, str(rate)]
    sending = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield
        shown, _ = sending.communicate("", timeout=60)
    finally:
        sending.kill()
        sending.wait()
    found = json.loads(shown)
    if found["sent"] < _KEPT_UP * rate * found["seconds"]:
        raise live.WrongResultError(f"{rate:,.0f} events a second were to be sent: {found}")


def _delays(broker: str, topic: str, worker: Worker) -> list[float]:
    """Seconds from sending an event that can be told from all others until it shows, one after the other."""
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 0})
    delays = []
    for number in range(_COLD_MARKS + _MARKS):
        sent = time.monotonic()
        text = b'{"time":%.3f,"service":"service-0000","step":"mark","duration":0.001}' % time.time()
        producer.produce(topic, text, b"service-0000")
        producer.flush(30)
        wait_for(partial(_shows, worker, number + 1), "the event to show", seconds=30)
        delays.append(time.monotonic() - sent)
    return delays[_COLD_MARKS:]


def _shows(worker: Worker, number: int) -> bool:
    return _marks(worker) >= number


def _marks(worker: Worker) -> int:
    start = b'slm_interactions_total{outcome="ok",service="service-0000",step="mark"} '
    _, found, rest = worker.answer("/metrics")[1].partition(b"\n" + start)  # not line by line: many are asked for
    return int(float(rest.partition(b"\n")[0])) if found else 0
