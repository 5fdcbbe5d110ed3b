"""The row about the monitor itself, ids from 500 on: whether the other rows are current and complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards.grafana.layout import PanelRow
from dashboards.grafana.panels import Column, Panel, Query, by_query, graph, stat, states, table, thresholds, words
from dashboards.grafana.queries import REJECTED, Expr, formula, max_by, rate, series, sum_by
from streams import conventions
from streams.texts.phrase import Text
from streams.texts.reasons import Reasons
from streams.texts.warnings import Warnings

if TYPE_CHECKING:
    from streams.conventions.metric import Metric

_SOURCE: Final = ("topic", "partition")
_SOURCE_LEGEND: Final = "{{topic}} {{partition}}"

# By default the allowed lateness is 60 s and a slice has 10 s: a healthy watermark is little more than that behind.
_LATE_SECONDS: Final = 120
_VERY_LATE_SECONDS: Final = 300


def pipeline() -> PanelRow:
    """Does the monitor keep up, and can it decode what it reads?"""
    return PanelRow(
        500,
        Text("Health of the monitor", "监控器健康状况"),
        (
            _ready(),
            _slowest(),
            _unread(),
            _lag(),
            _delay(),
            _results(),
            _rejections(),
            _left_out(),
            _folding(),
            _slices(),
            _warnings(),
            _builds(),
        ),
    )


def _of_source(metric: Metric) -> Expr:
    return max_by(series(metric), *_SOURCE)


def _age(metric: Metric) -> Expr:
    return formula("time() - {timestamp}", timestamp=_of_source(metric))


def _ready() -> Panel:
    names = {0: (Text("not ready", "未就绪"), "orange"), 1: (Text("ready", "就绪"), "green")}
    return stat(
        501,
        Text("Workers", "工作进程"),
        Query(series(conventions.WORKER_READY), "{{instance}}", instant=True),
        width=12,
        defaults={
            "mappings": states(names),
            "noValue": Text("no worker answers", "没有工作进程应答"),
            "thresholds": thresholds((None, "orange"), (1, "green")),
        },
    )


def _slowest() -> Panel:
    return stat(
        502,
        Text("Watermark, furthest behind", "最落后的水位线"),
        Query(formula("max({age})", age=_age(conventions.PIPELINE_WATERMARK)), instant=True),
        width=6,
        defaults={
            "unit": "s",
            "decimals": 0,
            "thresholds": thresholds((None, "green"), (_LATE_SECONDS, "orange"), (_VERY_LATE_SECONDS, "red")),
        },
    )


def _unread() -> Panel:
    return stat(
        503,
        Text("Records not yet read", "尚未读取的记录"),
        Query(sum_by(_of_source(conventions.PIPELINE_LAG)), instant=True),
        width=6,
        defaults={"unit": "locale", "thresholds": thresholds((None, "blue"))},
    )


def _lag() -> Panel:
    return graph(
        504,
        Text("Lag by partition", "各分区的滞后"),
        Query(_of_source(conventions.PIPELINE_LAG), _SOURCE_LEGEND),
        unit="locale",
        defaults={"min": 0},
    )


def _delay() -> Panel:
    return graph(
        505,
        Text("Delay of the watermark and of the newest event", "水位线与最新事件的延迟"),
        Query(_age(conventions.PIPELINE_WATERMARK), _SOURCE_LEGEND),
        Query(_age(conventions.PIPELINE_NEWEST), f"{_SOURCE_LEGEND} ★"),
        unit="s",
        defaults={
            "thresholds": thresholds((None, "transparent"), (_LATE_SECONDS, "orange"), (_VERY_LATE_SECONDS, "red"))
        },
        note=Text(
            "★ is the newest event. Both grow together while no events arrive; "
            "the watermark's alone while events wait.",
            "★ 为最新事件。没有事件到达时二者一同增长；事件积压时仅水位线增长。",
        ),
    )


def _results() -> Panel:
    return graph(
        506,
        Text("Events per second by result", "每秒事件数（按结果）"),
        Query(sum_by(rate(series(conventions.PIPELINE_EVENTS)), "result"), "{{result}}"),
        unit="none",
        width=8,
        stacked=True,
        defaults={"min": 0},
    )


def _rejections() -> Panel:
    counts = sum_by(series(conventions.PIPELINE_EVENTS, REJECTED), "result", "reason")
    columns = (
        Column("result", Text("Result", "结果"), {}),
        Column("reason", Text("Reason", "原因"), {"mappings": words(Reasons)}),
        Column("Value", Text("Records", "记录数"), {"unit": "locale"}),
    )
    return table(
        507,
        Text("Rejected records by reason", "被拒记录（按原因）"),
        [Query(formula("sort_desc({counts} > 0)", counts=counts), instant=True, format="table")],
        columns,
        width=8,
        note=Text(
            "Since the beginning of the log. Each is in the topic of dead letters with its reason and its bytes.",
            "自日志开始以来。每条记录均连同原因与原始字节写入死信主题。",
        ),
    )


def _left_out() -> Panel:
    counts = sum_by(series(conventions.PIPELINE_UNREADABLE), "field", "reason")
    columns = (
        Column("field", Text("Field", "字段"), {}),
        Column("reason", Text("Reason", "原因"), {"mappings": words(Reasons)}),
        Column("Value", Text("Values", "值的数量"), {"unit": "locale"}),
    )
    return table(
        512,
        Text("Values left out of events that count", "从计入的事件中略去的值"),
        [Query(formula("sort_desc({counts} > 0)", counts=counts), instant=True, format="table")],
        columns,
        width=8,
        note=Text(
            "Since the beginning of the log: values of optional fields that cannot be read. Their events count.",
            "自日志开始以来无法读取的可选字段值，相应事件仍计入。",
        ),
    )


def _folding() -> Panel:
    return graph(
        508,
        Text("Time spent folding, unknown fields", "折叠耗时与未知字段"),
        Query(rate(series(conventions.PIPELINE_FOLD_SECONDS)), "{{instance}} s/s"),
        Query(sum_by(rate(series(conventions.PIPELINE_UNKNOWN_FIELDS)), "instance"), "{{instance}} ?/s"),
        unit="none",
        defaults={"min": 0},
        note=Text(
            "s/s: seconds of folding per second; towards 1 the worker is at its limit. ?/s, on the right: unknown "
            "fields per second; producers write something that nobody reads.",
            "s/s：每秒用于折叠的秒数，接近 1 表示工作进程已到极限。"
            "?/s（右轴）：每秒未知字段数，说明生产者写入了无人读取的内容。",
        ),
        # On the scale of the fields the seconds, which never exceed 1, would be invisible.
        overrides=[by_query("B", {"unit": "short", "custom.axisPlacement": "right"})],
    )


def _slices() -> Panel:
    return graph(
        509,
        Text("Slices that may still change", "尚可变化的时间片"),
        Query(_of_source(conventions.PIPELINE_OPEN_SLICES), _SOURCE_LEGEND),
        unit="locale",
        defaults={"min": 0},
    )


def _warnings() -> Panel:
    columns = (
        Column("instance", Text("Worker", "工作进程"), {}),
        Column("warning", Text("Warning", "警告"), {"mappings": words(Warnings)}),
    )
    return table(
        511,
        Text("What workers warn of", "工作进程的警告"),
        [Query(max_by(series(conventions.WORKER_WARNING), "instance", "warning"), instant=True, format="table")],
        columns,
        width=12,
        height=6,
        hidden=("Value",),
    )


def _builds() -> Panel:
    columns = (
        Column("instance", Text("Worker", "工作进程"), {}),
        Column("version", Text("Version", "版本"), {}),
        Column("standards", Text("Standards file", "标准文件摘要"), {}),
    )
    builds = max_by(series(conventions.BUILD), "instance", "version", "standards")
    return table(
        510,
        Text("Version and standards file of each worker", "各工作进程的版本与标准文件"),
        [Query(builds, instant=True, format="table")],
        columns,
        width=12,
        height=6,
        note=Text("All workers should have the same of both.", "所有工作进程的两项均应一致。"),
        hidden=("Value",),
    )
