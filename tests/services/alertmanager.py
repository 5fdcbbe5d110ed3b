"""A real Alertmanager on this machine, on its own and with its own data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import yaml

from tests.services.loopback import HOST, answers, fetch, fetch_json, free_ports
from tests.services.process import Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Takes alerts and tells nobody.
SILENT: dict[str, Any] = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}


class Alertmanager:
    """Alertmanager as a process; use it in a ``with`` statement.

    Args:
        folder: for data, configuration and log; must exist.
        config: Alertmanager's configuration.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any] = SILENT) -> None:
        (port,) = free_ports(1)
        self.address = f"{HOST}:{port}"
        self.url = f"http://{self.address}"
        file = folder / "alertmanager.yml"
        file.write_text(yaml.safe_dump(dict(config)), "utf-8")
        self.service = Service(
            "alertmanager",
            [
                "prometheus-alertmanager",
                f"--config.file={file}",
                f"--storage.path={folder / 'alertmanager-data'}",
                f"--web.listen-address={self.address}",
                "--cluster.listen-address=",  # no peers: nothing listens beyond the loopback
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

    def post(self, *alerts: Mapping[str, str]) -> None:
        """Hand it alerts, each given by its labels."""
        fetch(f"{self.url}/api/v2/alerts", body=[{"labels": dict(labels)} for labels in alerts])

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it holds, as it describes them."""
        found: list[dict[str, Any]] = fetch_json(f"{self.url}/api/v2/alerts")
        return found
