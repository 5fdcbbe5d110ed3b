"""The dashboard as Grafana reads it: valid, in both languages, and about metrics that exist."""

from __future__ import annotations

import copy
import json
import re
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import dashboards
from dashboards import generate
from dashboards.grafana.layout import localise
from dashboards.grafana.queries import label_values
from streams import conventions
from streams.texts.phrase import Language, Text

if TYPE_CHECKING:
    from dashboards.grafana.panels import Tree
    from streams.conventions.metric import Metric

HERE = Path(__file__).parent
DASHBOARDS = dict(generate.dashboards())
CHINESE = re.compile(r"[\u4e00-\u9fff]")

every_language = pytest.mark.parametrize("language", list(Language), ids=lambda language: f"in {language}")


def panels(language: Language) -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARDS[language]["panels"] if panel["type"] != "row"]


def expressions(language: Language = Language.EN) -> list[str]:
    return [target["expr"] for panel in panels(language) for target in panel["targets"]]


def grafanas_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((HERE / "dashboard.jsonschema.json").read_text("utf-8"))
    definitions = schema["definitions"]
    # README.md beside this file says why these two are lifted.
    definitions["MatcherConfig"]["properties"]["options"] = {}
    definitions["DynamicConfigValue"]["properties"]["value"] = {}
    return schema


@every_language
def test_grafanas_schema_accepts_the_dashboard(language: Language) -> None:
    jsonschema.validate(DASHBOARDS[language], grafanas_schema(), jsonschema.Draft7Validator)


def test_grafanas_schema_is_able_to_reject() -> None:
    broken = copy.deepcopy(DASHBOARDS[Language.EN])
    broken["panels"][1]["gridPos"]["w"] = 25
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, grafanas_schema(), jsonschema.Draft7Validator)


@every_language
def test_ids_of_panels_are_unique(language: Language) -> None:
    ids = [panel["id"] for panel in DASHBOARDS[language]["panels"]]
    assert len(ids) == len(set(ids))


def test_ids_that_users_linked_to_have_not_moved() -> None:
    titles = {panel["id"]: panel["title"] for panel in DASHBOARDS[Language.EN]["panels"]}
    assert titles[101] == "Objectives in breach"
    assert titles[201] == "Response time over $window"
    assert titles[401] == "Most frequent fail points in the shown time range"
    assert [DASHBOARDS[language]["uid"] for language in Language] == ["slm-service-levels-en", "slm-service-levels-zh"]


@every_language
def test_panels_do_not_overlap_and_lie_on_the_grid(language: Language) -> None:
    places = [panel["gridPos"] for panel in DASHBOARDS[language]["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, f"{one} overlaps {other}"


@every_language
def test_every_panel_explains_itself(language: Language) -> None:
    for panel in panels(language):
        assert panel["title"], panel["id"]
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


@every_language
def test_queries_of_a_panel_have_different_letters(language: Language) -> None:
    for panel in panels(language):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters)), panel["title"]


@every_language
def test_what_is_asked_twice_is_told_apart_by_its_legend(language: Language) -> None:
    graphs = [panel for panel in panels(language) if panel["type"] == "timeseries"]
    for panel in graphs:
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert len(legends) == len(set(legends)), panel["title"]


@every_language
def test_legends_name_labels_that_the_query_keeps(language: Language) -> None:
    for panel in panels(language):
        for target in panel["targets"]:
            kept = re.findall(r"by \(([^)]*)\)", target["expr"])
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert not kept or any(label in labels.split(", ") for labels in kept), (target["expr"], label)


def test_the_languages_differ_in_words_alone() -> None:
    english, chinese = (json.dumps(DASHBOARDS[language]) for language in Language)

    def shape(tree: Any) -> Any:
        match tree:
            case dict():
                return {key: shape(value) for key, value in tree.items() if key not in _MAPS}
            case list():
                return [shape(item) for item in tree]
            case str():
                return "text"
            case _:
                return tree

    assert shape(json.loads(english)) == shape(json.loads(chinese))
    assert expressions(Language.EN) == expressions(Language.ZH)


# Keyed by words that are shown, not by names that are fixed.
_MAPS = {"renameByName"}


def test_chinese_is_chinese_and_english_is_not() -> None:
    for panel in panels(Language.ZH):
        assert CHINESE.search(panel["title"]), panel["title"]
        assert CHINESE.search(panel["description"]), panel["title"]
    english = copy.deepcopy(DASHBOARDS[Language.EN])
    del english["links"]  # the link to the other language is named in that language
    assert not CHINESE.search(json.dumps(english, ensure_ascii=False))


def test_each_language_links_to_the_other() -> None:
    for language, other in ((Language.EN, Language.ZH), (Language.ZH, Language.EN)):
        (link,) = DASHBOARDS[language]["links"]
        assert link["url"] == f"/d/{DASHBOARDS[other]['uid']}"


