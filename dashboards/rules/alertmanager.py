"""Alertmanager's configuration: receivers by severity, and the alerts that are inhibited while the monitor is down.

The receivers have no integrations: those are each team's own, and no secret belongs into a repository.
"""

from __future__ import annotations

from typing import Final

import yaml

from dashboards.rules import rules
from dashboards.rules.alerts import Severity
from dashboards.rules.monitor_alerts import DOWN

_RECEIVERS: Final = {Severity.PAGE: "pages", Severity.TICKET: "tickets"}
_REPEAT: Final = {Severity.PAGE: "4h", Severity.TICKET: "1d"}

#: Stands above the generated document.
NOTE: Final = """\
# The receivers below have no integration yet: alerts are shown by Alertmanager and sent to nobody. Add yours under
# their names, with secrets in files (`webhook_configs: [{url_file: …}]`, `auth_password_file`, …).
"""


def document() -> str:
    """The configuration as YAML, the same bytes every time."""
    return NOTE + yaml.safe_dump(_configuration(), sort_keys=False, allow_unicode=True, width=120)


def _configuration() -> dict[str, object]:
    return {
        "route": {
            "receiver": _RECEIVERS[Severity.TICKET],
            # One message for all objectives of a service that are breached together.
            "group_by": ["alertname", "service"],
            "group_wait": "10s",
            "group_interval": "5m",
            "repeat_interval": _REPEAT[Severity.TICKET],
            "routes": [_route(severity) for severity in Severity],
        },
        "inhibit_rules": [_silent_while_down()],
        "receivers": [{"name": name} for name in _RECEIVERS.values()],
    }


def _route(severity: Severity) -> dict[str, object]:
    return {
        "matchers": [f'severity="{severity}"'],
        "receiver": _RECEIVERS[severity],
        "repeat_interval": _REPEAT[severity],
    }


def _silent_while_down() -> dict[str, object]:
    others = sorted(alert.name for alert in rules.alerts_of_monitor() if alert.name != DOWN)
    return {
        "source_matchers": [f'alertname="{DOWN}"'],
        "target_matchers": [f'alertname=~"{"|".join(others)}"'],
    }
