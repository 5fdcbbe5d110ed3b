"""Panels of Grafana's dashboard schema: one function for each kind, with what its panels have in common.

Texts stay `Text` in both languages until `layout.localise` picks one for the whole tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from streams.texts.phrase import Text

if TYPE_CHECKING:
    from dashboards.grafana.queries import Expr
    from streams.texts.phrase import Phrase

#: JSON with `Text` leaves.
Tree: TypeAlias = "Mapping[str, Tree] | Sequence[Tree] | Text | str | int | float | bool | None"

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
NO_DATA: Final = Text("no data", "无数据")
#: Defaults of shares: their axes end at 1, however small the variation.
SHARE: Final[Mapping[str, Tree]] = {"max": 1, "decimals": 2}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel. An ``instant`` query returns the end of the shown range alone."""

    expr: Expr
    legend: str = ""
    instant: bool = False
    format: str = "time_series"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel without a position. Its ``id`` must never change: links and alerts of users point to it."""

    id: int
    kind: str
    title: Text
    queries: tuple[Query, ...]
    width: int
    height: int
    note: Text | None
    defaults: Mapping[str, Tree]
    options: Mapping[str, Tree]
    overrides: Sequence[Tree] = ()
    transformations: Sequence[Tree] = ()

    @property
    def description(self) -> Text:
        """The note, then the help of every metric that the queries read."""
        metrics = dict.fromkeys(metric for query in self.queries for metric in query.expr.metrics)
        note = [self.note] if self.note else []
        texts = [*note, *(Text(f"`{m.name}`: {m.help}", f"`{m.name}`：{m.help_zh}") for m in metrics)]
        return Text("\n\n".join(t.en for t in texts), "\n\n".join(t.zh for t in texts))


def thresholds(*steps: tuple[float | None, str]) -> Tree:
    """Colours from a value upwards; the first step's value is None, which is minus infinity."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def states(names: Mapping[int, tuple[Text, str]]) -> Tree:
    """Show these values as words in a colour, and no value as *no data*."""
    options: Tree = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(names.items())
    }
    return [{"type": "value", "options": options}, *missing_as(NO_DATA)]


def words(phrases: Iterable[Phrase]) -> Tree:
    """Show the keys of these phrases as their texts."""
    options: Tree = {phrase.key: {"text": phrase.value, "index": index} for index, phrase in enumerate(phrases)}
    return [{"type": "value", "options": options}]


def graph(
    id_: int,
    title: Text,
    *queries: Query,
    unit: str,
    width: int = 12,
    note: Text | None = None,
    stacked: bool = False,
    defaults: Mapping[str, Tree] | None = None,
    overrides: Sequence[Tree] = (),
) -> Panel:
    """Curves over time. Gaps stay gaps: a line across them would invent data."""
    custom: Tree = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if stacked else 8,
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "line" if defaults and "thresholds" in defaults else "off"},
    }
    legend: Tree = {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]}
    return Panel(
        id=id_,
        kind="timeseries",
        title=title,
        queries=queries,
        width=width,
        height=8,
        note=note,
        defaults={
            "unit": unit,
            "custom": custom,
            "noValue": NO_DATA,
            "color": {"mode": "palette-classic"},
            **(defaults or {}),
        },
        options={"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}},
        overrides=overrides,
    )


def stat(
    id_: int, title: Text, *queries: Query, width: int, note: Text | None = None, defaults: Mapping[str, Tree]
) -> Panel:
    """The last value, large, on the colour of its threshold."""
    return Panel(
        id=id_,
        kind="stat",
        title=title,
        queries=queries,
        width=width,
        height=4,
        note=note,
        defaults={"noValue": NO_DATA, "color": {"mode": "thresholds"}, **defaults},
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "background",
            "graphMode": "none",
            "textMode": "value_and_name" if any(query.legend for query in queries) else "value",
            "justifyMode": "auto",
            "orientation": "auto",
        },
    )


