"""Every expression of the dashboard as Prometheus sees it: its syntax by promtool, its answer by a real Prometheus.

The figures come from a small HTTP server that plays a worker: every metric of the conventions with every label, and
counters that grow from scrape to scrape.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dashboards import generate
from streams import conventions
from streams.conventions.metric import Type
from streams.slices.histogram import DEFAULT_BOUNDS_US
from tests.services.parts import require
from tests.services.prometheus import Prometheus, scraping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.conventions.metric import Metric

_, DASHBOARD = generate.dashboards()[0]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(f"{panel['title']} ({t['refId']})", t["expr"]) for panel in PANELS for t in panel["targets"]]

VALUES = {"$__rate_interval": "10s", "$__range": "1m", "$service": "hotline|前台", "$step": ".*", "$window": "1h"}
#: Labels by which every metric is also exposed with a value that no other metric has.
ALONE = {"service", "step"}
LABELS = {
    "service": "hotline",
    "step": "answer",
    "window": "1h",
    "outcome": "ok",
    "failure_point": "rude",
    "objective": "answered-in-10s",
    "topic": "service-events",
    "partition": "0",
    "result": "malformed",
    "reason": "not-json",
    "kind": "service",
    "field": "duration",
    "warning": "embedded-broker",
    "state": "running",
    "version": "0.1.0",
    "standards": "cafe",
}


def filled_in(expression: str) -> str:
    """Return the expression with the dashboard's variables replaced as Grafana does it."""
    # The longest first: `$service` must not eat the head of a longer name.
    for name in sorted(VALUES, key=len, reverse=True):
        expression = expression.replace(name, VALUES[name])
    # An hour of history is not to be had in a test.
    return expression.replace("[1h]", "[10s]")


def test_no_variable_is_left_over() -> None:
    for _, expression in QUERIES:
        assert "$" not in filled_in(expression)


def test_promtool_parses_every_expression(tmp_path: Path) -> None:
    require("promtool")
    rules = [{"record": f"checked:{index}", "expr": filled_in(expr)} for index, (_, expr) in enumerate(QUERIES)]
    file = tmp_path / "expressions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}), "utf-8")
    run = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


class Worker(ThreadingHTTPServer):
    """Plays a worker: answers `/metrics` with every metric, whose counters grow by 7 a scrape."""

    scrapes = 0

    def exposition(self) -> str:
        self.scrapes += 1
        return "".join(f"{line}\n" for metric in conventions.METRICS for line in samples(metric, self.scrapes))


def samples(metric: Metric, scrape: int) -> Iterator[str]:
    labels = {label: LABELS[label] for label in metric.labels}
    yield from samples_at(metric, scrape, labels)
    if "service" in labels:  # a service, and a step of it, that only this metric knows
        yield from samples_at(metric, scrape, labels | dict.fromkeys(ALONE & labels.keys(), metric.name))


def samples_at(metric: Metric, scrape: int, labels: dict[str, str]) -> Iterator[str]:
    match metric.type:
        case Type.COUNTER:
            yield sample(metric.name, labels, 7 * scrape)
        case Type.HISTOGRAM:
            for bound in (*(bound / 1_000_000 for bound in DEFAULT_BOUNDS_US), "+Inf"):
                yield sample(f"{metric.name}_bucket", {**labels, "le": str(bound)}, 7 * scrape)
            yield sample(f"{metric.name}_count", labels, 7 * scrape)
            yield sample(f"{metric.name}_sum", labels, 7 * scrape)
        case _:
            yield sample(metric.name, labels, 0.5 if metric.name.endswith("_ratio") else 1)


def sample(name: str, labels: dict[str, str], value: float) -> str:
    inside = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value}"


class Scrape(BaseHTTPRequestHandler):
    server: Worker

    def do_GET(self) -> None:
        body = self.server.exposition().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the standard library gave it
        """Say nothing."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    require("prometheus")
    with Worker(("127.0.0.1", 0), Scrape) as worker:
        Thread(target=worker.serve_forever, daemon=True).start()
        config = scraping(f"127.0.0.1:{worker.server_port}", every="250ms")
        with Prometheus(tmp_path_factory.mktemp("prometheus"), config) as running:
            running.wait_for(f"count_over_time({conventions.WORKER_READY.name}[1m]) >= 4")
            yield running
        worker.shutdown()


@pytest.mark.parametrize(("title", "expression"), QUERIES, ids=[title for title, _ in QUERIES])
def test_every_query_has_an_answer(prometheus: Prometheus, title: str, expression: str) -> None:
    assert prometheus.query(filled_in(expression)), expression


def test_a_series_has_one_line_on_each_graph(prometheus: Prometheus) -> None:
    for title, expression in QUERIES:
        labels = Counter(tuple(sorted(found.labels.items())) for found in prometheus.query(filled_in(expression)))
        assert set(labels.values()) <= {1}, title


@pytest.mark.parametrize("variable", ["service", "step", "window"])
def test_every_variable_offers_what_only_one_metric_knows_of(prometheus: Prometheus, variable: str) -> None:
    query = next(v["query"] for v in DASHBOARD["templating"]["list"] if v["name"] == variable)
    asked = re.fullmatch(r"label_values\((.*), (\w+)\)", query.replace("$service", ".*"))
    assert asked
    selector, label = asked.groups()
    having = [metric for metric in conventions.METRICS if {"service", label} <= set(metric.labels)]
    alone = {metric.name for metric in having} if label in ALONE else set()
    assert prometheus.label_values(label, selector) == sorted({LABELS[label], *alone})


def test_the_burn_rate_is_bad_share_over_allowed_share(prometheus: Prometheus) -> None:
    ((_, expression),) = [query for query in QUERIES if query[0].startswith("Burn rate")]
    (found,) = prometheus.query(filled_in(expression))
    # Good events grow as fast as all events do: nothing burns.
    assert found.value == pytest.approx(0, abs=1e-9)
