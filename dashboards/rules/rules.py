"""Prometheus alerting rules. The monitor decides about objectives; the rules page on its decision.

They judge by themselves only what the monitor cannot report: that it is absent, or no longer keeps up.
"""

from __future__ import annotations

from typing import Final

import yaml

from dashboards.grafana.queries import formula, max_by, over, series
from dashboards.rules import monitor_alerts, state_alerts
from dashboards.rules.alerts import Alert, Severity
from streams import conventions
from streams.conventions.metric import Metric
from streams.texts.phrase import Text

_OBJECTIVE: Final = ("job", "service", "objective")
_SERVICE: Final = "{{ $labels.service }}"
_NAME: Final = "{{ $labels.objective }}"

# While a worker restarts, no series show its objectives. Their last state counts for so long, else the page resolves.
_MEMORY: Final = "15m"

# Characters. Each text stays on one line: YAML must not break a template at a space.
_UNBROKEN: Final = 100_000


def alerts_of_services() -> tuple[Alert, ...]:
    """The alerts about services."""
    return (_breach(),)


def alerts_of_monitor() -> tuple[Alert, ...]:
    """The alerts about the monitor itself."""
    return (*monitor_alerts.alerts(), *state_alerts.alerts())


def document() -> str:
    """The rule file as YAML, the same bytes every time."""
    groups = [
        {"name": "service-levels", "rules": [_rule(alert) for alert in alerts_of_services()]},
        {"name": "service-level-monitor", "rules": [_rule(alert) for alert in alerts_of_monitor()]},
    ]
    return yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNBROKEN)


def _breach() -> Alert:
    now = max_by(series(conventions.BREACH_OPEN), *_OBJECTIVE)
    last = max_by(over("last_over_time", series(conventions.BREACH_OPEN), _MEMORY), *_OBJECTIVE)
    alerts = max_by(over("last_over_time", series(conventions.OBJECTIVE_ALERTS), _MEMORY), *_OBJECTIVE)
    attained = _percentage(conventions.OBJECTIVE_RATIO)
    target = _percentage(conventions.OBJECTIVE_TARGET)
    left = _percentage(conventions.BUDGET_REMAINING)
    return Alert(
        name="ServiceLevelBreach",
        expr=formula(
            "({now} == 1\nor\n({last} == 1 unless {now}))\nunless {alerts} == 0", now=now, last=last, alerts=alerts
        ),
        severity=Severity.PAGE,
        pending="0s",
        summary=Text(
            f"{_SERVICE} breaks its objective {_NAME}: {attained} attained, {target} promised.",
            f"{_SERVICE} 未达成目标 {_NAME}：达成率 {attained}，承诺 {target}。",
        ),
        description=Text(
            f"Over the objective's window {_basis('{} events were judged', '{} were observed')}; {left} of the error "
            "budget is left. "
            "On the dashboard, look at the response times, the availability and the most frequent fail points of the "
            "service to see what changed. The alert ends when the monitor closes the breach.",
            f"目标窗口内{_basis('共判定 {} 个事件', '共观测 {}')}，剩余错误预算 {left}。"
            "请在看板上查看该服务的响应时间、可用性和最常见的失败点，找出变化所在。监控器关闭违约后告警自动结束。",
        ),
    )


def _percentage(metric: Metric) -> str:
    """Template of a share of the alert's objective as a percentage; six digits distinguish 99.995 % from 100 %."""
    return _looked_up(f"100 * {metric.name}", '{{ . | first | value | printf "%.6g" }} %')


def _basis(events: str, time: str) -> str:
    """Template of the basis of the alert's objective: ``events`` or, by probes, ``time``, with the figure for `{}`."""
    duration = time.format("{{ . | first | value | humanizeDuration }}")
    observed = _looked_up(conventions.OBJECTIVE_WINDOW_SECONDS.name, duration, events.format("?"))
    count = events.format('{{ . | first | value | printf "%.0f" }}')
    return _looked_up(conventions.OBJECTIVE_WINDOW_EVENTS.name, count, observed)


def _looked_up(value: str, shown: str, otherwise: str = "?") -> str:
    """Template of ``shown``, with `.` as ``value`` for the alert's objective, or of ``otherwise`` without a sample."""
    # `%q` quotes as PromQL does: names of services may hold quotation marks.
    matchers = ",".join(f"{label}=%q" for label in _OBJECTIVE)
    labels = " ".join(f"$labels.{label}" for label in _OBJECTIVE)
    found = f'{{{{ with printf "{value}{{{matchers}}}" {labels} | query }}}}'
    return f"{found}{shown}{{{{ else }}}}{otherwise}{{{{ end }}}}"


def _rule(alert: Alert) -> dict[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.expr.text,
        **({} if alert.pending == "0s" else {"for": alert.pending}),
        "labels": {"severity": str(alert.severity)},
        "annotations": {
            "summary": alert.summary.en,
            "description": alert.description.en,
            "summary_zh": alert.summary.zh,
            "description_zh": alert.description.zh,
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes list items indented and texts of several lines as blocks, as people write rule files."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
