"""Prometheus alerting rules. The monitor decides about objectives; the rules page on its decision.

What they judge by themselves is only what the monitor cannot say: that it is absent, or that it no longer keeps up.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import yaml

from dashboards.queries import REJECTED, Expr, formula, max_by, over, series, sum_by
from streams import conventions
from streams.conventions import Metric
from streams.standards.model import Text

_OBJECTIVE: Final = ("job", "service", "objective")
_SOURCE: Final = ("job", "topic", "partition")

# While a worker restarts nobody shows its objectives. Their last state counts for so long, or the page would resolve.
_MEMORY: Final = "15m"

# How long a worker, or a partition, is remembered after it was seen last.
_WORKER_MEMORY: Final = "1d"
_PARTITION_MEMORY: Final = "1h"

# A backlog below this is a batch on its way.
_BACKLOG_RECORDS: Final = 1000
# And one that grows by less than this many records a second is level.
_GROWTH: Final = 1

# More than one record in a hundred rejected is a producer's mistake, not noise; fewer than ten records prove nothing.
_REJECTED_SHARE: Final = 0.01
_REJECTED_LEAST: Final = 10

# One line a text: a template must not be broken where it has a space.
_UNBROKEN: Final = 100_000


class Severity(enum.StrEnum):
    """Who is told: someone now, or the team during working hours."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule; it fires once ``expr`` has had samples for ``pending``."""

    name: str
    expr: Expr
    severity: Severity
    pending: str
    summary: Text
    description: Text


#: Name of the alert that the monitor is absent: while it fires, the others about the monitor say nothing more.
DOWN: Final = "ServiceLevelMonitorDown"


def alerts_of_services() -> tuple[Alert, ...]:
    """Return the alerts about services."""
    return (_breach(),)


def alerts_of_monitor() -> tuple[Alert, ...]:
    """Return the alerts about the monitor itself."""
    return (_down(), _unwatched(), _stalled(), _worker_down(), _not_ready(), _falling_behind(), _rejecting())


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
    events = _figure(conventions.OBJECTIVE_WINDOW_EVENTS)
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
            f"Over the objective's window {events} events were judged; {left} of the error budget is left. "
            "On the dashboard, look at the response times, the availability and the most frequent fail points of the "
            "service to see what changed. The alert ends when the monitor closes the breach.",
            f"目标窗口内共判定 {events} 个事件，剩余错误预算 {left}。"
            "请在看板上查看该服务的响应时间、可用性和最常见的失败点，找出变化所在。监控器关闭违约后告警自动结束。",
        ),
    )


def _down() -> Alert:
    return Alert(
        name=DOWN,
        expr=formula("absent({ready})", ready=series(conventions.WORKER_READY)),
        severity=Severity.PAGE,
        pending="2m",
        summary=Text("No worker of the service-level monitor answers.", "服务水平监控器没有任何工作进程应答。"),
        description=Text(
            "Nothing watches the service levels now. Events stay in Kafka and are counted once a worker runs again. "
            "Check that the workers run, that Prometheus reaches their /metrics, and that the broker answers.",
            "目前无人监控服务水平。事件保留在 Kafka 中，工作进程恢复后会补算。"
            "请检查工作进程是否运行、Prometheus 能否访问其 /metrics、消息代理是否应答。",
        ),
    )


def _unwatched() -> Alert:
    seen = max_by(over("last_over_time", series(conventions.PIPELINE_WATERMARK), _PARTITION_MEMORY), *_SOURCE)
    shown = max_by(series(conventions.PIPELINE_WATERMARK), *_SOURCE)
    return Alert(
        name="ServiceLevelPartitionUnwatched",
        expr=formula("{seen} unless {shown}", seen=seen, shown=shown),
        severity=Severity.PAGE,
        pending="5m",
        summary=Text(f"No worker reads {_PARTITION}.", f"没有工作进程读取{_PARTITION_ZH}。"),
        description=Text(
            "Services whose events are in this partition are not watched. Check that enough workers run and that one "
            "of them gets the partition: their status pages list what each one reads.",
            "事件位于该分区的服务未受监控。请检查是否有足够的工作进程在运行，以及其中之一是否分配到该分区：状态页列出各自读取的分区。",
        ),
    )


def _stalled() -> Alert:
    still = max_by(over("changes", series(conventions.PIPELINE_WATERMARK), "10m"), *_SOURCE)
    unread = max_by(over("min_over_time", series(conventions.PIPELINE_LAG), "10m"), *_SOURCE)
    return Alert(
        name="ServiceLevelWatermarkStalled",
        expr=formula("{still} == 0 and {unread} > 0", still=still, unread=unread),
        severity=Severity.PAGE,
        pending="5m",
        summary=Text(
            f"The watermark of {_PARTITION} stands still although events wait.",
            f"{_PARTITION_ZH} 有事件积压，但水位线停滞。",
        ),
        description=Text(
            "No slice closes, so no breach opens or closes. Check the worker's log and whether the broker answers; "
            "a worker that makes no progress ends by itself and must be started again by its supervisor.",
            "时间片不再关闭，违约既不会开启也不会关闭。请检查工作进程日志及消息代理是否应答；"
            "无进展的工作进程会自行退出，须由其守护程序重新启动。",
        ),
    )