def bars(id_: int, title: Text, query: Query, *, unit: str, width: int, note: Text | None = None) -> Panel:
    """Horizontal bars, in the order in which the query sorts them."""
    return Panel(
        id=id_,
        kind="bargauge",
        title=title,
        queries=(query,),
        width=width,
        height=8,
        note=note,
        defaults={
            "unit": unit,
            "decimals": 0,
            "min": 0,
            "noValue": NO_DATA,
            "color": {"mode": "fixed", "fixedColor": "orange"},
            "thresholds": thresholds((None, "orange")),
        },
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "orientation": "horizontal",
            "displayMode": "basic",
            "valueMode": "color",
            "showUnfilled": True,
            "minVizWidth": 8,
            "minVizHeight": 16,
        },
    )


def heatmap(id_: int, title: Text, query: Query, *, unit: str, width: int, note: Text | None = None) -> Panel:
    """Buckets of a histogram over time; the query's format must be `heatmap` and its legend the bucket's bound."""
    return Panel(
        id=id_,
        kind="heatmap",
        title=title,
        queries=(query,),
        width=width,
        height=8,
        note=note,
        defaults={"noValue": NO_DATA},
        options={
            "calculate": False,
            "yAxis": {"unit": unit, "axisPlacement": "left", "reverse": False},
            "color": {"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "steps": 64, "reverse": False},
            "cellGap": 1,
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "yHistogram": False},
        },
    )


def timeline(id_: int, title: Text, query: Query, *, width: int, mappings: Tree) -> Panel:
    """A band of colour for each series, which shows how long each state lasted."""
    return Panel(
        id=id_,
        kind="state-timeline",
        title=title,
        queries=(query,),
        width=width,
        height=8,
        note=None,
        defaults={
            "mappings": mappings,
            "noValue": NO_DATA,
            "color": {"mode": "thresholds"},
            "thresholds": thresholds((None, "green"), (1, "red")),
            "custom": {"fillOpacity": 80, "lineWidth": 0},
        },
        options={
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.9,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. ``source`` is the field's name before renaming: a label, or `Value #A` of query A."""

    source: str
    title: Text
    properties: Mapping[str, Tree]


def table(
    id_: int,
    title: Text,
    queries: Sequence[Query],
    columns: Sequence[Column],
    *,
    width: int,
    height: int = 8,
    note: Text | None = None,
    hidden: Sequence[str] = (),
) -> Panel:
    """One line for each combination of labels; the queries' values become columns, in the given order."""
    organize: Tree = {
        "excludeByName": dict.fromkeys(("Time", *hidden), True),
        "indexByName": {column.source: index for index, column in enumerate(columns)},
        "renameByName": {column.source: column.title for column in columns},
    }
    return Panel(
        id=id_,
        kind="table",
        title=title,
        queries=tuple(queries),
        width=width,
        height=height,
        note=note,
        defaults={"noValue": NO_DATA, "custom": {"align": "auto", "filterable": True}, "mappings": missing_as(NO_DATA)},
        options={"showHeader": True, "cellHeight": "sm"},
        overrides=[by_name(column.title, column.properties) for column in columns if column.properties],
        transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
    )


def by_name(name: Text, properties: Mapping[str, Tree]) -> Tree:
    """Override the field of this name."""
    return {"matcher": {"id": "byName", "options": name}, "properties": _properties(properties)}


def by_query(ref: str, properties: Mapping[str, Tree]) -> Tree:
    """Override the fields of the query with this letter."""
    return {"matcher": {"id": "byFrameRefID", "options": ref}, "properties": _properties(properties)}


def _properties(properties: Mapping[str, Tree]) -> Tree:
    return [{"id": name, "value": value} for name, value in properties.items()]


def missing_as(text: Text) -> list[Tree]:
    """Show ``text`` where there is no value."""
    return [{"type": "special", "options": {"match": "null+nan", "result": {"text": text, "index": 99}}}]