def test_every_metric_has_its_place_on_the_dashboard() -> None:
    shown = {name for expression in expressions() for name in re.findall(r"\bslm_\w+", expression)}
    for metric in conventions.METRICS:
        assert metric.name in shown or f"{metric.name}_bucket" in shown, f"no panel shows {metric.name}"


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_expressions_use_metrics_and_labels_that_exist(expression: str) -> None:
    by_name = {metric.name: metric for metric in conventions.METRICS}
    selectors = re.findall(r"\b(slm_\w+)(?:{([^}]*)})?", expression)
    assert selectors
    labels: set[str] = {"job", "instance", "le"}
    for name, matchers in selectors:
        metric = by_name.get(name) or by_name[name.removesuffix("_bucket")]
        named = {matcher.split("=")[0].rstrip("!") for matcher in matchers.split(",") if matcher}
        assert named <= set(metric.labels), expression
        labels |= set(metric.labels)
    for by in re.findall(r"by \(([^)]*)\)", expression):
        assert set(by.split(", ")) <= labels, expression


def panel(id_: int) -> dict[str, Any]:
    return next(panel for panel in panels(Language.EN) if panel["id"] == id_)


def properties(panel: dict[str, Any], options: str) -> dict[str, Any]:
    """What is overridden of the column of this title, or of what the query with this letter returns."""
    overrides = panel["fieldConfig"]["overrides"]
    (found,) = (override for override in overrides if override["matcher"]["options"] == options)
    return {one["id"]: one["value"] for one in found["properties"]}


@pytest.mark.parametrize(
    ("column", "metric", "unit"),
    [
        pytest.param("Events in the window", conventions.OBJECTIVE_WINDOW_EVENTS, "locale", id="events are counted"),
        pytest.param("Time observed in the window", conventions.OBJECTIVE_WINDOW_SECONDS, "s", id="time has a unit"),
    ],
)
def test_events_and_time_have_columns_of_their_own(column: str, metric: Metric, unit: str) -> None:
    shown = panel(104)
    (organize,) = (one["options"] for one in shown["transformations"] if one["id"] == "organize")
    (source,) = (name for name, title in organize["renameByName"].items() if title == column)
    (target,) = (one for one in shown["targets"] if f"Value #{one['refId']}" == source)
    assert metric.name in target["expr"]
    assert properties(shown, column)["unit"] == unit
    assert properties(shown, column)["mappings"][0]["options"]["result"]["text"] == "–"


def test_whole_numbers_of_events_are_shown() -> None:
    assert properties(panel(104), "Events in the window")["decimals"] == 0


@every_language
def test_what_a_graph_shows_on_one_axis_has_one_unit(language: Language) -> None:
    """Names of metrics end in their unit: seconds, ratios, or nothing where things are counted."""
    for shown in panels(language):
        if shown["type"] != "timeseries":
            continue
        of_axis: dict[str, set[str]] = {}
        for target in shown["targets"]:
            right = any(one["matcher"]["options"] == target["refId"] and _is_right(one) for one in _overrides(shown))
            of_axis.setdefault("right" if right else "left", set()).add(_unit(target["expr"]))
        assert all(len(units) == 1 for units in of_axis.values()), (shown["title"], of_axis)


UNITS = {metric.name: metric.unit for metric in conventions.METRICS}
UNITS |= {f"{conventions.RESPONSE_TIME.name}_bucket": conventions.RESPONSE_TIME.unit}


def _unit(expression: str) -> str:
    """Of what the first metric measures; the quotient of two that measure the same is a ratio."""
    units = [UNITS[name] for name in re.findall(r"\b(slm_\w+)", expression)]
    return "ratio" if " / " in expression and units[0] == units[1] else units[0]


def _overrides(panel: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = panel["fieldConfig"]["overrides"]
    return found


def _is_right(override: dict[str, Any]) -> bool:
    return {"id": "custom.axisPlacement", "value": "right"} in override["properties"]


def test_the_code_of_dashboards_names_no_metric() -> None:
    folder = Path(dashboards.__file__).parent
    names = re.compile("|".join(re.escape(metric.name) for metric in conventions.METRICS) + r"|\bslm_[a-z]")
    for file in folder.rglob("*.py"):
        assert not names.search(file.read_text("utf-8")), f"{file.name} names a metric, not a convention"


def test_choices_of_the_variables_come_from_metrics_that_exist() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARDS[Language.EN]["templating"]["list"]}
    assert list(variables) == ["datasource", "service", "step", "window"]
    for name in ("service", "step", "window"):
        matchers = () if name == "service" else ('service=~"$service"',)
        assert variables[name]["query"] == label_values(name, *matchers)
        assert variables[name]["definition"] == variables[name]["query"]


def test_a_tree_in_one_language_has_no_texts_left() -> None:
    tree: Tree = {"title": Text("a", "甲"), "list": [Text("b", "乙"), 1, None, {"deep": Text("c", "丙")}]}
    assert localise(tree, Language.ZH) == {"title": "甲", "list": ["乙", 1, None, {"deep": "丙"}]}