def _worker_down() -> Alert:
    ready = over("count_over_time", series(conventions.WORKER_READY), _WORKER_MEMORY)
    return Alert(
        name="ServiceLevelWorkerDown",
        # Whatever exposed the monitor's metrics within a day is one of its workers, under whichever job it is scraped.
        expr=formula("up == 0 and on (job, instance) {ready}", ready=ready),
        severity=Severity.TICKET,
        pending="5m",
        summary=Text(
            "Worker {{ $labels.instance }} of the service-level monitor is down.",
            "服务水平监控器的工作进程 {{ $labels.instance }} 已停止。",
        ),
        description=Text(
            "The other workers read its partitions meanwhile. Check why it ended and start it again.",
            "其他工作进程已接手其分区。请查明停止原因并重新启动。",
        ),
    )


def _not_ready() -> Alert:
    return Alert(
        name="ServiceLevelWorkerNotReady",
        expr=formula("{ready} == 0", ready=series(conventions.WORKER_READY)),
        severity=Severity.TICKET,
        pending="15m",
        summary=Text(
            "Worker {{ $labels.instance }} has not caught up for a quarter of an hour.",
            "工作进程 {{ $labels.instance }} 已有一刻钟未能追上。",
        ),
        description=Text(
            "Figures of its services are not current. Its /ready says what it waits for. After a long standstill let "
            "it read on; otherwise check the broker.",
            "其服务的数值并非最新。其 /ready 页面说明正在等待什么。若停机较久，请等待其读完；否则请检查消息代理。",
        ),
    )


def _falling_behind() -> Alert:
    growth = max_by(over("deriv", series(conventions.PIPELINE_LAG), "15m"), *_SOURCE)
    backlog = max_by(over("min_over_time", series(conventions.PIPELINE_LAG), "15m"), *_SOURCE)
    return Alert(
        name="ServiceLevelLagGrowing",
        expr=formula(f"{{growth}} > {_GROWTH} and {{backlog}} > {_BACKLOG_RECORDS}", growth=growth, backlog=backlog),
        severity=Severity.TICKET,
        pending="10m",
        summary=Text(f"The backlog of {_PARTITION} keeps growing.", f"{_PARTITION_ZH} 的积压持续增长。"),
        description=Text(
            "Events arrive faster than they are read, so what is shown gets older. Run more workers, up to one for "
            "each partition, or look for a burst of events.",
            "事件到达快于读取，所示数值越来越旧。请增加工作进程（最多每个分区一个），或查明事件突增的原因。",
        ),
    )


def _rejecting() -> Alert:
    rejected = series(conventions.PIPELINE_EVENTS, REJECTED)
    recent = sum_by(over("increase", rejected, "15m"), "job")
    everything = sum_by(over("increase", series(conventions.PIPELINE_EVENTS), "15m"), "job")
    by_reason = sum_by(over("increase", rejected, "15m"), "reason")
    most = f'{{{{ with query `topk(1, {by_reason.text})` }}}}{{{{ . | first | label "reason" }}}}{{{{ end }}}}'
    return Alert(
        name="ServiceLevelEventsRejected",
        expr=formula(
            f"{{recent}} / {{everything}} > {_REJECTED_SHARE} and {{recent}} >= {_REJECTED_LEAST}",
            recent=recent,
            everything=everything,
        ),
        severity=Severity.TICKET,
        pending="5m",
        summary=Text(
            f"{_VALUE} of the records read are rejected, most of them as {most}.",
            f"读入的记录中有 {_VALUE} 被拒，最主要的原因是 {most}。",
        ),
        description=Text(
            "They are in no figure. Read the topic of dead letters: each one is there with its reason and its bytes. "
            "`late` and `future` point to clocks or delays of a producer, other reasons to the format of its events.",
            "这些记录未计入任何数值。请查看死信主题：每条记录均附原因与原始字节。"
            "late 与 future 说明生产者的时钟或延迟有问题，其他原因则与事件格式有关。",
        ),
    )


_SERVICE: Final = "{{ $labels.service }}"
_NAME: Final = "{{ $labels.objective }}"
_PARTITION: Final = "partition {{ $labels.partition }} of {{ $labels.topic }}"
_PARTITION_ZH: Final = "主题 {{ $labels.topic }} 的分区 {{ $labels.partition }}"
_VALUE: Final = "{{ $value | humanizePercentage }}"


def _percentage(metric: Metric) -> str:
    """Template of a share of the alert's objective, as a percentage; six digits keep 99.995 % apart from 100 %."""
    return _looked_up(f"100 * {metric.name}", '{{ . | first | value | printf "%.6g" }} %')


def _figure(metric: Metric) -> str:
    """Template of a count of the alert's objective."""
    return _looked_up(metric.name, '{{ . | first | value | printf "%.0f" }}')


def _looked_up(value: str, shown: str) -> str:
    # `%q` quotes as PromQL does: names of services may hold quotation marks.
    matchers = ",".join(f"{label}=%q" for label in _OBJECTIVE)
    labels = " ".join(f"$labels.{label}" for label in _OBJECTIVE)
    found = f'{{{{ with printf "{value}{{{matchers}}}" {labels} | query }}}}'
    return f"{found}{shown}{{{{ else }}}}?{{{{ end }}}}"


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
