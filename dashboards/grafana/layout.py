"""From panels to a dashboard: their positions on Grafana's grid, their JSON, and the choice of a language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dashboards.grafana.panels import DATASOURCE
from streams.texts.phrase import Language, Text, in_language

if TYPE_CHECKING:
    from dashboards.grafana.panels import Panel, Query, Tree

GRID_WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class PanelRow:
    """A row with a title and panels that flow below it from left to right."""

    id: int
    title: Text
    panels: tuple[Panel, ...]


def render(rows: Sequence[PanelRow]) -> list[Tree]:
    """Lay rows and panels out on Grafana's grid, 24 columns wide, without gaps or overlaps."""
    rendered: list[Tree] = []
    y = 0
    for row in rows:
        position: Tree = {"x": 0, "y": y, "w": GRID_WIDTH, "h": 1}
        rendered.append(
            {"id": row.id, "type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": position}
        )
        y += 1
        for line in _lines(row.panels):
            rendered.extend(_line(line, y))
            y += max(panel.height for panel in line)
    return rendered


def localise(tree: Tree, language: Language) -> Tree:
    """Replace every `Text` by its text in ``language``."""
    match tree:
        case Text():
            return in_language(tree, language)
        case Mapping():
            return {key: localise(value, language) for key, value in tree.items()}
        case str():
            return tree
        case Sequence():
            return [localise(item, language) for item in tree]
        case _:
            return tree


def _lines(panels: Sequence[Panel]) -> list[list[Panel]]:
    lines: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(p.width for p in lines[-1]) + panel.width > GRID_WIDTH:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _line(panels: Sequence[Panel], y: int) -> list[Tree]:
    x = 0
    placed: list[Tree] = []
    for panel in panels:
        placed.append(_panel(panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x += panel.width
    return placed


def _panel(panel: Panel, position: Tree) -> Tree:
    return {
        "id": panel.id,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": position,
        "targets": [_target(query, chr(ord("A") + index)) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": panel.defaults, "overrides": panel.overrides},
        "options": panel.options,
        **({"transformations": panel.transformations} if panel.transformations else {}),
    }


def _target(query: Query, ref: str) -> Tree:
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr.text,
        "legendFormat": query.legend or "__auto",
        "format": query.format,
        "instant": query.instant,
        "range": not query.instant,
    }
