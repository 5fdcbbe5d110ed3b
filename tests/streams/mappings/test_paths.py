"""Paths into documents whose keys have dots: which value is found, and that looking for it is bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.mappings.condition_parser import parse_path
from streams.mappings.paths import Path, finder


def found(path: str, document: dict[str, Any]) -> object:
    return finder(parse_path(path))(document)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"http": {"response": {"status_code": 500}}}, id="an object for each name"),
        pytest.param({"http.response.status_code": 500}, id="one key"),
        pytest.param({"http": {"response.status_code": 500}}, id="the last two in one key"),
        pytest.param({"http.response": {"status_code": 500}}, id="the first two in one key"),
        pytest.param({"http": {}, "http.response": {"status_code": 500}}, id="an object that leads nowhere"),
        pytest.param({"http": 5, "http.response.status_code": 500}, id="a value that leads nowhere"),
        pytest.param({"http": {"response": {"status_code": None}}, "http.response.status_code": 500}, id="null"),
    ],
)
def test_names_with_dots_between_them_may_be_one_key(document: dict[str, Any]) -> None:
    assert found("http.response.status_code", document) == 500


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        pytest.param("a.b", {"a.b": 2, "a": {"b": 1}}, 1, id="objects first"),
        pytest.param("a.b.c", {"a.b.c": 3, "a.b": {"c": 2}, "a": {"b.c": 1}}, 1, id="then the shorter key"),
        pytest.param("a.b.c", {"a.b.c": 3, "a.b": {"c": 2}}, 2, id="at every place"),
        pytest.param("a.b[0].c.d", {"a.b": [{"c.d": 1}]}, 1, id="through lists"),
        pytest.param("a[0].b", {"a[0].b": 1}, None, id="an index is no part of a key"),
        pytest.param('["a.b"]', {"a": {"b": 1}}, None, id="a quoted name is one key"),
        pytest.param('["a.b"].c', {"a.b.c": 1}, 1, id="that may be longer"),
        pytest.param("a.b", {"a": {}}, None, id="nothing there"),
        pytest.param("a", {"a.b": 1}, None, id="no part of a key"),
        pytest.param("a.b", {"a.b": False}, False, id="false is a value"),
    ],
)
def test_where_several_ways_lead_somewhere_the_order_decides(
    path: str, document: dict[str, Any], expected: object
) -> None:
    assert found(path, document) is expected


def test_no_document_makes_the_search_long() -> None:
    """Every key leads on and none to the end; each object is looked at once for each key that may begin there."""
    names = ["a"] * 300
    looked_at = 0

    class Counted(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().get(key, default)

    def tree(depth: int) -> Counted:
        return Counted({".".join(names[:count]): tree(depth - 1) for count in range(1, 9)} if depth else {})

    document = tree(3)
    assert finder(Path(tuple(names)))(document) is None
    assert looked_at <= 4 + 16 * (1 + 8 + 8**2 + 8**3)


names = st.sampled_from(["a", "b", "c"])


@given(st.lists(names, min_size=2, max_size=6), st.data())
def test_a_value_is_found_however_its_keys_are_cut(steps: list[str], data: st.DataObject) -> None:
    document: object = 1
    rest = list(steps)
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        document = {".".join(rest[-count:]): document}
        del rest[-count:]
    assert isinstance(document, dict)
    assert finder(Path(tuple(steps)))(document) == 1
