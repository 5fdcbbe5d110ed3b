"""Metrics of services and their steps."""

from __future__ import annotations

from typing import Final

from streams.conventions.labels import BY_STEP, BY_WINDOW
from streams.conventions.metric import Metric, Type

INTERACTIONS: Final = Metric(
    "slm_interactions_total",
    Type.COUNTER,
    (*BY_STEP, "outcome"),
    "Interactions by outcome.",
    "按结果统计的服务接触次数。",
)
FAILURES: Final = Metric(
    "slm_failures_total",
    Type.COUNTER,
    (*BY_STEP, "failure_point"),
    "Failures by fail point.",
    "按失败点统计的失败次数。",
)
RESPONSE_TIME: Final = Metric(
    "slm_response_time_seconds",
    Type.HISTOGRAM,
    BY_STEP,
    "Response time of served interactions.",
    "已服务接触的响应时间。",
)
QUANTILES: Final = {
    quantile: Metric(
        f"slm_response_time_p{quantile}_seconds",
        Type.GAUGE,
        BY_WINDOW,
        f"Response time that {quantile} % of served interactions stay within, over the window.",
        f"窗口内 {quantile}% 已服务接触的响应时间不超过此值。",
    )
    for quantile in (50, 90, 95, 99)
}
RESPONSE_TIME_MAX: Final = Metric(
    "slm_response_time_max_seconds",
    Type.GAUGE,
    BY_WINDOW,
    "Longest response time over the window.",
    "窗口内最长响应时间。",
)
RESPONSE_TIME_MIN: Final = Metric(
    "slm_response_time_min_seconds",
    Type.GAUGE,
    BY_WINDOW,
    "Shortest response time over the window.",
    "窗口内最短响应时间。",
)
AVAILABILITY: Final = Metric(
    "slm_availability_ratio",
    Type.GAUGE,
    BY_WINDOW,
    "Availability by request over the window: ok / (ok + failed).",
    "窗口内按请求计算的可用性：成功 /（成功 + 失败）。",
)
AVAILABILITY_EVENTS: Final = Metric(
    "slm_availability_events",
    Type.GAUGE,
    BY_WINDOW,
    "Interactions that availability by request rests on.",
    "按请求计算可用性所依据的接触次数。",
)
ABANDONMENT: Final = Metric(
    "slm_abandonment_ratio",
    Type.GAUGE,
    BY_WINDOW,
    "Abandoned interactions / all, over the window.",
    "窗口内放弃的接触占全部接触的比例。",
)
ABANDONMENT_EVENTS: Final = Metric(
    "slm_abandonment_events",
    Type.GAUGE,
    BY_WINDOW,
    "Interactions that the abandonment ratio rests on.",
    "计算放弃率所依据的接触次数。",
)
PROBE_AVAILABILITY: Final = Metric(
    "slm_probe_availability_ratio",
    Type.GAUGE,
    BY_WINDOW,
    "Availability by time over the window: seconds up / seconds observed.",
    "窗口内按时间计算的可用性：正常秒数 / 观测秒数。",
)
PROBE_AVAILABILITY_OBSERVED: Final = Metric(
    "slm_probe_availability_observed_seconds",
    Type.GAUGE,
    BY_WINDOW,
    "Seconds that availability by time rests on.",
    "按时间计算可用性所依据的观测秒数。",
)
PROBE_COVERAGE: Final = Metric(
    "slm_probe_coverage_ratio",
    Type.GAUGE,
    BY_WINDOW,
    "Share of the window that probes observed, of what is final of it; once probes have spoken of the step.",
    "窗口内已定稿时间中被探测覆盖的比例；自探测首次涉及该环节起。",
)
PROBE_UP: Final = Metric(
    "slm_probe_up_seconds_total", Type.COUNTER, BY_STEP, "Seconds observed as up.", "观测为正常的秒数。"
)
PROBE_OBSERVED: Final = Metric(
    "slm_probe_observed_seconds_total", Type.COUNTER, BY_STEP, "Seconds observed by probes.", "探测覆盖的秒数。"
)
