"""A real Prometheus on this machine, with its own data folder."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import yaml

from tests.services.loopback import HOST, answers, fetch_json, free_ports
from tests.services.process import Service
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One series of an instant query's answer."""

    labels: dict[str, str]
    value: float


def scraping(
    *targets: str, rules: Iterable[Path] = (), alertmanagers: Iterable[str] = (), every: str = "500ms"
) -> dict[str, Any]:
    """Return a configuration that scrapes ``targets`` (each ``host:port``) as the job ``test``.

    Args:
        targets: what to scrape, at ``/metrics``.
        rules: rule files.
        alertmanagers: where alerts go, each ``host:port``.
        every: how often to scrape and to evaluate.
    """
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [{"job_name": "test", "static_configs": [{"targets": list(targets)}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
    }


class Prometheus:
    """Prometheus as a process; use it in a ``with`` statement.

    Args:
        folder: for data, configuration and log; must exist.
        config: Prometheus's configuration, as `scraping` makes it.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        (port,) = free_ports(1)
        self.url = f"http://{HOST}:{port}"
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(dict(config)), "utf-8")
        self.service = Service(
            "prometheus",
            [
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'prometheus-data'}",
                f"--web.listen-address={HOST}:{port}",
            ],
            folder,
        )

    def __enter__(self) -> Self:
        self.service.start()
        try:
            self.service.wait_until(lambda: answers(f"{self.url}/-/ready"))
        except BaseException:
            self.service.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.service.kill()

    def query(self, expression: str) -> list[Sample]:
        """Return the answer to an instant query that has a vector for its answer.

        Raises:
            OSError: Prometheus finds the expression wrong.
        """
        answer = fetch_json(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        return [Sample(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values of ``label`` that the series of ``selector`` have, sorted; Grafana asks for choices so."""
        matching = urllib.parse.urlencode({"match[]": selector})
        found: list[str] = fetch_json(f"{self.url}/api/v1/label/{label}/values?{matching}")["data"]
        return sorted(found)

    def wait_for(self, expression: str, *, seconds: float = 30) -> list[Sample]:
        """Return the answer to an instant query as soon as it has any series."""
        return wait_for(lambda: self.query(expression), f"Prometheus to answer {expression}", seconds=seconds)

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing, as Prometheus describes them."""
        found: list[dict[str, Any]] = fetch_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return found
