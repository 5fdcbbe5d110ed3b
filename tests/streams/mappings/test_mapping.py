"""Other people's records as events: whole mappings, what they drop, and which paths they have not found."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.events.event import KNOWN_FIELDS
from streams.events.rejections import BadEvent, Reason
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
from tests.streams.mappings.rules import FAILED_FROM_500, NO_NUMBER, summed, taken


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
