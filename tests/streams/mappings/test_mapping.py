"""Other people's records as events: what each kind of rule yields, and what it refuses."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.events.event import KNOWN_FIELDS
from streams.events.rejections import BadEvent, Reason, Unreadable
from streams.events.wire_format import from_document
from streams.mappings.condition_parser import parse_condition, parse_path
from streams.mappings.conditions import Scalar
from streams.mappings.mapping import (
    FIELDS,
    Choice,
    Constant,
    LookupTable,
    MappingSpec,
    Rule,
    Summed,
    Taken,
    TimeUnit,
    accepts,
    choices,
    compile_mapping,
    wanted,
)
from streams.mappings.paths import Path
from streams.standards.model import Standards

A: Final = parse_path("a")
S, MS, US, NS = TimeUnit


def mapped(rule: Rule, document: dict[str, Any], name: str = "step") -> object:
    """What ``rule`` yields for the field ``name``."""
    result = compile_mapping(MappingSpec({name: rule})).map(document)
    assert result is not None
    return result.get(name)


NOTHING = ("-", "", -1, False)


@pytest.mark.parametrize("value", ["-", "", -1, -1.0, "-1", False, None])
def test_a_value_that_stands_for_none_is_none(value: object) -> None:
    for rule in (Taken(Path(("took",)), absent=NOTHING), Summed(Path(("took",)), absent=NOTHING)):
        assert mapped(rule, {"took": value}, "duration") is None
        assert mapped(replace(rule, otherwise=7), {"took": value}, "duration") == 7


@pytest.mark.parametrize("value", ["--", " ", "x", 0, True, [], {}, [-1], "n/a"])
def test_other_values_are_what_they_are(value: object) -> None:
    for rule in (Taken(Path(("took",))), Summed(Path(("took",)))):
        assert mapped(replace(rule, absent=NOTHING), {"took": value}, "duration") == mapped(
            rule, {"took": value}, "duration"
        )


def summed(path: str, unit: TimeUnit | None = None, otherwise: Scalar = None) -> Summed:
    return Summed(parse_path(path), unit, otherwise)


def taken(path: str, unit: TimeUnit | None = None, otherwise: Scalar = None) -> Taken:
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
        pytest.param("time", taken("a", MS), {"a": 1767225600123}, 1767225600.123, id="milliseconds"),
        pytest.param("time", taken("a", NS), {"a": 1767225600123456789}, 1767225600.1234568, id="nanos"),
        pytest.param("duration", taken("a", US), {"a": 1500}, 0.0015, id="microseconds"),
        pytest.param("duration", taken("a", S), {"a": "0.003"}, 0.003, id="numbers as texts"),
        pytest.param("holds", taken("a", MS), {"a": " 250 "}, 0.25, id="with blanks around"),
        pytest.param("duration", taken("a"), {"a": "0.003"}, 0.003, id="without a unit"),
        pytest.param("duration", taken("a"), {"a": "1.5e-05"}, 1.5e-05, id="small ones as programs print them"),
        pytest.param("duration", taken("a"), {"a": "-0.5"}, -0.5, id="negative ones are for the decoder"),
        pytest.param("score", taken("a"), {"a": "007"}, 7.0, id="leading zeros of a number"),
        pytest.param("amount", taken("a"), {"a": " 12.50"}, 12.5, id="an amount as a text"),
        pytest.param("time", taken("a"), {"a": "1772438400.25"}, 1772438400.25, id="a time as a text of digits"),
        pytest.param("due", taken("a", MS), {"a": "1772438400250"}, 1772438400.25, id="in milliseconds"),
        pytest.param(
            "time", taken("a", NS), {"a": "1767225600123456789"}, 1767225600.1234568, id="nanos as text"
        ),
        pytest.param("customer", taken("a"), {"a": 200.0}, "200", id="a whole number has no fraction in a name"),
        pytest.param("customer", taken("a"), {"a": 1e3}, "1000", id="however it is written"),
        pytest.param("customer", taken("a"), {"a": -0.0}, "0", id="nor a sign of zero"),
        pytest.param("customer", taken("a"), {"a": 1.5}, "1.5", id="other numbers stay"),
        pytest.param("customer", taken("a"), {"a": "007"}, "007", id="and so do texts"),
        pytest.param("customer", taken("a"), {"a": "200.0"}, "200.0", id="of whatever digits"),
        pytest.param("customer", taken("a"), {"a": 1e300}, "1e+300", id="very large numbers are short names"),
        pytest.param("customer", taken("a"), {"a": 10**300}, "1e+300", id="integers too"),
        pytest.param("customer", taken("a"), {"a": 2**64 + 1}, "18446744073709551617", id="long ones lose nothing"),
        pytest.param("outcome", taken("a"), {"a": 5.0}, "5", id="a number where only words are allowed"),
        pytest.param("duration", summed("a"), {"a": "0.000, 0.004"}, 0.004, id="several servers, as nginx writes it"),
        pytest.param("duration", summed("a"), {"a": "0.1, 0.2"}, 0.3, id="added as they are written"),
        pytest.param("duration", summed("a"), {"a": "0.1 : 0.2, 0.3"}, 0.6, id="and groups of servers"),
        pytest.param("duration", summed("a", TimeUnit.MILLISECONDS), {"a": "1, 2"}, 0.003, id="the unit comes behind"),
        pytest.param("duration", summed("a"), {"a": [0.1, 0.2]}, 0.3, id="a list of numbers"),
        pytest.param("duration", summed("a"), {"a": ["0.1", 2]}, 2.1, id="of which some are texts"),
        pytest.param("duration", summed("a", TimeUnit.SECONDS), {"a": 5}, 5.0, id="a single number is its own sum"),
        pytest.param("duration", summed("a"), {"a": "0.25"}, 0.25, id="as a text too"),
        pytest.param("duration", summed("a", otherwise=1), {}, 1, id="nothing to add up"),
        pytest.param("value", summed("a"), {"a": [1e-300, 1]}, 1.0, id="numbers of very different size"),
        pytest.param(
            "outcome", Choice(((parse_condition("s > 499"), "failed"), (parse_condition("s == 499"), "abandoned"))),
            {"s": 499}, "abandoned", id="the first condition that holds decides",
        ),
        pytest.param("outcome", Choice(((parse_condition("s >= 500"), "failed"),), "ok"), {}, "ok", id="none holds"),
        pytest.param("failure_point", Choice(((parse_condition("s"), "x"),)), {}, None, id="nothing holds"),
        pytest.param("step", LookupTable(A, {"1": "one"}), {"a": 1}, "one", id="tables take numbers"),
        pytest.param("step", LookupTable(A, {"1": "one"}), {"a": 1.0}, "one", id="whole ones too"),
        pytest.param("step", LookupTable(A, {"0": "none"}), {"a": -0.0}, "none", id="and zero in any guise"),
        pytest.param("step", LookupTable(A, {"1.5": "x"}), {"a": 1.5}, "x", id="and others as JSON has them"),
        pytest.param("step", LookupTable(A, {"7": "x"}, "no"), {"a": "007"}, "no", id="but texts as they are"),
        pytest.param("step", LookupTable(A, {"1": "x"}, "no"), {"a": 1e300}, "no", id="huge ones do no harm"),
        pytest.param("step", LookupTable(A, {"true": "yes"}), {"a": True}, "yes", id="and booleans"),
        pytest.param("step", LookupTable(A, {"1": "one"}, "many"), {"a": 2}, "many", id="not in the table"),
        pytest.param("step", LookupTable(A, {"1": "one"}, "many"), {"a": [1]}, "many", id="lists are in none"),
        pytest.param("step", LookupTable(A, {}, exhaustive=True), {}, None, id="absent is not looked up"),
    ],
)  # fmt: skip
def test_what_a_rule_yields(name: str, rule: Rule, document: dict[str, Any], expected: object) -> None:
    found = mapped(rule, document, name)
    assert (found, type(found)) == (expected, type(expected))


NO_NUMBER = Unreadable(Reason.NOT_FINITE, "NaN is no JSON number")
EXHAUSTIVE = LookupTable(A, {"1": "ok"}, exhaustive=True)
FAILED_FROM_500 = Choice(((parse_condition("s >= 500"), "failed"),))


@pytest.mark.parametrize(
    ("name", "rule", "found", "reason", "detail"),
    [
        pytest.param("duration", taken("a"), "-", Reason.WRONG_TYPE, 'duration: a is no number (found "-")', id="dash"),
        pytest.param("duration", taken("a"), "", Reason.WRONG_TYPE, 'a is no number (found "")', id="nothing"),
        pytest.param("duration", taken("a"), "12ms", Reason.WRONG_TYPE, '(found "12ms"); write a plain one', id="ms"),
        pytest.param("duration", taken("a"), "1,5", Reason.WRONG_TYPE, "no number", id="a decimal comma"),
        pytest.param("duration", taken("a"), "1_000", Reason.WRONG_TYPE, "no number", id="as programmers write it"),
        pytest.param("duration", taken("a"), "٣", Reason.WRONG_TYPE, "no number", id="other digits"),
        pytest.param("duration", taken("a"), "NaN", Reason.WRONG_TYPE, "no number", id="a text that is not a number"),
        pytest.param("duration", taken("a"), "Infinity", Reason.WRONG_TYPE, "no number", id="nor is infinity"),
        pytest.param("duration", taken("a"), "0x10", Reason.WRONG_TYPE, "no number", id="hexadecimal digits"),
        pytest.param("duration", taken("a"), "1" * 500, Reason.WRONG_TYPE, "no number", id="five hundred digits"),
        pytest.param("duration", taken("a"), "0.1, 2", Reason.WRONG_TYPE, "with list: sum several", id="several"),
        pytest.param("duration", taken("a"), [1, 2], Reason.WRONG_TYPE, "with list: sum several", id="a list"),
        pytest.param("score", taken("a"), [1, 2], Reason.WRONG_TYPE, "(found [1, 2]); write", id="a list of scores"),
        pytest.param("duration", taken("a", S), "soon", Reason.WRONG_TYPE, "no number", id="with a unit"),
        pytest.param("duration", taken("a", S), True, Reason.WRONG_TYPE, "no number", id="a boolean"),
        pytest.param("duration", taken("a"), "1e400", Reason.OUT_OF_RANGE, "a is too large a number", id="exponent"),
        pytest.param("duration", taken("a"), 10**400, Reason.OUT_OF_RANGE, "too large", id="a huge integer"),
        pytest.param("duration", taken("a", S), 10**400, Reason.OUT_OF_RANGE, "too large", id="with one"),
        pytest.param("customer", taken("a"), 10**400, Reason.OUT_OF_RANGE, "too large", id="a huge name"),
        pytest.param("duration", taken("a"), NO_NUMBER, Reason.NOT_FINITE, "duration: a: NaN is no", id="not finite"),
        pytest.param("step", taken("a"), NO_NUMBER, Reason.NOT_FINITE, "step: a: NaN is no", id="not finite as a name"),
        pytest.param("up", taken("a"), NO_NUMBER, Reason.NOT_FINITE, "up: a: NaN is no", id="not finite as a truth"),
        pytest.param(
            "time", taken("a", S), "2026-03-01T09:30:00Z", Reason.WRONG_TYPE, "leave out `unit`",
            id="RFC 3339 with a unit",
        ),
        pytest.param("duration", summed("a"), "0.1, -", Reason.WRONG_TYPE, 'for "-" is no number (found', id="a part"),
        pytest.param("duration", summed("a"), "-", Reason.WRONG_TYPE, 'a is no number (found "-")', id="the only part"),
        pytest.param("duration", summed("a"), "0.1,0.2", Reason.WRONG_TYPE, "no number", id="a comma and no blank"),
        pytest.param("duration", summed("a"), "0.1, ", Reason.WRONG_TYPE, "no number", id="a comma at the end"),
        pytest.param("duration", summed("a"), [], Reason.WRONG_TYPE, "the list is empty", id="an empty list"),
        pytest.param("duration", summed("a"), [1, None], Reason.WRONG_TYPE, "for null is no number", id="null"),
        pytest.param("duration", summed("a"), [1, [2]], Reason.WRONG_TYPE, "for [2] is no number", id="a list in it"),
        pytest.param("duration", summed("a"), [1, NO_NUMBER], Reason.NOT_FINITE, "a: NaN is no", id="NaN in it"),
        pytest.param("duration", summed("a"), [3, -1], Reason.NEGATIVE, "for -1 is negative", id="a negative part"),
        pytest.param("duration", summed("a"), [1e308] * 2, Reason.OUT_OF_RANGE, "too large", id="too large a sum"),
        pytest.param("outcome", EXHAUSTIVE, 2, Reason.UNMAPPED, "outcome: the table has no 2 (from a)", id="no entry"),
        pytest.param("outcome", EXHAUSTIVE, NO_NUMBER, Reason.NOT_FINITE, "outcome: a: NaN", id="nothing to look up"),
    ],
)  # fmt: skip
def test_what_a_rule_can_make_nothing_of_is_unreadable(
    name: str, rule: Rule, found: object, reason: Reason, detail: str
) -> None:
    value = mapped(rule, {"a": found}, name)
    assert isinstance(value, Unreadable)
    assert value.reason is reason
    assert detail in value.detail


@pytest.mark.parametrize("status", ["5xx", True, [503], NO_NUMBER], ids=["a text", "a boolean", "a list", "NaN"])
def test_a_condition_that_cannot_compare_makes_its_field_unreadable(status: object) -> None:
    value = mapped(FAILED_FROM_500, {"s": status}, "outcome")
    assert isinstance(value, Unreadable)
    assert value.reason is Reason.UNMAPPED
    assert value.detail.startswith("outcome: cannot compare s (")


def test_the_other_fields_of_a_record_are_mapped_all_the_same() -> None:
    record = {"ts": 1767225600123, "took": "-", "request": {"route": "/a"}, "status": 200}
    document = compile_mapping(ACCESS_LOG).map(record)
    assert document is not None
    decoded = from_document(document)
    assert decoded.event is not None
    assert (decoded.event.step, decoded.event.duration, decoded.event.outcome) == ("/a", None, "ok")
    assert [(name, value.reason) for name, value in decoded.unreadable.items()] == [("duration", Reason.WRONG_TYPE)]


def test_without_a_readable_outcome_there_is_no_event() -> None:
    spec = MappingSpec({"service": Constant("shop"), "time": taken("ts"), "outcome": FAILED_FROM_500})
    document = compile_mapping(spec).map({"ts": 1767225600, "s": "5xx"})
    assert document is not None
    with pytest.raises(BadEvent, match=r"^unmapped: outcome: cannot compare s \("):
        from_document(document)


def test_a_record_of_which_it_cannot_be_said_whether_it_is_to_be_dropped_is_unmapped() -> None:
    with pytest.raises(BadEvent, match=r"^unmapped: drop_when: cannot compare request\.route"):
        compile_mapping(ACCESS_LOG).map({"request": {"route": 5}})


ACCESS_LOG = MappingSpec(
    {
        "service": Constant("shop"),
        "time": taken("ts", TimeUnit.MILLISECONDS),
        "duration": taken("took", TimeUnit.MICROSECONDS),
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


def test_paths_are_listed_once_and_in_order() -> None:
    spec = MappingSpec(
        {
            "time": taken("t"),
            "duration": summed("d"),
            "outcome": Choice(((parse_condition("s >= 500 and not (x in y or t == 1)"), "failed"),)),
            "step": LookupTable(parse_path("a.b"), {}),
            "service": Constant("s"),
        },
        (parse_condition("a.b == 'x' or z"),),
    )
    mapper = compile_mapping(spec)
    assert [str(path) for path in mapper.paths] == ["d", "s", "x", "y", "t", "a.b", "z"]
    assert mapper.in_order({Path(("z",)), Path(("s",)), Path(("other",))}) == (Path(("s",)), Path(("z",)))


def test_a_path_is_sought_until_a_record_has_it() -> None:
    mapper = compile_mapping(ACCESS_LOG)
    sought = set(mapper.paths)
    mapper.map({"ts": 1, "took": None, "status": 0, "request": {}}, sought)
    assert set(map(str, sought)) == {"took", "request.route"}
    mapper.map({"request": {"route": "/health"}, "took": 5}, sought)  # is dropped
    assert not sought
    assert mapper.map({"ts": 1}, sought) is not None


def test_what_another_mapping_looks_for_stays_sought() -> None:
    sought = {parse_path("elsewhere"), parse_path("ts")}
    compile_mapping(ACCESS_LOG).map({"elsewhere": 1, "ts": 1}, sought)
    assert sought == {parse_path("elsewhere")}


json_values = st.recursive(
    st.just(NO_NUMBER)
    | st.sampled_from(["5", "1, 2", "1e999"])
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "a.b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
paths = st.sampled_from(["a", "a.b", "a.b.c", "a[0]", "b.c[1]", "c"]).map(parse_path)
tests = st.sampled_from(["a > 1", "b.c == 'x'", "a", "'x' in b", "not a in [1, true]"]).map(parse_condition)
scalars = st.none() | st.booleans() | st.integers(0, 5) | st.sampled_from(["ok", "x"])
rules = (
    st.builds(Constant, scalars)
    | st.builds(Taken, paths, st.none() | st.sampled_from(TimeUnit), scalars)
    | st.builds(Summed, paths, st.none() | st.sampled_from(TimeUnit), scalars)
    | st.builds(LookupTable, paths, st.dictionaries(st.sampled_from(["1", "x"]), scalars), scalars, st.booleans())
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
    mapper = compile_mapping(spec)
    with contextlib.suppress(BadEvent):
        document = mapper.map(record, set(mapper.paths))
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


def test_a_mapping_that_has_read_nothing_yet_has_missed_nothing() -> None:
    def reading(path: str, digest: str) -> Standards:
        rules: dict[str, Rule] = {"service": Constant("shop"), "time": taken("at"), "step": taken(path)}
        return Standards(mappings={"t": MappingSpec(rules)}, digest=digest)

    book = {"other": reading("route", "other")}
    engine = Engine(Start("t", 0, reading("page", "one"), book=book.get))
    record, change = b'{"at": 1000, "page": "/"}', control_records.standards("other", 0)
    engine.fold(Batch.of("t", 0, [record, b'{"at": 1000}']))
    assert engine.never_found == []
    engine.fold(Batch.of("t", 0, [record, change], 2))
    assert engine.never_found == []
    engine.fold(Batch.of("t", 0, [record], 4))
    assert engine.never_found == ["route"]
    assert engine.progress.mapped == 1
