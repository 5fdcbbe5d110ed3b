"""p95 twice: exactly, by the monitor, and by Prometheus from the histogram. Both lie in the same bucket.

The demonstration's simulated floor goes through the real engine and the real exposition. It is scraped at two moments
five minutes apart, both at the end of a slice, so that what the histogram has gained is what the window holds.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import defaultdict
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from itertools import takewhile
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.web import exposition
from dashboards import generate
from streams import conventions
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.simulator.floor import events
from streams.simulator.trades import STEPS
from streams.slices.histogram import DEFAULT_BOUNDS_US
from streams.standards.load import load
from tests.fakes import floor
from tests.services.parts import require
from tests.services.prometheus import Prometheus, scraping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


START_MS = 1_763_900_000_000  # the start of a slice
FIVE_MINUTES_MS = 300_000
STANDARDS = load((files("streams.packs") / "demo.yaml").read_text("utf-8"), file="demo.yaml")
BOUNDS = [us / 1_000_000 for us in DEFAULT_BOUNDS_US]
EXPRESSIONS = {panel["id"]: panel.get("targets", []) for panel in generate.dashboards()[0][1]["panels"]}

Place = tuple[str, str]
PLACES = {(step.service, step.name) for step in STEPS}
every_place = pytest.mark.parametrize("place", sorted(PLACES), ids=" ".join)


@cache
def pages() -> tuple[str, str]:
    """What the worker exposes five minutes after the start of the floor, and five minutes later."""
    engine = Engine(Start("service-events-demo", 0, STANDARDS))
    emissions = events(1, START_MS)
    found = []
    for end_ms in (START_MS + FIVE_MINUTES_MS, START_MS + 2 * FIVE_MINUTES_MS):
        due = list(takewhile(lambda one: one.at_ms < end_ms, emissions))  # noqa: B023 - used up at once
        values, stamps = [one.value for one in due], [one.at_ms for one in due]
        engine.fold(Batch.of("service-events-demo", 0, values, engine.expected or 0, stamps))
        engine.advance()
        found.append(exposition.render(floor.OnePartition(engine, STANDARDS), None)[0].decode())
    return found[0], found[1]


def buckets(page: str) -> dict[Place, dict[float, float]]:
    """Cumulative counts by upper bound in seconds, of every step."""
    found: dict[Place, dict[float, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == f"{conventions.RESPONSE_TIME.name}_bucket":
                place = sample.labels["service"], sample.labels["step"]
                found[place][float(sample.labels["le"])] = sample.value
    return found


def exact_p95(page: str, window: str) -> dict[Place, float]:
    """What the monitor says, of every step."""
    return {
        (sample.labels["service"], sample.labels["step"]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == conventions.QUANTILES[95].name and sample.labels["window"] == window
    }


def histogram_quantile(q: float, cumulative: Mapping[float, float]) -> float:
    """As Prometheus documents it for classic histograms: the rank's bucket, interpolated linearly from its lower bound.

    The lowest bucket begins at 0; what lies in the highest, +Inf, is taken for the highest finite bound.
    """
    rank = q * cumulative[math.inf]
    lower = below = 0.0
    for bound, count in sorted(cumulative.items()):
        if count >= rank:
            return lower if bound == math.inf else lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    raise AssertionError("+Inf has them all")


def gained() -> dict[Place, dict[float, float]]:
    """What the histogram gained from the first scrape to the second."""
    earlier, later = (buckets(page) for page in pages())
    return {place: {le: count - earlier[place][le] for le, count in later[place].items()} for place in later}


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        pytest.param(0.5, 1.5, id="half of the second bucket"),
        pytest.param(0.25, 1.0, id="all of the first bucket"),
        pytest.param(0.1, 0.4, id="the first bucket begins at 0"),
        pytest.param(0.9, 2.0, id="beyond the last bound it is that bound"),
    ],
)
def test_the_quantile_of_a_histogram_is_interpolated_as_documented(q: float, expected: float) -> None:
    assert histogram_quantile(q, {1.0: 25, 2.0: 75, math.inf: 100}) == pytest.approx(expected)


def test_the_floor_has_been_at_every_step() -> None:
    assert gained().keys() == PLACES == exact_p95(pages()[1], "5m").keys()
    assert all(counts[math.inf] > 0 for counts in gained().values())


@every_place
def test_both_lie_in_the_same_bucket_over_the_window(place: Place) -> None:
    exact, checked = exact_p95(pages()[1], "5m")[place], histogram_quantile(0.95, gained()[place])
    assert bisect_left(BOUNDS, exact) == bisect_left(BOUNDS, checked), (exact, checked)


@every_place
def test_both_lie_in_the_same_bucket_since_the_beginning(place: Place) -> None:
    page = pages()[1]
    exact, checked = exact_p95(page, "1h")[place], histogram_quantile(0.95, buckets(page)[place])
    assert bisect_left(BOUNDS, exact) == bisect_left(BOUNDS, checked), (exact, checked)


@every_place
def test_up_to_ten_minutes_they_are_at_most_half_apart(place: Place) -> None:
    exact, checked = exact_p95(pages()[1], "5m")[place], histogram_quantile(0.95, gained()[place])
    assert exact > 600 or max(exact, checked) / min(exact, checked) <= 1.5


class Worker(ThreadingHTTPServer):
    """Shows the first page once, and the second from then on."""

    scrapes = 0


class Scrape(BaseHTTPRequestHandler):
    server: Worker

    def do_GET(self) -> None:
        body = pages()[min(self.server.scrapes, 1)].encode()
        self.server.scrapes += 1
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the standard library gave it
        """Say nothing."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has seen the first page, and then the second."""
    require("prometheus")
    pages()
    with Worker(("127.0.0.1", 0), Scrape) as worker:
        Thread(target=worker.serve_forever, daemon=True).start()
        config = scraping(f"127.0.0.1:{worker.server_port}", every="100ms")
        with Prometheus(tmp_path_factory.mktemp("prometheus"), config) as running:
            running.wait_for(f"count_over_time({conventions.RESPONSE_TIME.name}_count[1m]) >= 20")
            yield running
        worker.shutdown()


