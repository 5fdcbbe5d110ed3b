"""Every metric, label and unit. Exposition, dashboards, rules and documentation import this; nobody repeats it.

Base units, `_total`, `_ratio`, `_seconds`, as Prometheus asks; labels `service`, `step` and at most one more each.

What is counted about services, objectives and source partitions follows from the log: it survives restarts, and only
the current owner of a partition shows it, once its figures are complete. What is counted about transactions, recovery,
ticks and folding begins with the process.
"""

from __future__ import annotations

import enum
from typing import Final

from streams.metric import Metric, Type

PREFIX: Final = "slm"
#: Values of the label `outcome`.
OUTCOMES: Final = ("ok", "failed", "abandoned")
#: Values of the label `kind`: which name was replaced by `other`.
FOLDED_KINDS: Final = ("service", "step", "failure-point", "source")
#: Values of the label `result` of transactions, and of rekeyed records.
TRANSACTION_RESULTS: Final = ("committed", "failed")
REKEY_RESULTS: Final = ("event", "rejected", "dropped")


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
PROBE_COVERAGE: Final = Metric(
    "slm_probe_coverage_ratio",
    Type.GAUGE,
    _WINDOWED,
    "Share of the window that probes observed, of what is final of it; once probes have spoken of the step.",
    "窗口内已定稿时间中被探测覆盖的比例；自探测首次涉及该环节起。",
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
    "Events that an objective judged within its window, unless it judges by probes.",
    "目标窗口内判定的事件数；按探测判定的目标除外。",
)
OBJECTIVE_WINDOW_SECONDS: Final = Metric(
    "slm_objective_window_seconds",
    Type.GAUGE,
    _OBJECTIVE,
    "Time observed within the window of an objective that judges by probes.",
    "按探测判定的目标在其窗口内的观测时长。",
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
PIPELINE_UNREADABLE: Final = Metric(
    "slm_pipeline_unreadable_values_total",
    Type.COUNTER,
    (*_SOURCE, "field", "reason"),
    "Values of optional fields that cannot be read; their events count without them.",
    "无法读取的可选字段值的数量；相应事件仍计入，只是缺少这些值。",
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
PIPELINE_FOLDED_LABELS: Final = Metric(
    "slm_pipeline_folded_labels_total",
    Type.COUNTER,
    (*_SOURCE, "kind"),
    "Observations counted under the label `other`, since there were too many names of this kind.",
    "因此类名称过多而计入标签 other 的观测数。",
)
PIPELINE_RECOVERING: Final = Metric(
    "slm_pipeline_recovering",
    Type.GAUGE,
    _SOURCE,
    "1 while its state is read, or records that this includes are folded again; its services are not shown meanwhile.",
    "读取分区状态或重新折叠其所含记录期间为 1，其间不显示其服务的数值。",
)
PIPELINE_TICKS: Final = Metric(
    "slm_pipeline_ticks_total", Type.COUNTER, (), "Ticks appended to idle partitions.", "写入空闲分区的报时记录数。"
)
STATE_TRANSACTIONS: Final = Metric(
    "slm_state_transactions_total",
    Type.COUNTER,
    ("result",),
    "Transactions that write state and what was concluded, by result.",
    "写入状态与结论的事务数，按结果统计。",
)
STATE_TRANSACTION_SECONDS: Final = Metric(
    "slm_state_transaction_seconds_total",
    Type.COUNTER,
    (),
    "Seconds spent in transactions, failed ones included.",
    "事务所用的秒数，包括失败的事务。",
)
STATE_SAVED_OFFSET: Final = Metric(
    "slm_state_saved_offset",
    Type.GAUGE,
    _SOURCE,
    "Offset after the last record that a committed transaction includes.",
    "已提交事务所含最后一条记录之后的位移。",
)
STATE_UNSAVED: Final = Metric(
    "slm_state_unsaved_records",
    Type.GAUGE,
    _SOURCE,
    "Records folded since the last committed transaction.",
    "自上次提交事务以来折叠的记录数。",
)
STATE_RECOVERIES: Final = Metric(
    "slm_state_recoveries_total", Type.COUNTER, (), "Partitions whose state was recovered.", "已恢复状态的分区数。"
)
STATE_RECOVERY_SECONDS: Final = Metric(
    "slm_state_last_recovery_seconds",
    Type.GAUGE,
    (),
    "Seconds that the last recovery took until figures were complete.",
    "最近一次恢复直至数值完整所用的秒数。",
)
STATE_RECOVERY_ROWS: Final = Metric(
    "slm_state_last_recovery_rows", Type.GAUGE, (), "Rows read by the last recovery.", "最近一次恢复读取的行数。"
)
REKEY_RECORDS: Final = Metric(
    "slm_rekey_records_total",
    Type.COUNTER,
    ("result",),
    "Records rekeyed, by result: events, rejected ones, and those that were not passed on.",
    "重设键的记录数，按结果统计：事件、被拒绝的记录、未转发的记录。",
)
REKEY_LAG: Final = Metric(
    "slm_rekey_lag_records",
    Type.GAUGE,
    (),
    "Records of this worker's source partitions that are still to be rekeyed.",
    "本工作进程的来源分区中尚待重设键的记录数。",
)
STANDARDS_IN_FORCE: Final = Metric(
    "slm_standards_info",
    Type.INFO,
    (*_SOURCE, "standards"),
    "Digest of the standards in force for the partition.",
    "分区所执行标准的摘要。",
)
STANDARDS_REFUSED: Final = Metric(
    "slm_standards_refused",
    Type.GAUGE,
    (),
    "1 while the worker refuses its standards file, so that earlier standards stay.",
    "工作进程拒绝其标准文件、沿用原标准期间为 1。",
)
WORKER_STATE: Final = Metric(
    "slm_worker_state",
    Type.GAUGE,
    ("state",),
    "1 for the state that the worker is in, 0 for the others.",
    "工作进程当前所处的状态为 1，其余为 0。",
)
WORKER_READY: Final = Metric(
    "slm_worker_ready",
    Type.GAUGE,
    (),
    "1 while every assigned partition has been recovered and caught up.",
    "所有分配的分区均已恢复并追上时为 1。",
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
    "Version, and digest of the worker's own standards file.",
    "版本，以及工作进程自身标准文件的摘要。",
)

#: Every metric, in the order of the exposition.
METRICS: Final[tuple[Metric, ...]] = (
    INTERACTIONS, FAILURES, RESPONSE_TIME, *QUANTILES.values(), RESPONSE_TIME_MAX, RESPONSE_TIME_MIN,
    AVAILABILITY, AVAILABILITY_EVENTS, ABANDONMENT, ABANDONMENT_EVENTS,
    PROBE_AVAILABILITY, PROBE_AVAILABILITY_OBSERVED, PROBE_COVERAGE, PROBE_UP, PROBE_OBSERVED,
    OBJECTIVE_GOOD, OBJECTIVE_EVENTS, OBJECTIVE_RATIO, OBJECTIVE_WINDOW_EVENTS, OBJECTIVE_WINDOW_SECONDS,
    OBJECTIVE_TARGET, BUDGET_REMAINING, OBJECTIVE_ALERTS, BREACH_OPEN,
    PIPELINE_EVENTS, PIPELINE_UNKNOWN_FIELDS, PIPELINE_UNREADABLE, PIPELINE_FOLDED_LABELS,
    PIPELINE_WATERMARK, PIPELINE_NEWEST, PIPELINE_LAG, PIPELINE_OPEN_SLICES, PIPELINE_RECOVERING,
    PIPELINE_FOLD_SECONDS, PIPELINE_TICKS,
    STATE_TRANSACTIONS, STATE_TRANSACTION_SECONDS, STATE_SAVED_OFFSET, STATE_UNSAVED,
    STATE_RECOVERIES, STATE_RECOVERY_SECONDS, STATE_RECOVERY_ROWS,
    REKEY_RECORDS, REKEY_LAG,
    STANDARDS_IN_FORCE, STANDARDS_REFUSED, WORKER_READY, WORKER_STATE, WORKER_WARNING, BUILD,
)  # fmt: skip
