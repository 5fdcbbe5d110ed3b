"""The dashboard *Service levels* (服务水平): objectives, response time, availability, fail points, the monitor itself.

Ids of rows and panels are part of links that users keep: a new panel gets a new id, and no id is used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards.grafana.layout import render
from dashboards.grafana.panels import DATASOURCE
from dashboards.grafana.queries import formula, label_values, max_by, shown
from dashboards.rows import monitor, objectives, services, state
from streams import conventions
from streams.texts.phrase import Text

if TYPE_CHECKING:
    from dashboards.grafana.panels import Tree

NAME: Final = "service-levels"
TITLE: Final = Text("Service levels", "服务水平")
FOLDER: Final = Text("Service levels", "服务水平")
TAG: Final = "service-level-monitor"
UID: Final = Text("slm-service-levels-en", "slm-service-levels-zh")

# Of Grafana 11. Grafana migrates a dashboard from an older schema to its own, but never back.
_SCHEMA_VERSION: Final = 39

#: Matches series of the chosen services.
_CHOSEN_SERVICES: Final = 'service=~"$service"'


def dashboard() -> Tree:
    """The dashboard in both languages; `dashboards.grafana.layout.localise` picks one."""
    return {
        "uid": UID,
        "title": TITLE,
        "description": Text(
            "Whether services keep their promises: objectives, response time, availability, fail points, and the "
            "health of the monitor that says so.",
            "服务是否兑现承诺：目标、响应时间、可用性、失败点，以及作出判断的监控器自身的健康状况。",
        ),
        "tags": [TAG],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [_other_language()],
        "templating": {"list": _variables()},
        "annotations": {"list": [_breaches()]},
        "panels": render([objectives.objectives(), *services.rows(), monitor.pipeline(), state.state()]),
    }


def _variables() -> list[Tree]:
    return [
        {
            "name": "datasource",
            "type": "datasource",
            "label": Text("Data source", "数据源"),
            "query": "prometheus",
            "refresh": 1,
        },
        _choice("service", Text("Service", "服务"), label_values("service")),
        _choice("step", Text("Step", "服务环节"), label_values("step", _CHOSEN_SERVICES)),
        _window(),
    ]


def _choice(name: str, label: Text, query: str) -> Tree:
    return {
        **_query_variable(name, label, query),
        "multi": True,
        "includeAll": True,
        # Includes the empty label: events need not name a step.
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _window() -> Tree:
    return {
        **_query_variable("window", Text("Window", "窗口"), label_values("window", _CHOSEN_SERVICES)),
        "multi": False,
        "includeAll": False,
        "current": {"text": "1h", "value": "1h"},
    }


def _query_variable(name: str, label: Text, query: str) -> dict[str, Tree]:
    return {
        "name": name,
        "type": "query",
        "label": label,
        "datasource": DATASOURCE,
        "query": query,
        "definition": query,
        "refresh": 2,
        "sort": 7,
    }


def _breaches() -> Tree:
    breach = max_by(shown(conventions.BREACH_OPEN), "service", "objective")
    return {
        "name": Text("Breaches", "违约"),
        "datasource": DATASOURCE,
        "enable": False,
        "iconColor": "red",
        "expr": formula("{breach} == 1", breach=breach).text,
        "step": "1m",
        "titleFormat": "{{service}}",
        "textFormat": "{{objective}}",
    }


def _other_language() -> Tree:
    return {
        "title": Text("中文", "English"),
        "type": "link",
        "icon": "external link",
        "tooltip": Text("服务水平", "Service levels"),
        "url": Text(f"/d/{UID.zh}", f"/d/{UID.en}"),
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": True,
    }
