"""Every metric, label and unit. Exposition, dashboards, rules and documentation import this; nobody repeats it.

Base units, `_total`, `_ratio`, `_seconds`, as Prometheus asks; labels `service`, `step` and at most one more each.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "slm"
#: The units that are used, each the base unit of what it measures. Timestamps are seconds since 1970.
UNITS: Final = ("seconds", "ratio")
#: Values of the label `outcome`.
OUTCOMES: Final = ("ok", "failed", "abandoned")


class Result(enum.StrEnum):
    """Values of the label `result`: what became of a record. Only the last three have a `reason`.

    Ignored are control records, and records that a topic's mapping drops.
    """

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    MALFORMED = "malformed"
    LATE = "late"
    FUTURE = "future"


class Type(enum.StrEnum):
    """The types of the Prometheus exposition formats that are used."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


_SUFFIXES: Final = {Type.COUNTER: "_total", Type.INFO: "_info"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``name`` is as it is queried: counters end in `_total`, info metrics in `_info`."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str
    help_zh: str

    @property
    def family(self) -> str:
        """Name of the metric family in OpenMetrics: the name without the suffix that its type prescribes."""
        return self.name.removesuffix(_SUFFIXES.get(self.type, ""))

    @property
    def unit(self) -> str:
        """Base unit that ends the family's name; empty where it counts things."""
        return next((unit for unit in UNITS if self.family.endswith(f"_{unit}")), "")


_STEP: Final = ("service", "step")
_WINDOWED: Final = ("service", "step", "window")
_OBJECTIVE: Final = ("service", "objective")
_SOURCE: Final = ("topic", "partition")

INTERACTIONS: Final = Metric(
    "slm_interactions_total",
    Type.COUNTER,
    (*_STEP, "outcome"),
    "Interactions by outcome.",
    "按结果统计的服务接触次数。",
)
FAILURES: Final = Metric(
    "slm_failures_total",
    Type.COUNTER,
    (*_STEP, "failure_point"),
    "Failures by fail point.",
    "按失败点统计的失败次数。",
)
RESPONSE_TIME: Final = Metric(
    "slm_response_time_seconds",
    Type.HISTOGRAM,
    _STEP,
    "Response time of served interactions.",
    "已服务接触的响应时间。",
)
QUANTILES: Final = {
    quantile: Metric(
        f"slm_response_time_p{quantile}_seconds",
        Type.GAUGE,
        _WINDOWED,
        f"Response time that {quantile} % of served interactions stay within, over the window.",
        f"窗口内 {quantile}% 已服务接触的响应时间不超过此值。",
    )
    for quantile in (50, 90, 95, 99)
}
RESPONSE_TIME_MAX: Final = Metric(
    "slm_response_time_max_seconds",
    Type.GAUGE,
    _WINDOWED,
    "Longest response time over the window.",
    "窗口内最长响应时间。",
)
RESPONSE_TIME_MIN: Final = Metric(
    "slm_response_time_min_seconds",
    Type.GAUGE,
    _WINDOWED,
    "Shortest response time over the window.",
    "窗口内最短响应时间。",
)
AVAILABILITY: Final = Metric(
    "slm_availability_ratio",
    Type.GAUGE,
    _WINDOWED,
    "Availability by request over the window: ok / (ok + failed).",
    "窗口内按请求计算的可用性：成功 /（成功 + 失败）。",
)
AVAILABILITY_EVENTS: Final = Metric(
    "slm_availability_events",
    Type.GAUGE,
    _WINDOWED,
    "Interactions that availability by request rests on.",
    "按请求计算可用性所依据的接触次数。",
)
ABANDONMENT: Final = Metric(
    "slm_abandonment_ratio",
    Type.GAUGE,
    _WINDOWED,
    "Abandoned interactions / all, over the window.",
    "窗口内放弃的接触占全部接触的比例。",
)
ABANDONMENT_EVENTS: Final = Metric(
    "slm_abandonment_events",
    Type.GAUGE,
    _WINDOWED,
    "Interactions that the abandonment ratio rests on.",
    "计算放弃率所依据的接触次数。",
)
PROBE_AVAILABILITY: Final = Metric(
    "slm_probe_availability_ratio",
    Type.GAUGE,
    _WINDOWED,
    "Availability by time over the window: seconds up / seconds observed.",
    "窗口内按时间计算的可用性：正常秒数 / 观测秒数。",
)
PROBE_AVAILABILITY_OBSERVED: Final = Metric(
    "slm_probe_availability_observed_seconds",
    Type.GAUGE,
    _WINDOWED,
    "Seconds that availability by time rests on.",
    "按时间计算可用性所依据的观测秒数。",
)
PROBE_UP: Final = Metric(
    "slm_probe_up_seconds_total", Type.COUNTER, _STEP, "Seconds observed as up.", "观测为正常的秒数。"
)
PROBE_OBSERVED: Final = Metric(
    "slm_probe_observed_seconds_total", Type.COUNTER, _STEP, "Seconds observed by probes.", "探测覆盖的秒数。"
)
OBJECTIVE_GOOD: Final = Metric(
    "slm_objective_good_total",
    Type.COUNTER,
    _OBJECTIVE,
    "Events that kept the objective; seconds where it judges by probes.",
    "符合目标的事件数；按探测判定时为秒数。",
)
OBJECTIVE_EVENTS: Final = Metric(
    "slm_objective_events_total",
    Type.COUNTER,
    _OBJECTIVE,
    "Events that the objective judged; seconds where it judges by probes.",
    "目标所判定的事件数；按探测判定时为秒数。",
)
OBJECTIVE_RATIO: Final = Metric(
    "slm_objective_ratio", Type.GAUGE, _OBJECTIVE, "Share attained over the objective's window.", "目标窗口内的达成率。"
)
OBJECTIVE_WINDOW_EVENTS: Final = Metric(
    "slm_objective_window_events",
    Type.GAUGE,
    _OBJECTIVE,
    "Events that the objective judged within its window; seconds where it judges by probes.",
    "目标窗口内判定的事件数；按探测判定时为秒数。",
)
OBJECTIVE_TARGET: Final = Metric(
    "slm_objective_target_ratio", Type.GAUGE, _OBJECTIVE, "Share that the objective promises.", "目标承诺的比例。"
)
BUDGET_REMAINING: Final = Metric(
    "slm_error_budget_remaining_ratio",
    Type.GAUGE,
    _OBJECTIVE,
    "Share of the error budget left over the objective's window; negative once overspent.",
    "目标窗口内剩余的错误预算比例；超支后为负。",
)
OBJECTIVE_ALERTS: Final = Metric(
    "slm_objective_alerts",
    Type.GAUGE,
    _OBJECTIVE,
    "1 if a breach of the objective is to alert somebody, 0 if it is only shown.",
    "目标违约时是否告警：1 为告警，0 为仅显示。",
)
BREACH_OPEN: Final = Metric(
    "slm_breach_open",
    Type.GAUGE,
    _OBJECTIVE,
    "1 while the objective is in breach, as decided at the last slice end.",
    "目标违约期间为 1，以最近一个时间片结束时的判定为准。",
)
PIPELINE_EVENTS: Final = Metric(
    "slm_pipeline_events_total",
    Type.COUNTER,
    (*_SOURCE, "result", "reason"),
    "Records read, by what became of them.",
    "读入的记录数，按处理结果统计。",
)
PIPELINE_UNKNOWN_FIELDS: Final = Metric(
    "slm_pipeline_unknown_fields_total",
    Type.COUNTER,
    _SOURCE,
    "Unknown fields ignored in events.",
    "事件中被忽略的未知字段数。",
)
PIPELINE_WATERMARK: Final = Metric(
    "slm_pipeline_watermark_timestamp_seconds",
    Type.GAUGE,
    _SOURCE,
    "Event time up to which slices are final.",
    "时间片已定稿到的事件时间。",
)
PIPELINE_NEWEST: Final = Metric(
    "slm_pipeline_newest_event_timestamp_seconds",
    Type.GAUGE,
    _SOURCE,
    "Newest event time read.",
    "已读到的最新事件时间。",
)
PIPELINE_LAG: Final = Metric(
    "slm_pipeline_lag_records", Type.GAUGE, _SOURCE, "Records of the log not yet read.", "日志中尚未读取的记录数。"
)
PIPELINE_OPEN_SLICES: Final = Metric(
    "slm_pipeline_open_slices", Type.GAUGE, _SOURCE, "Slices that may still change.", "尚可变化的时间片数。"
)
PIPELINE_FOLD_SECONDS: Final = Metric(
    "slm_pipeline_fold_seconds_total",
    Type.COUNTER,
    (),
    "Seconds spent folding batches into slices.",
    "将批次折叠进时间片所用的秒数。",
)
WORKER_READY: Final = Metric(
    "slm_worker_ready",
    Type.GAUGE,
    (),
    "1 once every assigned partition has been caught up.",
    "所有分配的分区追上后为 1。",
)
WORKER_WARNING: Final = Metric(
    "slm_worker_warning",
    Type.GAUGE,
    ("warning",),
    "1 while the worker runs with this warning; the status page says what to do.",
    "工作进程带有此警告时为 1，处理办法见状态页。",
)
BUILD: Final = Metric(
    "slm_build_info",
    Type.INFO,
    ("version", "standards"),
    "Version and digest of the standards.",
    "版本与标准文件摘要。",
)

#: Every metric, in the order of the exposition.
METRICS: Final[tuple[Metric, ...]] = (
    INTERACTIONS,
    FAILURES,
    RESPONSE_TIME,
    *QUANTILES.values(),
    RESPONSE_TIME_MAX,
    RESPONSE_TIME_MIN,
    AVAILABILITY,
    AVAILABILITY_EVENTS,
    ABANDONMENT,
    ABANDONMENT_EVENTS,
    PROBE_AVAILABILITY,
    PROBE_AVAILABILITY_OBSERVED,
    PROBE_UP,
    PROBE_OBSERVED,
    OBJECTIVE_GOOD,
    OBJECTIVE_EVENTS,
    OBJECTIVE_RATIO,
    OBJECTIVE_WINDOW_EVENTS,
    OBJECTIVE_TARGET,
    BUDGET_REMAINING,
    OBJECTIVE_ALERTS,
    BREACH_OPEN,
    PIPELINE_EVENTS,
    PIPELINE_UNKNOWN_FIELDS,
    PIPELINE_WATERMARK,
    PIPELINE_NEWEST,
    PIPELINE_LAG,
    PIPELINE_OPEN_SLICES,
    PIPELINE_FOLD_SECONDS,
    WORKER_READY,
    WORKER_WARNING,
    BUILD,
)

#: Upper bounds of the exposed histogram's buckets, in seconds: powers of four, from a millisecond to three days.
#: They lie on the fine bucket grid, so that the exposed counts are exact. `+Inf` follows them.
HISTOGRAM_BOUNDS: Final[tuple[float, ...]] = tuple(4.0**exponent for exponent in range(-5, 10))
