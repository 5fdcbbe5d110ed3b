"""Alerts about the monitor: it is absent, it does not keep up, or it rejects what producers write."""

from __future__ import annotations

from typing import Final

from dashboards.grafana.queries import REJECTED, formula, max_by, over, series, sum_by
from dashboards.rules.alerts import PARTITION, PARTITION_ZH, SOURCE, Alert, Severity
from streams import conventions
from streams.texts.phrase import Text

#: Name of the alert that the monitor is absent; while it fires, the others about the monitor are inhibited.
DOWN: Final = "ServiceLevelMonitorDown"

# How long a worker, or a partition, counts as expected after its last sample.
_WORKER_MEMORY: Final = "1d"
_PARTITION_MEMORY: Final = "1h"

# A smaller backlog is a batch on its way.
_BACKLOG_RECORDS: Final = 1000
# Records a second; a backlog that grows by less is level.
_GROWTH: Final = 1

# More than 1 % of records rejected is a producer's mistake, not noise; fewer than ten records prove nothing.
_REJECTED_SHARE: Final = 0.01
_REJECTED_LEAST: Final = 10

_VALUE: Final = "{{ $value | humanizePercentage }}"


def alerts() -> tuple[Alert, ...]:
    """The alerts, the most urgent first."""
    return (_down(), _unwatched(), _stalled(), _worker_down(), _not_ready(), _falling_behind(), _rejecting())


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
    seen = max_by(over("last_over_time", series(conventions.PIPELINE_WATERMARK), _PARTITION_MEMORY), *SOURCE)
    shown = max_by(series(conventions.PIPELINE_WATERMARK), *SOURCE)
    recovering = max_by(series(conventions.PIPELINE_RECOVERING), *SOURCE)
    return Alert(
        name="ServiceLevelPartitionUnwatched",
        expr=formula("{seen} unless {shown} unless {recovering} == 1", seen=seen, shown=shown, recovering=recovering),
        severity=Severity.PAGE,
        pending="5m",
        summary=Text(f"No worker reads {PARTITION}.", f"没有工作进程读取{PARTITION_ZH}。"),
        description=Text(
            "Services whose events are in this partition are not watched. Check that enough workers run and that one "
            "of them gets the partition: their status pages list what each one reads.",
            "事件位于该分区的服务未受监控。请检查是否有足够的工作进程在运行，以及其中之一是否分配到该分区：状态页列出各自读取的分区。",
        ),
    )


def _stalled() -> Alert:
    still = max_by(over("changes", series(conventions.PIPELINE_WATERMARK), "10m"), *SOURCE)
    unread = max_by(over("min_over_time", series(conventions.PIPELINE_LAG), "10m"), *SOURCE)
    return Alert(
        name="ServiceLevelWatermarkStalled",
        expr=formula("{still} == 0 and {unread} > 0", still=still, unread=unread),
        severity=Severity.PAGE,
        pending="5m",
        summary=Text(
            f"The watermark of {PARTITION} stands still although events wait.",
            f"{PARTITION_ZH} 有事件积压，但水位线停滞。",
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
        # A target that exposed the monitor's metrics within a day is one of its workers, whatever its job is called.
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
    growth = max_by(over("deriv", series(conventions.PIPELINE_LAG), "15m"), *SOURCE)
    backlog = max_by(over("min_over_time", series(conventions.PIPELINE_LAG), "15m"), *SOURCE)
    return Alert(
        name="ServiceLevelLagGrowing",
        expr=formula(f"{{growth}} > {_GROWTH} and {{backlog}} > {_BACKLOG_RECORDS}", growth=growth, backlog=backlog),
        severity=Severity.TICKET,
        pending="10m",
        summary=Text(f"The backlog of {PARTITION} keeps growing.", f"{PARTITION_ZH} 的积压持续增长。"),
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
