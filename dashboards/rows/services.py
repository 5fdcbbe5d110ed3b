"""Rows about what customers experience: response time (ids from 200 on), availability (300), fail points (400)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards.grafana.layout import PanelRow
from dashboards.grafana.panels import SHARE, Panel, Query, bars, by_query, graph, heatmap
from dashboards.grafana.queries import SHOWN_RANGE, Expr, formula, max_by, over, rate, shown, sum_by
from streams import conventions
from streams.texts.phrase import Text

if TYPE_CHECKING:
    from streams.conventions.metric import Metric

_STEP: Final = ("service", "step")
_STEP_LEGEND: Final = "{{service}} {{step}}"
_FAIL_POINT_LEGEND: Final = f"{_STEP_LEGEND}: {{{{failure_point}}}}"


def rows() -> list[PanelRow]:
    """The rows, in the order in which operators need them."""
    return [response_time(), availability(), fail_points()]


def response_time() -> PanelRow:
    """How long do customers wait?"""
    return PanelRow(
        200, Text("Response time", "响应时间"), (_quantiles(), _extremes(), _cross_check(), _distribution())
    )


def availability() -> PanelRow:
    """Can customers be served at all?"""
    return PanelRow(
        300,
        Text("Availability", "可用性"),
        (_by_request(), _interactions(), _by_time(), _coverage(), _observed(), _abandonment(), _basis()),
    )


def fail_points() -> PanelRow:
    """Where does the service fail?"""
    return PanelRow(400, Text("Fail points", "失败点"), (_pareto(), _failures()))


def _of_step(metric: Metric) -> Expr:
    return max_by(shown(metric), *_STEP)


def _quantiles() -> Panel:
    return graph(
        201,
        Text("Response time over $window", "响应时间（窗口 $window）"),
        *(Query(_of_step(m), f"p{quantile} {_STEP_LEGEND}") for quantile, m in conventions.QUANTILES.items()),
        unit="s",
        defaults={"min": 0},
        note=Text(
            "p95: 95 % of served interactions took at most this long. Relative error at most 2 %.",
            "p95：95% 已服务接触的响应时间不超过此值，相对误差不超过 2%。",
        ),
    )


def _extremes() -> Panel:
    return graph(
        202,
        Text("Longest and shortest over $window", "最长与最短（窗口 $window）"),
        Query(_of_step(conventions.RESPONSE_TIME_MAX), f"↑ {_STEP_LEGEND}"),
        Query(_of_step(conventions.RESPONSE_TIME_MIN), f"↓ {_STEP_LEGEND}"),
        unit="s",
        defaults={"min": 0},
    )


def _buckets(*labels: str) -> Expr:
    return sum_by(rate(shown(conventions.RESPONSE_TIME, sample="_bucket")), "le", *labels)


def _cross_check() -> Panel:
    quantile = formula("histogram_quantile(0.95, {buckets})", buckets=_buckets(*_STEP))
    return graph(
        203,
        Text("p95 now, from the histogram", "当前 p95（由直方图推算）"),
        Query(quantile, _STEP_LEGEND),
        unit="s",
        defaults={"min": 0},
        note=Text(
            "A check by Prometheus alone, which interpolates between the bounds of the histogram's buckets: it lies in "
            "the same bucket as the exact figure of the same time. By default neighbouring bounds are 1.48 times apart "
            "from 44 ms to 756 s, and further apart beyond. The exact figure is in *Response time*.",
            "由 Prometheus 独立推算的核对值：在直方图的桶内插值，与同一时段的准确数值落在同一个桶内。"
            "默认从 44 ms 到 756 s 相邻桶边界相差 1.48 倍，其外间隔更大。准确数值见“响应时间”。",
        ),
    )


def _distribution() -> Panel:
    return heatmap(
        204,
        Text("Distribution of response times", "响应时间分布"),
        Query(_buckets(), "{{le}}", format="heatmap"),
        unit="s",
        width=12,
        note=Text("Interactions per second by response time.", "按响应时间统计的每秒接触次数。"),
    )


def _by_request() -> Panel:
    return graph(
        301,
        Text("Availability by request over $window", "按请求的可用性（窗口 $window）"),
        Query(_of_step(conventions.AVAILABILITY), _STEP_LEGEND),
        unit="percentunit",
        defaults=SHARE,
    )


def _interactions() -> Panel:
    per_minute = formula("60 * {rate}", rate=sum_by(rate(shown(conventions.INTERACTIONS)), "outcome"))
    return graph(
        302,
        Text("Interactions per minute by outcome", "每分钟接触次数（按结果）"),
        Query(per_minute, "{{outcome}}"),
        unit="none",
        stacked=True,
        defaults={"min": 0},
    )


def _by_time() -> Panel:
    up = sum_by(rate(shown(conventions.PROBE_UP)), *_STEP)
    observed = sum_by(rate(shown(conventions.PROBE_OBSERVED)), *_STEP)
    return graph(
        303,
        Text("Availability by probes over $window", "按探测的可用性（窗口 $window）"),
        Query(_of_step(conventions.PROBE_AVAILABILITY), _STEP_LEGEND),
        # Nothing observed is no data, not 0 %. Both counters advance by a slice at a time, so that the extrapolation of
        # `rate` cancels out, and the quotient never exceeds 1.
        Query(formula("{up} / ({observed} > 0)", up=up, observed=observed), f"{_STEP_LEGEND} ·"),
        unit="percentunit",
        defaults=SHARE,
        note=Text("Dotted: of the last minutes alone.", "点线为仅最近几分钟的数值。"),
        overrides=[by_query("B", {"custom.lineStyle": {"fill": "dot", "dash": [0, 10]}, "custom.fillOpacity": 0})],
    )


def _coverage() -> Panel:
    return graph(
        304,
        Text("Share of time observed by probes over $window", "探测覆盖的时间比例（窗口 $window）"),
        Query(_of_step(conventions.PROBE_COVERAGE), _STEP_LEGEND),
        unit="percentunit",
        width=6,
        defaults={"min": 0, **SHARE},
        note=Text(
            "Of the window's time that is final, be it before the first event. "
            "Time that no probe covers counts neither as up nor as down.",
            "按窗口内已定稿的时间计算，首个事件之前的时间也计入。未被探测覆盖的时间既不算正常也不算中断。",
        ),
    )


def _observed() -> Panel:
    return graph(
        307,
        Text("Time observed by probes over $window", "探测覆盖时长（窗口 $window）"),
        Query(_of_step(conventions.PROBE_AVAILABILITY_OBSERVED), _STEP_LEGEND),
        unit="s",
        width=6,
        defaults={"min": 0},
    )


def _abandonment() -> Panel:
    return graph(
        305,
        Text("Abandoned over $window", "放弃率（窗口 $window）"),
        Query(_of_step(conventions.ABANDONMENT), _STEP_LEGEND),
        unit="percentunit",
        defaults={"min": 0},
    )


def _basis() -> Panel:
    return graph(
        306,
        Text("Interactions behind these figures, over $window", "上述数值所依据的接触次数（窗口 $window）"),
        Query(_of_step(conventions.AVAILABILITY_EVENTS), f"{_STEP_LEGEND} ✓✗"),
        Query(_of_step(conventions.ABANDONMENT_EVENTS), f"{_STEP_LEGEND} Σ"),
        unit="locale",
        defaults={"min": 0},
        note=Text("✓✗: ok and failed. Σ: abandoned ones too.", "✓✗：成功与失败。Σ：另含放弃。"),
    )


def _pareto() -> Panel:
    counts = sum_by(over("increase", shown(conventions.FAILURES), SHOWN_RANGE), *_STEP, "failure_point")
    return bars(
        401,
        Text("Most frequent fail points in the shown time range", "所选时间范围内最常见的失败点"),
        Query(formula("sort_desc(topk(15, {counts} > 0))", counts=counts), _FAIL_POINT_LEGEND, instant=True),
        unit="locale",
        width=12,
        note=Text(
            "Pareto chart: the few places that cause most failures come first. The very first failure at a fail point "
            "that the standards do not declare is not counted: Prometheus sees no increase in it.",
            "帕累托图：造成大多数失败的少数环节排在最前。"
            "标准中未声明的失败点，其首次失败不计入：Prometheus 看不到增量。",
        ),
    )


def _failures() -> Panel:
    per_minute = formula("60 * {rate}", rate=sum_by(rate(shown(conventions.FAILURES)), *_STEP, "failure_point"))
    return graph(
        402,
        Text("Failures per minute by fail point", "每分钟失败次数（按失败点）"),
        Query(per_minute, _FAIL_POINT_LEGEND),
        unit="none",
        stacked=True,
        defaults={"min": 0},
    )
