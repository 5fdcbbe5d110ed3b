"""What was probably meant, by what the records do have."""

from __future__ import annotations

from typing import Any

import pytest

from streams.mappings.condition_parser import parse_path
from streams.sampling.spelling import KnownPaths, meant_field


@pytest.mark.parametrize(
    ("path", "document", "meant"),
    [
        pytest.param("Timestamp", {"timestamp": 1}, "timestamp", id="another case"),
        pytest.param("statusCode", {"status_code": 1}, "status_code", id="another way to join words"),
        pytest.param('["a.b"].c', {"a": {"b": {"c": 1}}}, "a.b.c", id="objects where one key was written"),
        pytest.param("status", {"http": {"response": {"status": 1}}}, "http.response.status", id="further down"),
        pytest.param("request.status", {"status": 1}, "status", id="further up"),
        pytest.param("status", {"http.status": 1}, "http.status", id="in a key with dots"),
        pytest.param("items.price", {"items": [{"price": 1}]}, "items[0].price", id="in a list"),
        pytest.param("reponse.time", {"response": {"time": 1}, "time": 2}, "response.time", id="a slip on the way"),
        pytest.param("latncy", {"a": {"latency": 1}, "other": 2}, "a.latency", id="a slip further down"),
        pytest.param("b", {"a": {"b": None}, "c": {"b": {}}}, None, id="neither null nor an object"),
        pytest.param("x", {}, None, id="nothing there"),
        pytest.param("zebra", {"status": 1}, None, id="nothing like it"),
    ],
)
def test_the_path_that_was_meant(path: str, document: dict[str, Any], meant: str | None) -> None:
    known = KnownPaths()
    known.add(document)
    found = known.meant(parse_path(path))
    assert (None if found is None else str(found)) == meant


def test_of_several_the_likest_is_meant() -> None:
    known = KnownPaths()
    for document in ({"a": {"id": 1}}, {"user": {"id": 1}}, {"zebra": {"id": 1}}):
        known.add(document)
    assert str(known.meant(parse_path("users.id"))) == "user.id"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Duration", "duration"),
        ("failurePoint", "failure_point"),
        ("servce", "service"),
        ("@timestamp", "time"),
        ("latency", "duration"),
        ("zebra", None),
        ("", None),
    ],
)
def test_the_field_that_was_meant(name: str, meant: str | None) -> None:
    assert meant_field(name) == meant
