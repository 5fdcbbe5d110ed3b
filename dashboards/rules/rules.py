"""Prometheus alerting rules. The monitor decides about objectives; the rules page on its decision.

What they judge by themselves is only what the monitor cannot say: that it is absent, or that it no longer keeps up.
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

# While a worker restarts nobody shows its objectives. Their last state counts for so long, or the page would resolve.
_MEMORY: Final = "15m"

# One line a text: a template must not be broken where it has a space.
_UNBROKEN: Final = 100_000


def alerts_of_services() -> tuple[Alert, ...]:
    """Return the alerts about services."""
    return (_breach(),)


def alerts_of_monitor() -> tuple[Alert, ...]:
    """Return the alerts about the monitor itself."""
    return (*monitor_alerts.alerts(), *state_alerts.alerts())


def document() -> str:
    """Return the rule file: YAML, the same bytes every time."""
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
    """Template of a share of the alert's objective, as a percentage; six digits keep 99.995 % apart from 100 %."""
    return _looked_up(f"100 * {metric.name}", '{{ . | first | value | printf "%.6g" }} %')


def _basis(events: str, time: str) -> str:
    """Template of what the alert's objective judged: words for ``events`` or, by probes, ``time``, with `{}` for it."""
    duration = time.format("{{ . | first | value | humanizeDuration }}")
    observed = _looked_up(conventions.OBJECTIVE_WINDOW_SECONDS.name, duration, events.format("?"))
    count = events.format('{{ . | first | value | printf "%.0f" }}')
    return _looked_up(conventions.OBJECTIVE_WINDOW_EVENTS.name, count, observed)


def _looked_up(value: str, shown: str, otherwise: str = "?") -> str:
    """Template of ``shown``, where `.` is ``value`` for the alert's objective, or of ``otherwise`` if there is none."""
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
