from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from tests.services.loopback import HOST
from tests.services.prometheus import Prometheus, scraping
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.services.alertmanager import Alertmanager

    Start = Callable[[Mapping[str, Any]], Prometheus]

RULES = """
groups:
  - name: test
    rules:
      - alert: TooWarm
        expr: temperature_celsius > 30
        labels: {severity: page}
"""


@pytest.fixture
def thermometers() -> Iterator[str]:
    """The address of a page with two series, 21 in the hall and 35 in the kitchen."""
    registry = CollectorRegistry()
    temperature = Gauge("temperature_celsius", "Of the air.", ["room"], registry=registry)
    temperature.labels("hall").set(21)
    temperature.labels("kitchen").set(35)
    server, thread = start_http_server(0, HOST, registry)
    yield f"{HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_scraped_can_be_queried(start_prometheus: Start, thermometers: str) -> None:
    prometheus = start_prometheus(scraping(thermometers))
    samples = prometheus.wait_for("temperature_celsius")
    assert {sample.labels["room"]: sample.value for sample in samples} == {"hall": 21.0, "kitchen": 35.0}


def test_a_wrong_expression_is_an_error(start_prometheus: Start) -> None:
    with pytest.raises(HTTPError, match="400"):
        start_prometheus(scraping()).query("sum(")


def test_an_alert_reaches_the_alertmanager(
    start_prometheus: Start, start_alertmanager: Callable[[], Alertmanager], thermometers: str, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES, "utf-8")
    alertmanager = start_alertmanager()
    prometheus = start_prometheus(scraping(thermometers, rules=[rules], alertmanagers=[alertmanager.address]))
    (alert,) = wait_for(alertmanager.alerts, "an alert to arrive")
    assert alert["labels"]["alertname"] == "TooWarm"
    assert alert["labels"]["room"] == "kitchen"
    assert [alert["state"] for alert in prometheus.alerts()] == ["firing"]


def test_alerts_can_be_posted_directly(start_alertmanager: Callable[[], Alertmanager]) -> None:
    alertmanager = start_alertmanager()
    alertmanager.post({"alertname": "ByHand", "service": "hotline"})
    (alert,) = wait_for(alertmanager.alerts, "the alert to be listed")
    assert alert["labels"] == {"alertname": "ByHand", "service": "hotline"}
