"""Rekeying as a function: what becomes of each record, and what is noted beside a committed offset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding.batch import Batch
from streams.decoding.decode import decode_values
from streams.decoding.rekeying import (
    LARGEST,
    UNMAPPED,
    Baseline,
    Rekeyed,
    RekeyMark,
    encode,
    origin_of,
    place_of,
    rekey,
)
from streams.engine.engine import Engine
from streams.engine.progress import Progress
from streams.engine.start import Start
from streams.events.event import MAX_BYTES
from streams.events.rejections import Reason
from streams.events.wire_format import decode
from streams.mappings.condition_parser import parse_condition, parse_path
from streams.mappings.mapping import Mapper, MappingSpec, Taken, TimeUnit, compile_mapping
from streams.standards.model import Standards

HERE: Final = b"orders/3"


def one(value: bytes | None, mapper: Mapper | None = None) -> Rekeyed | None:
    """What becomes of a single record at offset 7 of partition 3 of the topic `orders`."""
    records = rekey(Batch.of("orders", 3, [value], 7, [1_000]), mapper).records
    return records[0] if records else None


def event(**fields: Any) -> bytes:
    return json.dumps({"time": 1_772_328_600, "service": "hotline", **fields}).encode()


CLOUD: Final = json.dumps(
    {"specversion": "1.0", "type": "x.probe", "time": "2026-03-01T09:30:00Z", "data": {"service": "web", "up": True}}
).encode()


@pytest.mark.parametrize(
    ("value", "key"),
    [
        pytest.param(event(), b"hotline", id="an event goes under its service"),
        pytest.param(b" " + event(surplus=1) + b"\n", b"hotline", id="byte for byte, unknown fields included"),
        pytest.param(event(service="热线"), "热线".encode(), id="services are UTF-8"),
        pytest.param(event(kind="probe", up=True), b"hotline", id="whatever its kind"),
        pytest.param(CLOUD, b"web", id="a CloudEvent goes under the service in its data"),
        pytest.param(event(time=4e9), b"hotline", id="what only the monitor can judge is not judged here"),
    ],
)
def test_events_pass_unchanged(value: bytes, key: bytes) -> None:
    assert one(value) == Rekeyed(7, 1_000, key, value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"junk", Reason.NOT_JSON, id="what is no JSON"),
        pytest.param(b"[1]", Reason.NOT_AN_OBJECT, id="what is no object"),
        pytest.param(None, Reason.TOMBSTONE, id="a tombstone"),
        pytest.param(b"", Reason.NOT_JSON, id="nothing"),
        pytest.param(
            event(outcome="?"), Reason.INVALID_VALUE, id="an event with a bad field, its service notwithstanding"
        ),
        pytest.param(event(kind="probe"), Reason.MISSING_FIELD, id="an event that lacks a field"),
        pytest.param(b'{"kind": "control"}', Reason.MISSING_FIELD, id="a control record that is none"),
        pytest.param(b'{"time": 1, "service": "\xff"}', Reason.INVALID_UTF8, id="bytes that are no UTF-8"),
        pytest.param(event(id="x" * MAX_BYTES), Reason.TOO_LARGE, id="an event that is too large"),
        pytest.param(b"x" * LARGEST, Reason.TOO_LARGE, id="the largest value that passes whole"),
    ],
)
def test_what_is_no_event_passes_under_its_source_partition(value: bytes | None, reason: Reason) -> None:
    assert one(value) == Rekeyed(7, 1_000, HERE, value, reason)


def test_a_value_too_large_to_pass_is_cut_to_one_that_is_too_large_for_an_event() -> None:
    found = one(event(id="x" * LARGEST))
    assert found is not None
    assert (found.key, found.reason) == (HERE, Reason.TOO_LARGE)
    assert (len(found.value or b""), found.size) == (MAX_BYTES + 1, len(event(id="x" * LARGEST)))
    assert decode_values([found.value]).rejected[0].reason == Reason.TOO_LARGE


@pytest.mark.parametrize("kind", ["tick", "standards", "exclusion", "of-a-later-version"])
def test_control_records_of_the_source_end_here(kind: str) -> None:
    value = json.dumps({"kind": "control", "type": kind}).encode()
    assert rekey(Batch.of("t", 0, [event(), value, event()])).dropped == 1
    assert one(value) is None


# -- mapped topics --------------------------------------------------------------------------------------------------

SPEC: Final = MappingSpec(
    {
        "service": Taken(parse_path("app")),
        "time": Taken(parse_path("when"), TimeUnit.MILLISECONDS),
        "duration": Taken(parse_path("took"), TimeUnit.MILLISECONDS),
        "customer": Taken(parse_path("who")),
    },
    drop_when=(parse_condition("noise == true"),),
)
MAPPER: Final = compile_mapping(SPEC)


def test_a_mapped_record_has_the_wire_format() -> None:
    found = one(b'{"app": "web", "when": 1772328600500, "took": 250, "who": 4711, "more": [1]}', MAPPER)
    assert found is not None
    assert found.key == b"web"
    assert json.loads(found.value or b"") == {
        "service": "web",
        "time": 1_772_328_600.5,
        "duration": 0.25,
        "customer": "4711",
    }


def folded(values: Sequence[bytes | None], mapped_by: MappingSpec | None = None) -> Progress:
    """What an engine makes of records: as they come, or of their topic's shape."""
    standards = Standards(mappings={"t": mapped_by} if mapped_by else {})
    engine = Engine(Start("t", 0, standards))
    engine.fold(Batch.of("t", 0, values))
    return engine.progress


