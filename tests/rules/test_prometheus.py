"""The committed rules in a real Prometheus: they load there, and the absence of every worker is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.rules.committed import RULES
from tests.services.loopback import fetch_json
from tests.services.prometheus import scraping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.services.prometheus import Prometheus


def test_prometheus_loads_the_rules_and_finds_them_healthy(
    start_prometheus: Callable[[Mapping[str, Any]], Prometheus],
) -> None:
    prometheus = start_prometheus(scraping(rules=[RULES]))
    (alert,) = prometheus.wait_for('ALERTS{alertname="ServiceLevelMonitorDown"}')
    assert alert.labels["alertstate"] == "pending"
    groups = fetch_json(f"{prometheus.url}/api/v1/rules")["data"]["groups"]
    assert {group["name"] for group in groups} == {"service-levels", "service-level-monitor"}
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
