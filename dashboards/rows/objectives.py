"""The row about objectives, ids from 100 on: targets, attained shares, error budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards.grafana.layout import PanelRow
from dashboards.grafana.panels import (
    SHARE,
    Column,
    Panel,
    Query,
    Tree,
    by_query,
    graph,
    missing_as,
    stat,
    states,
    table,
    thresholds,
    timeline,
)
from dashboards.grafana.queries import Expr, formula, max_by, over, shown, sum_by
from streams import conventions
from streams.texts.phrase import Text

if TYPE_CHECKING:
    from streams.conventions.metric import Metric

_OBJECTIVE: Final = ("service", "objective")
_OBJECTIVE_LEGEND: Final = "{{service}} / {{objective}}"

_BREACH_STATES: Final = states({0: (Text("kept", "达标"), "green"), 1: (Text("in breach", "违约"), "red")})
_ALERTS_STATES: Final = states({0: (Text("shown only", "仅显示"), "text"), 1: (Text("yes", "是"), "text")})

# An error budget is short from a quarter down: there teams usually begin to hold back changes.
_BUDGET_SHORT: Final = 0.25
_BUDGET_COLOURS: Final = thresholds((None, "red"), (0, "orange"), (_BUDGET_SHORT, "green"))


def objectives() -> PanelRow:
    """Are the objectives met, and how much error budget is left?"""
    return PanelRow(
        100,
        Text("Objectives", "服务目标"),
        (
            _in_breach(),
            _promises(),
            _lowest_budget(),
            _objectives_table(),
            _attained(),
            _budget(),
            _burn_rate(),
            _history(),
        ),
    )


def _of_objective(metric: Metric) -> Expr:
    return max_by(shown(metric), *_OBJECTIVE)


def _in_breach() -> Panel:
    return stat(
        101,
        Text("Objectives in breach", "违约中的目标"),
        Query(sum_by(_of_objective(conventions.BREACH_OPEN)), instant=True),
        width=6,
        defaults={"unit": "none", "thresholds": thresholds((None, "green"), (1, "red"))},
    )


def _promises() -> Panel:
    return stat(
        102,
        Text("Objectives watched", "受监控的目标"),
        Query(formula("count({all})", all=_of_objective(conventions.OBJECTIVE_TARGET)), instant=True),
        width=6,
        defaults={"unit": "none", "thresholds": thresholds((None, "blue"))},
    )


def _lowest_budget() -> Panel:
    budget = _of_objective(conventions.BUDGET_REMAINING)
    return stat(
        103,
        Text("Smallest error budget left", "最少的剩余错误预算"),
        Query(formula("bottomk(1, {budget})", budget=budget), _OBJECTIVE_LEGEND, instant=True),
        width=12,
        defaults={"unit": "percentunit", "decimals": 1, "thresholds": _BUDGET_COLOURS},
    )


def _objectives_table() -> Panel:
    share: dict[str, Tree] = {"unit": "percentunit", "decimals": 3}
    columns = (
        Column("service", Text("Service", "服务"), {"links": [_ONLY_THIS_SERVICE]}),
        Column("objective", Text("Objective", "目标"), {}),
        Column("Value #A", Text("Attained", "达成率"), share),
        Column("Value #B", Text("Target", "目标值"), share),
        Column("Value #C", Text("Error budget left", "剩余错误预算"), _budget_cell()),
        Column("Value #D", Text("Events in the window", "窗口内事件数"), {"unit": "locale", "decimals": 0, **_blank()}),
        Column("Value #E", Text("Time observed in the window", "窗口内观测时长"), {"unit": "s", **_blank()}),
        Column("Value #F", Text("State", "状态"), _state_cell()),
        Column("Value #G", Text("Alerts", "告警"), _alerts_cell()),
    )
    metrics = (
        conventions.OBJECTIVE_RATIO,
        conventions.OBJECTIVE_TARGET,
        conventions.BUDGET_REMAINING,
        conventions.OBJECTIVE_WINDOW_EVENTS,
        conventions.OBJECTIVE_WINDOW_SECONDS,
        conventions.BREACH_OPEN,
        conventions.OBJECTIVE_ALERTS,
    )
    queries = [Query(_of_objective(metric), instant=True, format="table") for metric in metrics]
    return table(104, Text("Objectives", "目标"), queries, columns, width=24, note=_TABLE_NOTE)


_ONLY_THIS_SERVICE: Final[Tree] = {
    "title": Text("Only this service", "只看此服务"),
    "url": "/d/${__dashboard.uid}?var-service=${__value.raw}&${__url_time_range}",
}
_TABLE_NOTE: Final = Text(
    "Each objective over its own window. Those by probes judge time, the others events. "
    "Without enough of it for a judgement there is no attained share.",
    "每个目标按其自身的窗口计算。按探测的目标判定时间，其余判定事件。不足以判定时不显示达成率。",
)
_NOTHING: Final = Text("–", "–")


def _blank() -> dict[str, Tree]:
    """Show a dash: an objective judges events or time, and has nothing of the other, which is not *no data*."""
    return {"mappings": missing_as(_NOTHING)}


def _budget_cell() -> dict[str, Tree]:
    return {
        "unit": "percentunit",
        "decimals": 1,
        "thresholds": _BUDGET_COLOURS,
        "custom.cellOptions": {"type": "color-text"},
    }


def _state_cell() -> dict[str, Tree]:
    return {"mappings": _BREACH_STATES, "custom.cellOptions": {"type": "color-background"}}


def _alerts_cell() -> dict[str, Tree]:
    return {"mappings": _ALERTS_STATES}


def _attained() -> Panel:
    dashed: Tree = {"fill": "dash", "dash": [8, 6]}
    return graph(
        105,
        Text("Attained share and target", "达成率与目标值"),
        Query(_of_objective(conventions.OBJECTIVE_RATIO), _OBJECTIVE_LEGEND),
        Query(_of_objective(conventions.OBJECTIVE_TARGET), f"{_OBJECTIVE_LEGEND} ◎"),
        unit="percentunit",
        defaults=SHARE,
        note=Text("Dashed: the target.", "虚线为目标值。"),
        overrides=[by_query("B", {"custom.lineStyle": dashed, "custom.fillOpacity": 0})],
    )


def _budget() -> Panel:
    return graph(
        106,
        Text("Error budget left", "剩余错误预算"),
        Query(_of_objective(conventions.BUDGET_REMAINING), _OBJECTIVE_LEGEND),
        unit="percentunit",
        defaults={"thresholds": thresholds((None, "transparent"), (0, "red"))},
    )


def _burn_rate() -> Panel:
    hour = "1h"
    good = sum_by(over("rate", shown(conventions.OBJECTIVE_GOOD), hour), *_OBJECTIVE)
    events = sum_by(over("rate", shown(conventions.OBJECTIVE_EVENTS), hour), *_OBJECTIVE)
    target = _of_objective(conventions.OBJECTIVE_TARGET)
    return graph(
        107,
        Text("Burn rate over the last hour", "最近一小时的预算消耗速率"),
        # A target of 100 % has no budget to burn; the comparison drops it.
        Query(
            formula("(1 - {good} / {events}) / ((1 - {target}) > 0)", good=good, events=events, target=target),
            _OBJECTIVE_LEGEND,
        ),
        unit="none",
        defaults={"min": 0, "decimals": 1, "thresholds": thresholds((None, "transparent"), (1, "orange"))},
        note=Text(
            "Share of bad events / share allowed. At 1 the error budget lasts exactly for the objective's window.",
            "不良事件比例 / 允许比例。为 1 时，错误预算恰好用满整个目标窗口。",
        ),
    )


def _history() -> Panel:
    return timeline(
        108,
        Text("Breaches over time", "违约历史"),
        Query(_of_objective(conventions.BREACH_OPEN), _OBJECTIVE_LEGEND),
        width=12,
        mappings=_BREACH_STATES,
    )
