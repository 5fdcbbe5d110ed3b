"""Conditions and paths: what they mean, what they refuse, and that no text raises anything else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events.rejections import Reason, Unreadable
from streams.mappings.condition_parser import MAX_LENGTH, Malformed, parse_condition, parse_path
from streams.mappings.conditions import Comparison, Incomparable, Literal, paths_in, predicate, reader
from streams.mappings.numerals import plain_number
from streams.mappings.paths import Path

DOCUMENT: dict[str, Any] = {
    "status": 503,
    "method": "GET",
    "ok": True,
    "odd name": 1,
    "@timestamp": "2026-03-01T09:30:00Z",
    "x-plan": "gold",
    "request": {"route": "/a", "tags": ["vip", "new"], "sizes": [3, 5]},
    "items": [{"price": 2.5}, {"price": 4}],
    "nothing": None,
    "code": "502",
    "agent": "007",
    "codes": ["500", 502, "x"],
    "nan": Unreadable(Reason.NOT_FINITE, "NaN is no JSON number"),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status >= 500", True),
        ("status>=500", True),
        ("status < 500", False),
        ("500 <= status", True),
        ("status != 503", False),
        ("status == 503.0", True),
        ('method == "GET"', True),
        ("method == 'GET'", True),
        ('method in ["GET", "HEAD"]', True),
        ("status in [500, 502]", False),
        ('method not in ["GET"]', False),
        ('"vip" in request.tags', True),
        ("4 in request.sizes", False),
        ('"x" in absent', False),
        ("ok", True),
        ("not ok", False),
        ("ok == true", True),
        ("absent", False),
        ("absent == null", True),
        ("nothing == null", True),
        ("absent != null", False),
        ("absent != 5", True),
        ("absent >= 5", False),
        ("not absent >= 5", True),
        ("absent in [1, 2]", False),
        ("items[1].price == 4", True),
        ("items[7].price == null", True),
        ("items.price == null", True),
        ("status[0] == null", True),
        ('["odd name"] == 1', True),
        ('request["route"] == "/a"', True),
        ('x-plan == "gold"', True),
        ('@timestamp > "2026"', True),
        ("status == 1 or status == 503 and ok", True),
        ("(status == 503 or status == 1) and not ok", False),
        ("not (status == 1) and ok", True),
        ("status == 1 and request > 5", False),  # what is not needed is not looked at
        (r'"a\"b" == "a\"b"', True),
        ("-1 < 1e2", True),
        ("code >= 500", True),
        ("500 <= code", True),
        ("code == 502", True),
        ("code != 502", False),
        ("code == 502.0", True),
        ("code < status", True),
        ("code in [500, 502]", True),
        ("code in [500, 504]", False),
        ("code not in [500, 504]", True),
        ("502 in codes", True),
        ("500 in codes", True),
        ("status in codes", False),
        ("code in codes", True),
        ("agent == 7", True),
        ('agent == "7"', False),  # texts are compared as texts
        ('code > "1000"', True),
        ('status == "503"', True),
        ('status >= "5"', True),
        ('status in ["500"]', False),
        ('"-0.5" < 0', True),
        ("nan == null", False),
        ("nan != null", True),
    ],
)
def test_what_a_condition_means(text: str, expected: bool) -> None:
    assert predicate(parse_condition(text))(DOCUMENT) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('status == "x"', 'cannot compare status (number 503) with text "x"', id="number with text"),
        pytest.param('status >= "5xx"', "status (number 503) with", id="order of number and text"),
        pytest.param('status == "5e2"', 'number 503) with text "5e2"', id="a text with an exponent"),
        pytest.param('status == "0x1"', 'number 503) with text "0x1"', id="a text with hexadecimal digits"),
        pytest.param('status == "1_0"', 'number 503) with text "1_0"', id="a text with underscores"),
        pytest.param('status == " 503"', 'number 503) with text " 503"', id="a text with blanks"),
        pytest.param('status == "٣"', "number 503) with text", id="a text with other digits"),
        pytest.param('status == ""', 'number 503) with text ""', id="an empty text"),
        pytest.param('status == "NaN"', 'number 503) with text "NaN"', id="a text that says it is no number"),
        pytest.param("ok == 'true'", 'ok (boolean true) with text "true"', id="boolean with text"),
        pytest.param("nan >= 1", "nan (number that cannot be read: NaN is no", id="a number that cannot be read"),
        pytest.param("nan == nan", "number that cannot be read", id="not even with itself"),
        pytest.param("nan in [1, 2]", "number that cannot be read", id="nor among others"),
        pytest.param("ok == 1", "ok (boolean true) with number 1", id="boolean with number"),
        pytest.param("ok > false", "ok (boolean true) with boolean false", id="booleans have no order"),
        pytest.param('request == "x"', "request (object of 3)", id="objects are not compared"),
        pytest.param('status in ["GET"]', "status (number 503) with text", id="number among texts"),
        pytest.param("1 in request.route", 'request.route (text "/a") is no list', id="no part of a text"),
        pytest.param("status", "neither true nor false", id="a number is no truth"),
    ],
)
def test_values_of_different_kinds_are_not_compared_silently(text: str, message: str) -> None:
    with pytest.raises(Incomparable) as caught:
        predicate(parse_condition(text))(DOCUMENT)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the end where a number"),
        ("status = 500", "did you mean `==`?"),
        ("a && b", "did you mean `and`?"),
        ("a || b", "did you mean `or`?"),
        ("!a", "did you mean `not`?"),
        ("a == 'x", "the quote is never closed"),
        ("a == b == c", "found `==` at character 8"),
        ("a in", 'a list, as in ["GET", "HEAD"]'),
        ("a in []", "a number, a text in quotes"),
        ("a in [b]", "texts need quotes"),
        ("(a", "where `)` was expected"),
        ("a)", "an operator or the end"),
        ("5xx == 1", "cannot read '5'"),
        ("a..b", "the name of a field"),
        ("a[-1]", "an index from 0"),
        ("a[1.5]", "an index from 0"),
        ("a.and", "the name of a field"),
        ("__import__('os')", "found `(`"),
        ("a == " + "9" * 30, "cannot read '9'"),
        ("(" * 30 + "a", "deeper than 20 levels"),
        ("not " * 30 + "a", "deeper than 20 levels"),
        ("a" * (MAX_LENGTH + 1), "at most 1,000"),
        (r'a == "C:\dir"', r"cannot read `\d` at character 9; a backslash itself is written `\\`"),
        (r'a == "\u12"', r"cannot read `\u` at character 7"),
        (r'a == "\ud83d"', "half of a pair of codes"),
    ],
)
def test_a_malformed_condition_says_what_is_wrong_and_where(text: str, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_condition(text)
    assert message in str(caught.value)


@given(
    st.text(alphabet=st.sampled_from("ab.[]()\"'<>=! \\19-,and or not in \x00\u4e00"), max_size=60)
    | st.text(max_size=60)
)
def test_no_text_raises_anything_but_malformed_or_incomparable(text: str) -> None:
    with contextlib.suppress(Malformed, Incomparable):
        predicate(parse_condition(text))(DOCUMENT)


names = st.sampled_from(["a", "b", "c"])
comparisons = st.builds(
    "{} {} {}".format, names, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), names | st.integers(-9, 9)
) | st.builds("{} {} {}".format, names, st.sampled_from(["in", "not in"]), st.lists(st.integers(0, 9), min_size=1))
expressions = st.recursive(
    comparisons,
    lambda inner: (
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not {}".format, inner)
    ),
    max_leaves=6,
)


@given(expressions, st.fixed_dictionaries({name: st.integers(-9, 9) for name in "abc"}))
def test_over_numbers_a_condition_means_what_it_means_in_python(text: str, document: dict[str, int]) -> None:
    expected = eval(text, {"__builtins__": {}}, document)  # noqa: S307 - the oracle, over texts made here
    assert predicate(parse_condition(text))(document) is expected


@given(st.text(max_size=6))
def test_a_text_is_read_as_json_has_it(text: str) -> None:
    condition = parse_condition(f"a == {json.dumps(text)}")
    assert condition == Comparison("==", Path(("a",)), Literal(text))
    assert parse_condition(str(condition)) == condition


@pytest.mark.parametrize(
    ("written", "meant"),
    [(r"'\n'", "\n"), (r"'it\'s'", "it's"), (r'"\\n"', r"\n"), (r'"\ud83d\ude00"', "\U0001f600"), (r'"\/"', "/")],
)
def test_a_backslash_means_what_it_means_in_json(written: str, meant: str) -> None:
    assert predicate(parse_condition(f"a == {written}"))({"a": meant})


@given(expressions)
def test_a_condition_is_read_as_it_is_written(text: str) -> None:
    condition = parse_condition(text)
    assert parse_condition(str(condition)) == condition


@pytest.mark.parametrize(
    "text",
    [
        'a.b[0] not in ["x", 5, true, null]',
        "not (a and not b)",
        "(a or b) and c in d",
        "(a and b) and c",
        '["odd name"] == "x"',
        "x >= 1.5",
        f'a == "{"x" * 100}"',
    ],
)
def test_conditions_are_written_as_people_write_them(text: str) -> None:
    assert str(parse_condition(text)) == text


def test_the_paths_of_a_condition_come_from_left_to_right() -> None:
    condition = parse_condition('a.b == c and (d in ["x"] or not (e in f)) and g and 5 > 1')
    assert [str(path) for path in paths_in(condition)] == ["a.b", "c", "d", "e", "f", "g"]


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=4).map(float))
def test_a_text_is_the_number_that_it_is_without_quotes(number: float) -> None:
    text = repr(number)
    assert plain_number(text) == (None if "e" in text else number)


steps = st.lists(st.text(min_size=1, max_size=5) | st.integers(0, 99), min_size=1, max_size=4)


@given(steps)
def test_a_path_is_read_as_it_is_written(found: list[str | int]) -> None:
    path = parse_path("".join(f"[{step}]" if isinstance(step, int) else f'["{_escaped(step)}"]' for step in found))
    assert path.steps == tuple(found)
    assert parse_path(str(path)) == path


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def test_a_path_reads_through_objects_and_lists() -> None:
    assert reader(parse_path("items[1].price"))(DOCUMENT) == 4
    assert reader(parse_path("request.route.deeper"))(DOCUMENT) is None