def asked(panel: int, window: str, legend: str = "") -> str:
    """The query of ``panel`` whose legend begins so, with the dashboard's variables filled in."""
    (expression,) = (target["expr"] for target in EXPRESSIONS[panel] if target["legendFormat"].startswith(legend))
    for name, value in {"$__rate_interval": "1m", "$service": ".*", "$step": ".*", "$window": window}.items():
        expression = expression.replace(name, value)
    return str(expression)


def answer(prometheus: Prometheus, expression: str) -> dict[Place, float]:
    found = prometheus.query(expression)
    return {(sample.labels["service"], sample.labels["step"]): sample.value for sample in found}


def test_a_real_prometheus_finds_both_in_the_same_bucket(prometheus: Prometheus) -> None:
    exact = answer(prometheus, asked(201, "1h", "p95"))
    assert exact == exact_p95(pages()[1], "1h")
    # Since the beginning: what is in the range of a rate depends on when it is asked for.
    since_the_beginning = re.sub(r"rate\((.*)\[1m\]\)", r"\1", asked(203, "1h"))
    checked = answer(prometheus, since_the_beginning)
    assert checked.keys() == PLACES
    counts = buckets(pages()[1])
    assert checked == pytest.approx({place: histogram_quantile(0.95, counts[place]) for place in PLACES})
    for place, value in checked.items():
        assert bisect_left(BOUNDS, value) == bisect_left(BOUNDS, exact[place]), place


def test_by_rate_it_says_nearly_the_same(prometheus: Prometheus) -> None:
    """A rate is extrapolated to the ends of its range, of each bucket by as much as it can have grown."""
    pure = {place: histogram_quantile(0.95, counts) for place, counts in gained().items()}
    assert answer(prometheus, asked(203, "5m")) == pytest.approx(pure, rel=0.05)
