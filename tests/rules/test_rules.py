"""The rules by promtool, and what promtool does not ask: a test of every alert, both languages, known severities."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.rules import rules
from dashboards.rules.alerts import Alert, Severity
from tests.rules.committed import RULES, SCENARIOS
from tests.services.parts import require

ALERTS = [*rules.alerts_of_services(), *rules.alerts_of_monitor()]

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


ABOUT_ONE_WORKER = {"ServiceLevelWorkerDown", "ServiceLevelWorkerNotReady", "ServiceLevelStandardsRefused"}


def promtool(*arguments: str | Path) -> None:
    require("promtool")
    run = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", RULES)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_must_and_only_then(scenario: Path) -> None:
    promtool("test", "rules", scenario)


@every_alert
def test_every_alert_has_a_scenario_in_which_it_fires(alert: Alert) -> None:
    scenarios = [test for path in SCENARIOS for test in yaml.safe_load(path.read_text("utf-8"))["tests"]]
    assert any(fires(test, alert.name) for test in scenarios)


def fires(test: dict[str, Any], name: str) -> bool:
    expected = [case for case in test.get("alert_rule_test", []) if case["alertname"] == name and case["exp_alerts"]]
    samples = [sample for case in test.get("promql_expr_test", []) for sample in case["exp_samples"]]
    return bool(expected) or any(f'alertname="{name}", alertstate="firing"' in s["labels"] for s in samples)


@every_alert
def test_every_alert_speaks_both_languages(alert: Alert) -> None:
    for text in (alert.summary, alert.description):
        assert re.search(r"[\u4e00-\u9fff]", text.zh)
        assert not re.search(r"[\u4e00-\u9fff]", text.en)
        assert templates(text.en) == templates(text.zh)


def templates(text: str) -> list[str]:
    """What is filled in, whatever the order in which a language names it."""
    return sorted(re.findall(r"{{.*?}}", text))


@every_alert
def test_an_alert_says_who_is_told(alert: Alert) -> None:
    assert alert.severity in set(Severity)


def test_alerts_have_different_names() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


def test_only_the_monitor_decides_about_objectives() -> None:
    (breach,) = rules.alerts_of_services()
    assert [metric.name for metric in breach.expr.metrics] == ["slm_breach_open", "slm_objective_alerts"]


def test_alerts_outlive_the_worker_that_shows_them() -> None:
    """Where every worker shows its own share, the worker's address must not be part of the alert."""
    for alert in ALERTS:
        if alert.name not in ABOUT_ONE_WORKER:
            assert "instance" not in alert.expr.text