def test_what_a_mapping_cannot_read_is_counted_where_the_rekeyed_event_is() -> None:
    values = [
        b'{"app": "a", "when": 1000, "took": 250}',
        b'{"app": "a", "when": 2000, "took": "-", "who": [1]}',
        b'{"app": "a", "when": 3000, "took": -1}',
    ]
    rekeyed = [record.value for record in rekey(Batch.of("t", 0, values), MAPPER).records]
    there, here = folded(rekeyed), folded(values, SPEC)
    assert there.accepted == here.accepted == 3
    assert (
        there.unreadable
        == here.unreadable
        == {
            ("duration", Reason.WRONG_TYPE): 1,
            ("duration", Reason.NEGATIVE): 1,
            ("customer", Reason.WRONG_TYPE): 1,
        }
    )
    assert there.readable == here.readable


def test_a_mapped_event_keeps_the_source_of_its_cloud_event() -> None:
    spec = MappingSpec(
        {
            "service": Taken(parse_path("data.app")),
            "time": Taken(parse_path("time")),
            "id": Taken(parse_path("id")),
            "duration": Taken(parse_path("data.took")),
        }
    )
    head = {"specversion": "1.0", "type": "x.order", "id": "1", "time": "2026-03-01T09:30:00Z"}
    values = [
        json.dumps({**head, **more, "data": {"app": "a", "took": "soon"}}).encode()
        for more in ({"source": "/x"}, {"source": "/y"}, {"source": "/x"}, {"source": 7}, {})
    ]
    rekeyed = [record.value for record in rekey(Batch.of("t", 0, values), compile_mapping(spec)).records]
    for progress in (folded(rekeyed), folded(values, spec)):
        assert (progress.accepted, progress.duplicates) == (3, 2)
        assert progress.unreadable == {("duration", Reason.WRONG_TYPE): 5}


def test_the_source_of_a_cloud_event_makes_no_event_too_large() -> None:
    spec = MappingSpec({"service": Taken(parse_path("data.app")), "time": Taken(parse_path("time"))})
    head = {"specversion": "1.0", "type": "x.order", "time": "2026-03-01T09:30:00Z", "source": "/x" * 32_000}
    value = json.dumps({**head, "data": {"app": "a"}}).encode()
    rekeyed = [record.value for record in rekey(Batch.of("t", 0, [value]), compile_mapping(spec)).records]
    assert folded(rekeyed).accepted == folded([value], spec).accepted == 1
    assert len(rekeyed[0] or b"") < 300


def test_paths_that_any_record_has_are_no_longer_sought() -> None:
    sought = set(MAPPER.paths)
    rekey(Batch.of("t", 0, [b'{"app": "a", "when": 1000}', b'{"noise": true}', b"junk"]), MAPPER, sought)
    assert sorted(map(str, sought)) == ["took", "who"]


def test_records_that_the_mapping_drops_and_control_records_end_here() -> None:
    values = [b'{"noise": true}', b'{"kind": "control", "type": "tick"}', b'{"app": "a", "when": 1000}']
    found = rekey(Batch.of("t", 0, values), MAPPER)
    assert (len(found.records), found.dropped, found.rejected) == (1, 2, 0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"junk", Reason.NOT_JSON, id="no JSON"),
        pytest.param(b'{"app": "a"}', Reason.MISSING_TIME, id="a field that the mapping does not find"),
        pytest.param(b'{"app": "a", "when": "soon"}', Reason.WRONG_TYPE, id="a value that the mapping cannot convert"),
        pytest.param(b'{"app": "a", "when": true}', Reason.WRONG_TYPE, id="a value that no event may have"),
    ],
)
def test_a_record_that_does_not_fit_its_mapping_passes_as_it_is(value: bytes, reason: Reason) -> None:
    assert one(value, MAPPER) == Rekeyed(7, 1_000, HERE, value, reason)
    assert decode_values([value]).rejected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(event(), id="an event in the wire format"),
        pytest.param(CLOUD, id="a CloudEvent"),
        pytest.param(b'{"kind": "control", "type": "tick", "own": false}', id="something like a control record"),
    ],
)
def test_what_does_not_fit_its_mapping_is_not_counted_because_it_reads_as_the_wire_format(value: bytes) -> None:
    found = one(value, MAPPER)
    assert found is not None
    assert (found.key, found.value) == (HERE, UNMAPPED + value)
    assert [rejection.reason for rejection in decode_values([found.value]).rejected] == [Reason.NOT_JSON]


