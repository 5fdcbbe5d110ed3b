"""Standards files as a whole: good ones, and what they are read as."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from streams.calendars.periods import Period, Window
from streams.mappings.conditions import Comparison, Literal
from streams.mappings.mapping import Choice, Constant, LookupTable, Summed, Taken, TimeUnit
from streams.mappings.paths import Path as Lookup
from streams.standards.load import DEFAULT, load
from streams.standards.model import (
    Abandonment,
    FailureFree,
    Measure,
    Objective,
    PokaYoke,
    ProbeAvailability,
    RequestAvailability,
    ResponseTimeWithin,
    Stage,
    Standards,
    Verdict,
)
from streams.texts.phrase import Text

FILES = Path(__file__).parent / "files"


def read(name: str) -> Standards:
    return load((FILES / name).read_bytes(), file=name)


def test_a_contact_centre() -> None:
    standards = read("contact-centre.yaml")
    hotline = standards.services["hotline"]
    assert (hotline.title, hotline.owner) == (Text("Hotline", "服务热线"), "customer-care")
    assert hotline.steps["answer"].stage is Stage.FRONT
    assert hotline.steps["answer"].failure_points == {"queue-overflow": PokaYoke.TASK, "rude": PokaYoke.TREATMENT}
    assert hotline.steps["resolve"].failure_points == {"wrong-department": None, "reopened": None}
    answered = hotline.objectives["answered-in-10s"]
    assert answered.measure == ResponseTimeWithin(10_000_000, "answer", abandoned=Abandonment(short_us=5_000_000))
    assert (answered.target, answered.window) == (Fraction(19, 20), Window("28d", rolling_ms=2_419_200_000))
    assert hotline.objectives["reachable"].window == Window("calendar month", period=Period.MONTH)
    assert hotline.objectives["reachable"].measure == ProbeAvailability()
    assert hotline.objectives["courteous"].measure == FailureFree(frozenset({"rude"}), "answer")
    assert (hotline.objectives["courteous"].minimum_total, hotline.objectives["courteous"].alert) == (50, False)
    assert [window.name for window in standards.windows()] == [
        "5m",
        "1h",
        "1d",
        "calendar quarter",
        "28d",
        "calendar month",
    ]
    assert standards.calendars["office"].worked_ms(0, 0) == 0
    assert len(standards.calendars["office"].holidays) == 7


def test_a_web_shop_with_the_access_log_of_its_proxy() -> None:
    standards = read("web-shop.yaml")
    assert standards.lateness_ms == {"access-log": 30_000, "service-events": 120_000}
    rules = standards.mappings["access-log"].rules
    assert rules["service"] == Constant("shop")
    assert rules["time"] == Taken(Lookup(("@timestamp",)))
    assert rules["duration"] == Taken(Lookup(("upstream", 0, "time")), TimeUnit.MILLISECONDS)
    assert rules["class"] == Taken(Lookup(("request", "headers", "x-plan")), otherwise="free")
    assert isinstance(rules["step"], LookupTable)
    assert (rules["step"].otherwise, rules["step"].exhaustive) == ("other", False)
    assert isinstance(rules["outcome"], Choice)
    assert rules["outcome"].branches[0] == (Comparison(">=", Lookup(("status",)), Literal(500)), "failed")


def test_numbers_in_a_list_are_added_up() -> None:
    text = "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, duration: RULE}}}"
    rules = [
        load(text.replace("RULE", rule), file="f").mappings["t"].rules["duration"]
        for rule in ("{path: d, list: sum, unit: ms, otherwise: 1}", "{path: d, list: }")
    ]
    assert rules == [Summed(Lookup(("d",)), TimeUnit.MILLISECONDS, 1), Taken(Lookup(("d",)))]


def test_values_that_stand_for_none_are_listed_or_one() -> None:
    text = "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, duration: RULE}}}"
    rules = [
        load(text.replace("RULE", rule), file="f").mappings["t"].rules["duration"]
        for rule in ("{path: d, absent: -1}", '{path: d, list: sum, absent: ["-", ""]}')
    ]
    assert rules == [Taken(Lookup(("d",)), absent=(-1,)), Summed(Lookup(("d",)), absent=("-", ""))]


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "version: 1\n", "{}", "version: 1\nservices:\ntopics:\ncalendars:\n"]
)
def test_an_empty_file_promises_nothing(text: str) -> None:
    assert load(text, file="f") == DEFAULT
    assert (DEFAULT.services, DEFAULT.timezone) == ({}, "UTC")


def objective(text: str) -> Objective:
    whole = f"version: 1\nservices: {{s: {{steps: {{a: }}, objectives: {{o: {text}}}}}}}"
    return load(whole, file="f").services["s"].objectives["o"]


def test_defaults_of_an_objective() -> None:
    found = objective("{measure: {availability: {by: request}}, target: 99%}")
    expected = Objective("o", RequestAvailability(), Fraction(99, 100), Window("28d", 2_419_200_000), Text("o", "o"))
    assert found == expected
    assert (found.minimum_total, found.alert) == (1, True)


BAD, GOOD, EXCLUDED = Verdict.BAD, Verdict.GOOD, Verdict.EXCLUDED


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("response_time: {within: 1s}", ResponseTimeWithin(1_000_000)),
        ("response_time: {within: 1s, class: vip, failed: excluded}",
         ResponseTimeWithin(1_000_000, class_="vip", failed=EXCLUDED)),
        ("response_time: {within: 1s, abandoned: bad}", ResponseTimeWithin(1_000_000)),
        ("response_time: {within: 1s, abandoned: excluded}",
         ResponseTimeWithin(1_000_000, abandoned=Abandonment(EXCLUDED, EXCLUDED))),
        ("response_time: {within: 1s, abandoned: good-in-time}",
         ResponseTimeWithin(1_000_000, abandoned=Abandonment(GOOD, BAD))),
        ("response_time: {within: 1s, abandoned: {short: 5s, otherwise: excluded}}",
         ResponseTimeWithin(1_000_000, abandoned=Abandonment(EXCLUDED, EXCLUDED, 5_000_000))),
        ("response_time: {within: 1s, abandoned: {short: 5s}}",
         ResponseTimeWithin(1_000_000, abandoned=Abandonment(short_us=5_000_000))),
        ("availability: {by: request, step: a, class: x}", RequestAvailability("a", "x")),
        ("availability: {by: probe, step: a}", ProbeAvailability("a")),
        ("failure_free: {}", FailureFree()),
        ("failure_free: ", FailureFree()),
        ("failure_free: {step: a, class: x}", FailureFree(step="a", class_="x")),
    ],
)  # fmt: skip
def test_measures(text: str, measure: Measure) -> None:
    assert objective(f"{{measure: {{{text}}}, target: 99%}}").measure == measure


def test_the_meaning_that_people_expect_of_odd_words() -> None:
    text = "version: 1\nservices:\n  on: {}\n  no: {title: 2026-01-01}\n  12:30: {owner: no}\n  404:\n"
    services = load(text, file="f").services
    assert sorted(services) == ["12:30", "404", "no", "on"]
    assert (services["12:30"].owner, services["no"].title.en) == ("no", "2026-01-01")
