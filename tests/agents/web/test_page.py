from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from agents.web import page
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events.rejections import Reason
from streams.slices.ratio import Ratio
from streams.standards.model import ProbeAvailability, Service, Standards
from streams.texts.page import Page
from streams.texts.phrase import Language, Text
from streams.texts.states import States
from streams.views.levels import ObjectiveLevel, StepLevel
from tests.fakes import floor
from tests.fakes.floor import ANSWERED, CHECKED_IN, NOW_MS, REACHABLE, FakeEngine, Floor

NOW = NOW_MS / 1000
SCHEMA = json.loads(files("agents").joinpath("schemas/status.v1.schema.json").read_text("utf-8"))
WINDOWS = ("5m", "1h", "1d")


def status(observed: Floor, language: Language = Language.EN) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(page.status_json(observed, language, now=NOW))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def service(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in document["services"] if s["name"] == name)
    return found


def step(document: dict[str, Any], service_name: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in service(document, service_name)["steps"] if s["name"] == name)
    return found


def test_the_schema_is_a_schema_in_which_everything_is_described() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    undescribed = [
        name
        for owner in (SCHEMA, *SCHEMA["$defs"].values())
        for name, field in owner["properties"].items()
        if "description" not in field
    ]
    assert undescribed == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "observed",
    [floor.floor(), floor.empty(), Floor(), floor.recovering(), floor.evicted()],
    ids=["a floor", "no events", "no engines", "recovering", "evicted"],
)
def test_the_status_follows_its_schema(observed: Floor, language: Language) -> None:
    assert status(observed, language)["language"] == language


def test_without_a_given_time_the_clock_is_read() -> None:
    assert json.loads(page.status_json(floor.floor(), Language.EN))["now"] > NOW


def test_services_in_breach_come_first_then_by_name() -> None:
    assert [s["name"] for s in status(floor.floor())["services"]] == ["hotline", "front-desk", "payments-api"]


def test_declared_services_are_there_with_their_objectives_before_a_partition_is_read() -> None:
    document = status(Floor(floor.STANDARDS))
    assert [(s["name"], s["steps"]) for s in document["services"]] == [("front-desk", []), ("hotline", [])]
    hotline = service(document, "hotline")
    assert [(o["name"], o["state"]) for o in hotline["objectives"]] == [
        ("answered-in-10s", "no-data"), ("reachable", "no-data"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "titles"),
    [
        pytest.param(Language.EN, ("Customer hotline", "Answer the call", "Answered within 10 s"), id="English"),
        pytest.param(Language.ZH, ("客户服务热线", "接听来电", "10 秒内接听"), id="Chinese"),
    ],
)
def test_titles_come_from_the_standards_in_the_language_asked_for(language: Language, titles: tuple[str, ...]) -> None:
    document = status(floor.floor(), language)
    hotline = service(document, "hotline")
    assert (hotline["title"], step(document, "hotline", "answer")["title"], hotline["objectives"][0]["title"]) == titles
    assert service(document, "payments-api")["title"] == "payments-api", "undeclared: its name"


def test_the_levels_of_a_step() -> None:
    level = step(status(floor.floor()), "hotline", "answer")["windows"]["1h"]
    assert (level["ok"], level["failed"], level["abandoned"]) == (1_940, 21, 88)
    assert level["availability"] == {"good": 1_940, "total": 1_961, "ratio": pytest.approx(1_940 / 1_961)}
    assert level["probe_milliseconds"]["total"] == 300_000
    assert level["response_seconds"]["max"] == 50
    assert level["response_seconds"]["p50"] == pytest.approx(5.88, rel=0.012)
    assert [(p["name"], p["count"]) for p in level["failure_points"]] == [
        ("queue-overflow", 17), ("rude", 3), ("wrong-transfer", 1),
    ]  # fmt: skip


def test_what_probes_judge_is_milliseconds_and_everything_else_events() -> None:
    probed = replace(REACHABLE, name="probed", measure=ProbeAvailability())
    desk = Service("desk", Text("Desk", "前台"), objectives={o.name: o for o in (REACHABLE, probed)})
    (shown,) = status(Floor(Standards(services={"desk": desk})))["services"]
    units = {objective["name"]: objective["unit"] for objective in shown["objectives"]}
    assert units == {"probed": "milliseconds", "reachable": "events"}


