"""Other people's records as events: what each kind of rule yields, and what it refuses."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.conditions import Scalar
from streams.events import KNOWN_FIELDS, BadEvent, Reason, from_document
from streams.grammar import parse_condition, parse_path
from streams.mapping import (
    FIELDS,
    Choice,
    Constant,
    MappingSpec,
    Rule,
    Table,
    Taken,
    Unit,
    accepts,
    choices,
    compile_mapping,
    wanted,
)


def mapped(rule: Rule, document: dict[str, Any], name: str = "step") -> object:
    """What ``rule`` yields for the field ``name``."""
    result = compile_mapping(MappingSpec({name: rule})).map(document)
    assert result is not None
    return result.get(name)


def taken(path: str, unit: Unit | None = None, otherwise: Scalar = None) -> Taken:
    return Taken(parse_path(path), unit, otherwise)


@pytest.mark.parametrize(
    ("name", "rule", "document", "expected"),
    [
        pytest.param("service", Constant("web"), {}, "web", id="a constant needs no document"),
        pytest.param("step", taken("a.b"), {"a": {"b": "x"}}, "x", id="a path leads through objects"),
        pytest.param("step", taken("a[1]"), {"a": ["x", "y"]}, "y", id="and through lists"),
        pytest.param("step", taken("a"), {}, None, id="what is absent is left out"),
        pytest.param("step", taken("a"), {"a": None}, None, id="and so is null"),
        pytest.param("step", taken("a", otherwise="z"), {}, "z", id="unless there is something else"),
        pytest.param("customer", taken("a"), {"a": 4711}, "4711", id="whole numbers become text where text is wanted"),
        pytest.param("customer", taken("a"), {"a": True}, True, id="booleans do not; the decoder refuses them"),
        pytest.param("up", taken("a"), {"a": False}, False, id="false is a value"),
        pytest.param("score", taken("a"), {"a": 0}, 0, id="zero is a value"),
        pytest.param("time", taken("a"), {"a": "2026-03-01T09:30:00Z"}, "2026-03-01T09:30:00Z", id="texts stay"),
        pytest.param("time", taken("a", Unit.MILLISECONDS), {"a": 1767225600123}, 1767225600.123, id="milliseconds"),
        pytest.param("time", taken("a", Unit.NANOSECONDS), {"a": 1767225600123456789}, 1767225600.1234568, id="nanos"),
        pytest.param("duration", taken("a", Unit.MICROSECONDS), {"a": 1500}, 0.0015, id="microseconds"),
        pytest.param("duration", taken("a", Unit.SECONDS), {"a": "0.003"}, 0.003, id="numbers as texts"),
        pytest.param("holds", taken("a", Unit.MILLISECONDS), {"a": " 250 "}, 0.25, id="with blanks around"),
        pytest.param(
            "outcome", Choice(((parse_condition("s > 499"), "failed"), (parse_condition("s == 499"), "abandoned"))),
            {"s": 499}, "abandoned", id="the first condition that holds decides",
        ),
        pytest.param("outcome", Choice(((parse_condition("s >= 500"), "failed"),), "ok"), {}, "ok", id="none holds"),
        pytest.param("failure_point", Choice(((parse_condition("s"), "x"),)), {}, None, id="nothing holds"),
        pytest.param("step", Table(parse_path("a"), {"1": "one"}), {"a": 1}, "one", id="tables take numbers"),
        pytest.param("step", Table(parse_path("a"), {"1": "one"}), {"a": 1.0}, "one", id="whole ones too"),
        pytest.param("step", Table(parse_path("a"), {"true": "yes"}), {"a": True}, "yes", id="and booleans"),
        pytest.param("step", Table(parse_path("a"), {"1": "one"}, "many"), {"a": 2}, "many", id="not in the table"),
        pytest.param("step", Table(parse_path("a"), {"1": "one"}, "many"), {"a": [1]}, "many", id="lists are in none"),
        pytest.param("step", Table(parse_path("a"), {}, exhaustive=True), {}, None, id="absent is not looked up"),
    ],
)  # fmt: skip
def test_what_a_rule_yields(name: str, rule: Rule, document: dict[str, Any], expected: object) -> None:
    found = mapped(rule, document, name)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "rule", "document", "detail"),
    [
        pytest.param(
            "outcome", Table(parse_path("a"), {"1": "ok"}, exhaustive=True), {"a": 2}, "outcome: the table has no 2",
            id="a value that the table does not have",
        ),
        pytest.param(
            "outcome", Choice(((parse_condition("s >= 500"), "failed"),)), {"s": "503"}, "only like is compared",
            id="a status that is a text",
        ),
        pytest.param("duration", taken("a", Unit.SECONDS), {"a": "soon"}, "a is no number", id="a text with a unit"),
        pytest.param("duration", taken("a", Unit.SECONDS), {"a": True}, "a is no number", id="a boolean with a unit"),
        pytest.param("duration", taken("a", Unit.SECONDS), {"a": "1" * 50}, "a is no number", id="fifty digits"),
        pytest.param("duration", taken("a", Unit.SECONDS), {"a": "1e400"}, "a is no number", id="a huge exponent"),
        pytest.param("duration", taken("a", Unit.SECONDS), {"a": 10**400}, "too large", id="a huge integer"),
        pytest.param(
            "time", taken("a", Unit.SECONDS), {"a": "2026-03-01T09:30:00Z"}, "leave out `unit`", id="RFC 3339"
        ),
    ],
)  # fmt: skip
def test_a_record_that_does_not_fit_is_unmapped(name: str, rule: Rule, document: dict[str, Any], detail: str) -> None:
    with pytest.raises(BadEvent) as caught:
        mapped(rule, document, name)
    assert caught.value.reason is Reason.UNMAPPED
    assert detail in caught.value.detail


ACCESS_LOG = MappingSpec(
    {
        "service": Constant("shop"),
        "time": taken("ts", Unit.MILLISECONDS),
        "duration": taken("took", Unit.MICROSECONDS),
        "step": taken("request.route"),
        "outcome": Choice(((parse_condition("status >= 500"), "failed"),), "ok"),
    },
    (parse_condition('request.route == "/health"'), parse_condition("status == 100")),
)


@pytest.mark.parametrize(
    "document",
    [{"request": {"route": "/health"}}, {"request": {"route": "/a"}, "status": 100}],
    ids=["the first condition holds", "the second holds"],
)
def test_a_record_is_dropped_when_any_condition_holds(document: dict[str, Any]) -> None:
    assert compile_mapping(ACCESS_LOG).map(document) is None


def test_what_a_mapping_yields_passes_the_strict_decoder() -> None:
    record = {"ts": 1767225600123, "took": 1500, "request": {"route": "/a"}, "status": 503, "noise": 1}
    document = compile_mapping(ACCESS_LOG).map(record)
    assert document is not None
    event = from_document(document).event
    assert event is not None
    assert (event.service, event.time, event.duration, event.outcome) == ("shop", 1767225600.123, 0.0015, "failed")


def test_a_record_without_a_time_is_refused_by_the_decoder() -> None:
    document = compile_mapping(ACCESS_LOG).map({"status": 200})
    assert document is not None
    with pytest.raises(BadEvent) as caught:
        from_document(document)
    assert caught.value.reason is Reason.MISSING_TIME


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
paths = st.sampled_from(["a", "a.b", "a[0]", "b.c[1]", "c"]).map(parse_path)
tests = st.sampled_from(["a > 1", "b.c == 'x'", "a", "'x' in b", "not a in [1, true]"]).map(parse_condition)
scalars = st.none() | st.booleans() | st.integers(0, 5) | st.sampled_from(["ok", "x"])
rules = (
    st.builds(Constant, scalars)
    | st.builds(Taken, paths, st.none() | st.sampled_from(Unit), scalars)
    | st.builds(Table, paths, st.dictionaries(st.sampled_from(["1", "x"]), scalars), scalars, st.booleans())
    | st.builds(Choice, st.lists(st.tuples(tests, scalars), max_size=2).map(tuple), scalars)
)


@given(
    st.builds(
        MappingSpec, st.dictionaries(st.sampled_from(sorted(FIELDS)), rules), st.lists(tests, max_size=2).map(tuple)
    ),
    st.dictionaries(st.sampled_from("abc"), json_values),
)
def test_nothing_that_a_record_contains_raises_anything_but_bad_event(
    spec: MappingSpec, record: dict[str, Any]
) -> None:
    with contextlib.suppress(BadEvent):
        document = compile_mapping(spec).map(record)
        if document is not None:
            from_document(document)


@pytest.mark.parametrize("name", sorted(KNOWN_FIELDS))
def test_every_field_says_what_it_takes(name: str) -> None:
    candidates: tuple[Scalar, ...] = (*choices(name), "x", "2026-03-01T09:30:00Z", 1.0, True)
    assert any(accepts(name, value) for value in candidates)
    assert accepts(name, None)
    assert not accepts(name, [])
    assert wanted(name)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("outcome", "failed", True),
        ("outcome", "fail", False),
        ("kind", "probe", True),
        ("kind", "control", False),  # the monitor's own
        ("service", "", False),
        ("service", 5, False),
        ("step", "x" * 201, False),
        ("up", "yes", False),
        ("duration", -1, False),
        ("duration", "1", False),
        ("time", "2026-03-01T09:30:00", False),
        ("time", "2026-03-01T09:30:00Z", True),
    ],
)
def test_constants_are_judged_by_the_wire_format(name: str, value: Scalar, expected: bool) -> None:
    assert accepts(name, value) is expected
