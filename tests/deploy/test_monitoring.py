"""Prometheus, Alertmanager and Grafana as deployed: what their own tools say, and that one finds the other."""

from __future__ import annotations

import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from agents.settings.settings import SETTINGS
from dashboards import publish
from dashboards.boards import service_levels
from dashboards.rules.alerts import Severity
from streams import conventions
from streams.texts.phrase import Language, in_language
from tests.services.parts import require
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.services.alertmanager import Alertmanager
    from tests.services.prometheus import Prometheus

DEPLOY = Path(__file__).parents[2] / "deploy"


def read(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text("utf-8"))


PROMETHEUS = read("prometheus/prometheus.yml")
ALERTMANAGER = read("alertmanager/alertmanager.yml")
SERVICES = read("compose.yaml")["services"]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_promtool_accepts_prometheus_configuration() -> None:
    require("promtool")
    run("promtool", "check", "config", str(DEPLOY / "prometheus/prometheus.yml"))


def test_amtool_accepts_alertmanagers_configuration() -> None:
    require("alertmanager")
    run("amtool", "check-config", str(DEPLOY / "alertmanager/alertmanager.yml"))


@pytest.mark.parametrize(("severity", "receiver"), [(Severity.PAGE, "pages"), (Severity.TICKET, "tickets")])
def test_alerts_reach_who_is_told(severity: Severity, receiver: str) -> None:
    require("alertmanager")
    file = f"--config.file={DEPLOY / 'alertmanager/alertmanager.yml'}"
    assert run("amtool", "config", "routes", "test", file, f"severity={severity}") == receiver


def test_prometheus_scrapes_the_workers_where_they_listen() -> None:
    (job,) = PROMETHEUS["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["worker"]
    assert "worker" in SERVICES
    assert str(found["port"]) == next(setting.default for setting in SETTINGS if setting.name == "web_port")


def test_prometheus_knows_alertmanager() -> None:
    ((targets,),) = [found["static_configs"] for found in PROMETHEUS["alerting"]["alertmanagers"]]
    (target,) = targets["targets"]
    name, port = target.split(":")
    assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]


def test_grafana_knows_prometheus() -> None:
    (source,) = read("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


def test_grafana_finds_the_dashboards_of_each_language_in_their_own_folder() -> None:
    providers = read("grafana/provisioning/dashboards/service-levels.yaml")["providers"]
    mounted = next(v.split(":")[1] for v in SERVICES["grafana"]["volumes"] if v.startswith("../dashboards/generated:"))
    found = [(p["folderUid"], p["folder"], p["options"]["path"]) for p in providers]
    assert found == [
        (in_language(publish.FOLDER_UID, one), in_language(service_levels.FOLDER, one), f"{mounted}/{one}")
        for one in Language
    ]


def test_grafanas_home_is_a_dashboard_that_is_mounted() -> None:
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY.parent / home.replace("/etc/grafana/dashboards", "dashboards/generated")).is_file()


class BrokenPromise(BaseHTTPRequestHandler):
    """A worker that shows one objective in breach."""

    def do_GET(self) -> None:
        labels = 'service="hotline",objective="answered-in-10s"'
        body = f"{conventions.BREACH_OPEN.name}{{{labels}}} 1\n{conventions.WORKER_READY.name} 1\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the standard library gave it
        """Say nothing."""


@pytest.fixture
def worker() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), BrokenPromise) as server:
        Thread(target=partial(server.serve_forever, 0.05), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_breach_travels_from_the_worker_to_the_pages(
    worker: str,
    start_prometheus: Callable[[Mapping[str, Any]], Prometheus],
    start_alertmanager: Callable[..., Alertmanager],
) -> None:
    alertmanager = start_alertmanager(ALERTMANAGER)
    start_prometheus(on_this_machine(worker, alertmanager.address))
    (alert,) = wait_for(alertmanager.alerts, "Alertmanager to hear of the breach")
    assert alert["labels"]["alertname"] == "ServiceLevelBreach"
    assert alert["labels"]["service"] == "hotline"
    assert [receiver["name"] for receiver in alert["receivers"]] == ["pages"]
    assert "answered-in-10s" in alert["annotations"]["summary_zh"]


def on_this_machine(worker: str, alertmanager: str) -> dict[str, Any]:
    """Return the deployed configuration with addresses of this machine, and with the patience of a test."""
    (job,) = PROMETHEUS["scrape_configs"]
    quick = {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"}
    return {
        **PROMETHEUS,
        "global": quick,
        "rule_files": [str(DEPLOY / "prometheus" / pattern) for pattern in PROMETHEUS["rule_files"]],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [{"job_name": job["job_name"], "static_configs": [{"targets": [worker]}]}],
    }


def test_while_the_monitor_is_down_nothing_more_is_said_about_it(
    start_alertmanager: Callable[..., Alertmanager],
) -> None:
    alertmanager = start_alertmanager(ALERTMANAGER)
    alertmanager.post(
        {"alertname": "ServiceLevelMonitorDown", "severity": "page"},
        {"alertname": "ServiceLevelPartitionUnwatched", "severity": "page", "topic": "service-events"},
        {"alertname": "ServiceLevelBreach", "severity": "page", "service": "hotline"},
    )
    states = wait_for(partial(settled, alertmanager), "Alertmanager to judge three alerts")
    assert states == {
        "ServiceLevelMonitorDown": "active",
        "ServiceLevelPartitionUnwatched": "suppressed",
        "ServiceLevelBreach": "active",
    }


def settled(alertmanager: Alertmanager) -> dict[str, str] | None:
    """The state of each alert, once all have one that is final: suppression comes a moment after an alert."""
    states = {alert["labels"]["alertname"]: alert["status"]["state"] for alert in alertmanager.alerts()}
    return states if len(states) == 3 and "suppressed" in states.values() else None