@pytest.mark.parametrize(
    "raw",
    [
        event(step="answer", duration=0.1, outcome="failed", failure_point="rude", id="a", customer="b"),
        event(outcome="ok"),
        event(time="2026-03-01T09:30:00.123456+08:00"),
        event(kind="probe", up=False, holds=10),
        event(kind="case", case="c", transition="opened", due="2026-03-01T09:30:00Z"),
        event(kind="feedback", score=0, role="staff", weight=1, **{"class": "gold"}),
        event(kind="check", item="i", passed=None),
        event(kind="check", item="i", passed=True, section="s", unit="u"),
        event(kind="measure", indicator="i", value=1, of=9e12),
    ],
)
def test_an_encoded_event_reads_as_the_same_event(raw: bytes) -> None:
    assert decode(encode(decode(raw))) == decode(raw)


# -- laws -----------------------------------------------------------------------------------------------------------

VALUES: Final = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.builds(event, service=st.text(max_size=5), duration=st.one_of(st.none(), st.floats(allow_nan=False))),
    st.just(b'{"kind": "control", "type": "tick"}'),
    st.builds(lambda app, when: json.dumps({"app": app, "when": when}).encode(), st.text(max_size=5), st.integers()),
)


@given(values=st.lists(VALUES, max_size=12), cut=st.integers(0, 12), mapped=st.booleans())
def test_every_record_has_one_fate_wherever_batches_are_cut(values: list[bytes | None], cut: int, mapped: bool) -> None:
    mapper = MAPPER if mapped else None
    whole = rekey(Batch.of("t", 0, values), mapper)
    parts = [rekey(part, mapper) for part in (Batch.of("t", 0, values[:cut]), Batch.of("t", 0, values[cut:], cut))]
    if cut <= len(values):
        assert [*parts[0].records, *parts[1].records] == whole.records
    offsets = [record.offset for record in whole.records]
    assert offsets == sorted(set(offsets))
    assert len(offsets) + whole.dropped == len(values)


@given(values=st.lists(VALUES, max_size=12), mapped=st.booleans())
def test_what_was_judged_an_event_is_one_to_the_monitor_and_nothing_else_is(
    values: list[bytes | None], mapped: bool
) -> None:
    for record in rekey(Batch.of("t", 0, values), MAPPER if mapped else None).records:
        decoding = decode_values([record.value])
        assert not decoding.controls
        assert len(decoding.events) == (record.reason is None)
        assert len(decoding.rejected) == (record.reason is not None)
        assert [event.service.encode() for event in decoding.events] in ([], [record.key])


# -- headers and marks ----------------------------------------------------------------------------------------------


def test_headers_name_the_origin_and_what_was_wrong() -> None:
    record = Rekeyed(12, 0, b"k", b"v", Reason.TOO_LARGE, 900_000)
    assert record.headers(place_of("orders", 3)) == [
        ("slm-source", b"orders/3/12"),
        ("slm-reason", b"too-large"),
        ("slm-size", b"900000"),
    ]


@pytest.mark.parametrize(
    ("header", "origin"),
    [
        (b"orders/3/12", ("orders/3", 12)),
        (b"a.b-c_d/0/0", ("a.b-c_d/0", 0)),
        (b"", None),
        (b"orders/3/", None),
        (b"orders/3/-1", None),
        (b"\xff/0/\xff", None),
        ("t/0/²".encode(), None),
    ],
)
def test_the_origin_in_a_header_is_read_or_refused(header: bytes, origin: tuple[str, int] | None) -> None:
    assert origin_of(header) == origin


def test_a_mark_survives_as_text_and_knows_its_record() -> None:
    mark = RekeyMark.of(Batch.of("t", 0, [b"a", b"b"], 5, [1, 2]), Baseline(4, (0, 17, 3)))
    assert RekeyMark.from_text(mark.to_text()) == mark
    assert mark.matches(2, b"b")
    assert not mark.matches(3, b"b")
    assert not mark.matches(2, b"a")
    assert not mark.matches(2, None)


@pytest.mark.parametrize("text", ["", "by hand", "slm1 1 2", "slm2 1 d 3 4,5"])
def test_what_others_have_noted_is_no_mark(text: str) -> None:
    assert RekeyMark.from_text(text) is None


def test_a_mark_of_250_partitions_fits_what_kafka_keeps_beside_an_offset() -> None:
    mark = RekeyMark.of(Batch.of("t", 0, [b"a"], 10**12, [1_772_328_600_000]), Baseline(10**12, (10**12,) * 250))
    assert len(mark.to_text()) < 4_096