def test_what_has_no_data_is_null_and_never_zero() -> None:
    quiet = FakeEngine(steps={"1d": (floor.ANSWER,), "all": ()})
    level = step(status(Floor(fakes=[quiet])), "hotline", "answer")["windows"]["5m"]
    assert level["response_seconds"] is None
    assert level["availability"] == {"good": 0, "total": 0, "ratio": None}
    newest = status(floor.empty())["partitions"][0]
    assert (newest["watermark"], newest["newest"]) == (None, None)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param((), "no-objectives", id="none declared"),
        pytest.param((ObjectiveLevel("s", CHECKED_IN, Ratio(9, 10)),), "met", id="all met, exactly at the target"),
        pytest.param((ObjectiveLevel("s", CHECKED_IN, Ratio(89, 100)),), "breached", id="below the target"),
        pytest.param(
            (ObjectiveLevel("s", CHECKED_IN, Ratio(9, 10)), ObjectiveLevel("s", REACHABLE, Ratio(99, 99))),
            "no-data",
            id="one met, one without data: not known to be met",
        ),
        pytest.param(
            (ObjectiveLevel("s", ANSWERED), ObjectiveLevel("s", CHECKED_IN, Ratio(1, 10))),
            "breached",
            id="one breached outweighs the rest",
        ),
        pytest.param(
            (ObjectiveLevel("s", CHECKED_IN, Ratio(10, 10), breached_since_ms=NOW_MS - 5_000),),
            "breached",
            id="an open breach lasts until it is decided to be over",
        ),
    ],
)
def test_the_state_of_a_service(levels: tuple[ObjectiveLevel, ...], expected: str) -> None:
    declared = Service("s", Text("S", "S"), objectives={level.objective.name: level.objective for level in levels})
    engine = FakeEngine(steps={"all": (StepLevel("s", "", ok=1),)}, objectives=levels)
    assert service(status(Floor(Standards(services={"s": declared}), [engine])), "s")["state"] == expected


def test_an_objective_tells_its_figures_and_since_when_it_is_in_breach() -> None:
    answered = service(status(floor.floor()), "hotline")["objectives"][0]
    assert answered["window"] == {"name": "28d", "seconds": 28 * 86_400, "period": None}
    assert answered["attained"] == pytest.approx(188_011 / 200_100)
    assert answered["budget_remaining"] == pytest.approx(-0.2083, abs=1e-4)
    assert answered["breached_since"] == NOW - 1_500


def test_rejected_events_are_told_with_their_reasons_most_frequent_first() -> None:
    rejected = Counter({Reason.NOT_JSON: 2, Reason.LATE: 9, Reason.EMPTY: 0})
    events = status(Floor(fakes=[FakeEngine(progress=floor.progress(rejected=rejected))]), Language.ZH)["events"]
    assert [(r["reason"], r["count"]) for r in events["rejected"]] == [("late", 9), ("not-json", 2)]
    assert events["rejected"][1]["text"] == "不是 JSON"


def test_warnings_are_said_in_the_language_and_unknown_ones_shown_as_they_are() -> None:
    observed = Floor(worker=floor.worker(warnings=("embedded-broker", "brand-new")))
    warnings = status(observed, Language.ZH)["worker"]["warnings"]
    assert warnings[0]["text"].startswith("内置消息服务不保存任何数据")
    assert warnings[1] == {"key": "brand-new", "text": "brand-new"}


def test_a_partition_that_recovers_says_how_far_it_is_and_shows_no_figures() -> None:
    rows = {row["partition"]: row for row in status(floor.recovering())["partitions"]}
    shown = ("recovering", "next_offset", "saved_offset", "watermark", "open_slices")
    assert [rows[1][name] for name in shown] == [True, 9_000, 12_000, None, 0]
    assert [rows[2][name] for name in shown] == [True, None, None, None, 0]
    assert rows[0]["recovering"] is False


def test_what_was_saved_is_told() -> None:
    worker = status(floor.floor())["worker"]
    assert worker["transactions"] == {"committed": 1_204, "failed": 3, "seconds": 19.5, "last_seconds": 0.0123}
    assert worker["recoveries"] == {"count": 2, "last_seconds": 1.25, "last_rows": 34_567}
    assert worker["ticks"] == 12


def test_standards_in_force_are_told_apart_from_the_file_and_from_what_is_pending() -> None:
    partitions = (floor.partition(standards="old", pending_standards="new"),)
    engine = FakeEngine(standards=Standards(digest="old", timezone="Asia/Shanghai"))
    document = status(Floor(Standards(digest="new"), [engine], floor.worker(partitions=partitions)))
    expected = {"declared": False, "digest": "old", "timezone": "Asia/Shanghai", "file_digest": "new"}
    assert document["standards"] == expected
    (row,) = document["partitions"]
    assert (row["standards"], row["pending_standards"]) == ("old", "new")


def test_names_that_were_folded_are_told_in_words() -> None:
    overflowed = floor.progress(overflowed=Counter({"step": 4, "failure-point": 1, "service": 0, "new": 2}))
    told = status(Floor(fakes=[FakeEngine(progress=overflowed)]), Language.ZH)["events"]["folded"]
    assert [(f["kind"], f["text"], f["count"]) for f in told] == [
        ("failure-point", "失败点", 1), ("new", "new", 2), ("step", "环节", 4),
    ]  # fmt: skip


