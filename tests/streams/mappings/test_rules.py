"""Other people's fields as those of events: what each kind of rule yields, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.events.rejections import Reason, Unreadable
from streams.mappings.condition_parser import parse_condition
from streams.mappings.mapping import (
    Choice,
    Constant,
    LookupTable,
    MappingSpec,
    Rule,
    Summed,
    Taken,
    TimeUnit,
    compile_mapping,
)
from streams.mappings.paths import Path
from tests.streams.mappings.rules import FAILED_FROM_500, NO_NUMBER, A, summed, taken

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


EXHAUSTIVE = LookupTable(A, {"1": "ok"}, exhaustive=True)


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
