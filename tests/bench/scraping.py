"""What scraping costs, and how soon an event shows in what is scraped."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer

from tests.bench import live
from tests.bench.floor import Floor
from tests.bench.result import Measured, Result, Target
from tests.services.loopback import fetch
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from tests.bench.figures import Bench
    from tests.services.worker import Worker

_SCRAPE_SECONDS: Final = 5.0
_SAMPLES: Final = 20_000
#: How often the exposition is looked at while waiting for an event to show.
_LOOK_SECONDS: Final = 0.02
_MARKS: Final = 120


def scrape_pause(filled: live.Filled, bench: Bench) -> Result:
    """Events a second while somebody scrapes every five seconds, against nobody."""
    seen: list[int] = []
    due = [0.0]

    def scrape(workers: list[Worker]) -> None:
        if time.monotonic() < due[0]:
            return
        due[0] = time.monotonic() + _SCRAPE_SECONDS
        with suppress(OSError):
            seen.append(sum(not line.startswith(b"#") for line in fetch(f"{workers[0].url}/metrics").splitlines()))

    scraped, alone = [], []
    for number in range(bench.rounds):
        bench.tell(f"with and without scraping, round {number + 1}")
        scraped.append(live.run(filled, bench.folder, beside=scrape).per_second)
        alone.append(live.run(filled, bench.folder).per_second)
    if max(seen) < _SAMPLES:
        raise live.WrongResultError(f"only {max(seen)} samples were scraped")
    more = {"samples": max(seen)}
    return Result("scrape_pause", Measured(scraped, "events/s"), Measured(alone, "events/s"), Target(least=0.9), more)


def freshness(bench: Bench) -> Result:
    """99th percentile of the time from sending an event until it shows, at half of what a worker takes."""
    most = statistics.median(ran.per_second for ran in bench.runs(bench.filled(Floor(bench.events)), rounds=3))
    rate = most / 2
    empty = live.fill(bench.kafka, Floor(1_000))
    delays: list[float] = []
    with live.workers(empty, bench.folder) as (worker,):
        worker.wait_until_ready(partitions=empty.partitions)
        producer = Producer({"bootstrap.servers": bench.kafka.bootstrap, "compression.type": "lz4", "linger.ms": 5})
        sending = _Sending(producer, empty.topic, rate)
        bench.tell(f"{rate:,.0f} events a second")
        for number in range(_MARKS):
            sent = sending.mark()
            wait_for(partial(_shows, sending, worker, number + 1), "the event to show", seconds=30)
            delays.append(time.monotonic() - sent)
        producer.flush(30)
    percentile = statistics.quantiles(delays, n=100)[98]
    more = {"rate": round(rate), "median_seconds": round(statistics.median(delays), 3), "sent": sending.count}
    return Result("freshness", Measured([percentile], "s"), Measured([1.0], "s"), Target(most=1.5), more)


class _Sending:
    """Sends events of the present at a rate, between other things."""

    def __init__(self, producer: Producer, topic: str, rate: float) -> None:
        self._producer, self._topic, self._rate = producer, topic, rate
        self._rows = list(Floor(20_000).rows(0))
        self._began = time.monotonic()
        self.count = 0

    def go_on(self) -> None:
        """Send what is due by now."""
        due = int((time.monotonic() - self._began) * self._rate)
        now = b'{"time":%.3f,' % time.time()
        for number in range(self.count, due):
            row = self._rows[number % len(self._rows)]
            self._put(now + row.value.partition(b",")[2], row.key)
        self.count = max(due, self.count)
        time.sleep(_LOOK_SECONDS)  # the interval of the measurement

    def mark(self) -> float:
        """Send an event that can be told from the others, and say when."""
        self.go_on()
        text = b'{"time":%.3f,"service":"service-0000","step":"mark","duration":0.001}' % time.time()
        self._put(text, b"service-0000")
        return time.monotonic()

    def _put(self, value: bytes, key: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key)
            except BufferError:
                self._producer.poll(0.01)
            else:
                self._producer.poll(0)
                return


def _shows(sending: _Sending, worker: Worker, number: int) -> bool:
    """Whether so many marks show, while events go on."""
    sending.go_on()
    return _marks(worker) >= number


def _marks(worker: Worker) -> int:
    start = b'slm_interactions_total{service="service-0000",step="mark",outcome="ok"} '
    for line in worker.answer("/metrics")[1].splitlines():
        if line.startswith(start):
            return int(float(line[len(start) :]))
    return 0