def test_values_that_were_left_out_are_told_by_field_and_reason_beside_those_that_were_read() -> None:
    told = status(floor.floor(), Language.ZH)["events"]["left_out"]
    assert [(one["field"], one["reason"], one["text"], one["count"], one["read"]) for one in told] == [
        ("duration", "wrong-type", "字段类型错误", 2_600, 45_000),
        ("step", "too-long", "文字过长", 3, 48_000),
    ]


def test_paths_that_no_record_has_had_are_told_by_topic() -> None:
    assert status(floor.floor())["never_found"] == [
        {"topic": "access-log", "paths": ["http.status", "took"]},
        {"topic": "service-events", "paths": ["upstream.time"]},
    ]


def test_a_path_that_one_partition_has_had_is_found() -> None:
    mapped = floor.progress(mapped=5)
    fakes = [FakeEngine(progress=mapped, never_found=["a", "b"]), FakeEngine(progress=mapped, never_found=["b", "c"])]
    fakes.append(FakeEngine(progress=floor.progress(), never_found=["a", "c"]))  # no record of it was mapped
    told = status(Floor(fakes=fakes, worker=floor.worker(rekeying=None)))["never_found"]
    assert told == [{"topic": "service-events", "paths": ["b"]}]


def test_a_real_engine_is_told_as_it_is() -> None:
    engine = Engine(Start("service-events", 0, floor.STANDARDS))
    events = [
        {"service": "hotline", "step": "answer", "time": NOW, "duration": 2.0},
        {"service": "hotline", "step": "answer", "time": NOW, "outcome": "failed", "failure_point": "rude"},
        {"time": NOW},
    ]
    engine.fold(Batch.of("service-events", 0, [json.dumps(e).encode() for e in events]))
    engine.advance()
    document = status(_Real(engine))
    level = step(document, "hotline", "answer")["windows"]["5m"]
    answered = service(document, "hotline")["objectives"][0]
    assert (answered["name"], answered["good"], answered["total"]) == ("answered-in-10s", 1, 2)
    assert level["availability"] == {"good": 1, "total": 2, "ratio": 0.5}
    assert level["failure_points"] == [{"name": "rude", "count": 1, "share": 1.0}]
    assert document["events"]["rejected"] == [{"reason": "missing-service", "text": "names no service", "count": 1}]


class _Real(Floor):
    """A floor with one real engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.standards)
        self._engine = engine

    def engines(self) -> list[Engine]:
        return [self._engine]


@pytest.mark.parametrize(
    ("asked", "header", "expected"),
    [
        pytest.param("zh", "en", Language.ZH, id="what is asked for wins"),
        pytest.param("fr", "zh-CN", Language.ZH, id="an unknown language falls back to the header"),
        pytest.param(None, None, Language.EN, id="English otherwise"),
    ],
)
def test_the_language_of_the_page(asked: str | None, header: str | None, expected: Language) -> None:
    assert page.choose_language(asked, header) is expected


class _Outline(HTMLParser):
    """Languages, addresses and inline sources of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.sources: dict[str, str] = {}
        self._inside = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in {"style", "script"}:
            self.sources[self._inside] = self.sources.get(self._inside, "") + data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's own signature
        self._inside = ""

    def all(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.attributes if (value := attributes.get(attribute)) is not None]


@pytest.mark.parametrize("language", Language)
def test_the_page_is_one_document_that_loads_nothing(language: Language) -> None:
    outline = _Outline(page.html(language).decode())
    assert outline.attributes[0] == ("html", {"lang": language})
    assert outline.all("src") == []
    assert [a for a in outline.all("href") if re.match(r"(https?:)?//", a)] == []
    assert "url(" not in outline.sources["style"]
    assert "@import" not in outline.sources["style"]


@pytest.mark.parametrize("language", Language)
def test_its_policy_admits_its_own_style_and_script_and_nothing_else(language: Language) -> None:
    outline = _Outline(page.html(language).decode())
    policy = next(value for value in outline.all("content") if value.startswith("default-src"))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(outline.sources[kind].encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"


def test_the_script_asks_only_for_texts_that_there_are_and_no_text_is_left_unused() -> None:
    assets = files("agents.web").joinpath("assets")
    sources = {item.name: item.read_text("utf-8") for item in assets.iterdir()}
    script = "\n".join(source for name, source in sources.items() if name.endswith(".js"))
    known = {phrase.key for catalogue in (Page, States) for phrase in catalogue}
    asked = set(re.findall(r'text\(\s*"([a-z0-9-]+)"', script))
    assert asked <= known
    computed = {phrase.key for phrase in States} | {
        key for key in known if re.match(r"unit-|period-|window-|response-|headline-|tile-|foot", key)
    }
    in_document = {name.replace("_", "-") for name in re.findall(r"\$([a-z0-9_]+)", sources["page.html"])}
    mentioned = {key for key in known if f'"{key}"' in script}
    assert known - asked - computed - in_document - mentioned == set()


def test_no_text_can_end_the_script_that_it_is_in() -> None:
    document = page.html(Language.EN).decode()
    assert document.count("</script>") == 1
    assert document.count("</style>") == 1
