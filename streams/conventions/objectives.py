"""Metrics of objectives and of breaches."""

from __future__ import annotations

from typing import Final

from streams.conventions.labels import BY_OBJECTIVE
from streams.conventions.metric import Metric, Type

OBJECTIVE_GOOD: Final = Metric(
    "slm_objective_good_total",
    Type.COUNTER,
    BY_OBJECTIVE,
    "Events that kept the objective; seconds where it judges by probes.",
    "符合目标的事件数；按探测判定时为秒数。",
)
OBJECTIVE_EVENTS: Final = Metric(
    "slm_objective_events_total",
    Type.COUNTER,
    BY_OBJECTIVE,
    "Events that the objective judged; seconds where it judges by probes.",
    "目标所判定的事件数；按探测判定时为秒数。",
)
OBJECTIVE_RATIO: Final = Metric(
    "slm_objective_ratio",
    Type.GAUGE,
    BY_OBJECTIVE,
    "Share attained over the objective's window.",
    "目标窗口内的达成率。",
)
OBJECTIVE_WINDOW_EVENTS: Final = Metric(
    "slm_objective_window_events",
    Type.GAUGE,
    BY_OBJECTIVE,
    "Events that an objective judged within its window, unless it judges by probes.",
    "目标窗口内判定的事件数；按探测判定的目标除外。",
)
OBJECTIVE_WINDOW_SECONDS: Final = Metric(
    "slm_objective_window_seconds",
    Type.GAUGE,
    BY_OBJECTIVE,
    "Time observed within the window of an objective that judges by probes.",
    "按探测判定的目标在其窗口内的观测时长。",
)
OBJECTIVE_TARGET: Final = Metric(
    "slm_objective_target_ratio", Type.GAUGE, BY_OBJECTIVE, "Share that the objective promises.", "目标承诺的比例。"
)
BUDGET_REMAINING: Final = Metric(
    "slm_error_budget_remaining_ratio",
    Type.GAUGE,
    BY_OBJECTIVE,
    "Share of the error budget left over the objective's window; negative once overspent.",
    "目标窗口内剩余的错误预算比例；超支后为负。",
)
OBJECTIVE_ALERTS: Final = Metric(
    "slm_objective_alerts",
    Type.GAUGE,
    BY_OBJECTIVE,
    "1 if a breach of the objective is to alert somebody, 0 if it is only shown.",
    "目标违约时是否告警：1 为告警，0 为仅显示。",
)
BREACH_OPEN: Final = Metric(
    "slm_breach_open",
    Type.GAUGE,
    BY_OBJECTIVE,
    "1 while the objective is in breach, as decided at the last slice end.",
    "目标违约期间为 1，以最近一个时间片结束时的判定为准。",
)
