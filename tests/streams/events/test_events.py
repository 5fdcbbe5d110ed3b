"""Events that are accepted: fields, CloudEvents, times and durations."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decoding.columns import ABSENT, durations_us, times_ms
from streams.decoding.decode import decode_values
from streams.decoding.inferred_schema import floats
from streams.events.event import KNOWN_FIELDS, Event, Kind
from streams.events.rejections import BadEvent
from streams.events.wire_format import decode, decode_counting
from tests.oracles.logs import T0
from tests.streams.events.wire_event import text

# -- what is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"kind": "interaction", "outcome": "ok", "duration": None}),
        ({"duration": 0, "step": "", "class": "gold"}, {"duration": 0.0, "step": "", "class_": "gold"}),
        ({"duration": 34_560_000}, {"duration": 34_560_000.0}),
        ({"service": "客" * 200}, {"service": "客" * 200}),
        ({"service": "a\u0000b"}, {"service": "a\u0000b"}),
        ({"service": "😀"}, {"service": "😀"}),
        ({"kind": "probe", "up": False}, {"up": False, "holds": None}),
        ({"kind": "case", "case": "c", "transition": "opened", "due": 5}, {"due": 5.0}),
        ({"kind": "feedback", "expected": 6, "dimension": "empathy"}, {"expected": 6.0}),
        ({"kind": "measure", "indicator": "budget", "amount": 9e12}, {"amount": 9e12}),
    ],
    ids=[
        "the least that an event is",
        "zero and the empty text are values",
        "the longest duration",
        "200 characters, not bytes",
        "an escaped NUL is a character",
        "a surrogate pair is a character",
        "a probe",
        "a case with a due time",
        "half a SERVQUAL answer",
        "the largest amount",
    ],
)
def test_events(fields: dict[str, object], expected: dict[str, object]) -> None:
    event = decode(text(**fields))
    assert {name: getattr(event, name) for name in expected} == expected


def test_not_applicable_is_a_verdict_of_a_check() -> None:
    event = decode(b'{"time":1,"service":"a","kind":"check","item":"i","passed":null}')
    assert event.passed is None


def test_unknown_fields_are_ignored_and_counted() -> None:
    assert decode_counting(text(x=1, y={"z": [2]})).unknown_fields == 2
    decoding = decode_values([text(x=1), text(), text(y=1, z=2)])
    assert (len(decoding.events), decoding.unknown_fields) == (3, 3)


def test_of_a_repeated_field_the_last_counts() -> None:
    raw = b'{"time":1,"service":"a","service":"b","duration":-1,"duration":2}'
    assert [event.service for event in decode_values([raw]).events] == ["b"]
    assert decode(raw).duration == 2


def test_control_records_pass_but_are_no_events() -> None:
    raw = b'{"kind":"control","type":"tick"}'
    assert decode_counting(raw).event is None
    assert decode_values([raw]).ignored == 1
    with pytest.raises(BadEvent, match="unknown-kind"):
        decode(raw)


def test_the_wire_format_knows_its_fields_by_the_names_that_producers_write() -> None:
    assert {"class", "time", "failure_point"} <= KNOWN_FIELDS
    assert "class_" not in KNOWN_FIELDS
    assert set(Kind) == {*_kinds(), "control"}


def _kinds() -> tuple[str, ...]:
    (values,) = [field.type for field in msgspec.structs.fields(Event) if field.name == "kind"]
    return tuple(values.__args__)


# -- CloudEvents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ({"type": "com.example.interaction"}, ("interaction", None, 0)),
        ({"type": "interaction"}, ("interaction", None, 0)),
        ({}, ("interaction", None, 0)),
        ({"type": "com.example.probe", "data": {"service": "a", "up": True}}, ("probe", None, 0)),
        ({"type": "x.interaction", "id": "e-1"}, ("interaction", "e-1", 0)),
        (
            {"type": "x.interaction", "data": {"service": "a", "id": "inner", "z": 1}, "id": "outer"},
            ("interaction", "outer", 1),
        ),
    ],
    ids=["a dotted type", "a plain type", "no type", "a probe", "its id", "its id before the data's; unknown in data"],
)
def test_cloud_events(envelope: dict[str, Any], expected: tuple[str, str | None, int]) -> None:
    raw = json.dumps(
        {"specversion": "1.0", "source": "/x", "time": "2026-03-01T00:00:00Z", "data": {"service": "a"}, **envelope}
    ).encode()
    decoded = decode_counting(raw)
    assert decoded.event is not None
    assert (decoded.event.kind, decoded.event.id, decoded.unknown_fields) == expected
    assert decode_values([raw]).events == [decoded.event]


# -- times and durations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        (0, 0),
        (-0.0, 0),
        (1e-400, 0),
        (1_772_438_400, T0),
        (1_772_438_400.0005, T0),
        (1_772_438_400.0015, T0 + 2),
        ("2026-03-02T08:00:00Z", T0),
        ("2026-03-02T16:00:00+08:00", T0),
        ("2026-03-02T04:30:00-03:30", T0),
        ("2026-03-02t08:00:00z", T0),
        ("2026-03-02 08:00:00Z", T0),
        ("2026-03-02T08:00:00.25Z", T0 + 250),
        ("2026-03-02T08:00:00.123456789Z", T0 + 123),
        ("2026-03-02T08:00:00.9999999Z", T0 + 1_000),
        ("2026-03-02T08:00:00-00:00", T0),
    ],
    ids=str,
)
def test_times(time: object, milliseconds: int) -> None:
    found, valid = times_ms(floats([decode(text(time=time)).time, decode(text()).time]))
    assert found.tolist() == [milliseconds, T0]
    assert valid.all()


def test_times_of_both_shapes_meet_in_one_batch() -> None:
    events = [
        decode(text(time=time)) for time in (5, "1970-01-01T00:00:06Z", -1, 32_503_680_000, "2999-12-31T23:59:59Z")
    ]
    found, valid = times_ms(floats([event.time for event in events]))
    assert valid.tolist() == [True, True, False, False, True]
    assert found.tolist() == [5_000, 6_000, 0, 0, 32_503_679_999_000]


@settings(max_examples=300)
@given(st.integers(0, 34_560_000_000_000))
def test_durations_of_whole_microseconds_are_exact(us: int) -> None:
    event = msgspec.json.decode(text(duration=us / 1_000_000), type=Event)
    assert durations_us(floats([event.duration] * 2)).tolist() == [us, us]


@settings(max_examples=300)
@given(st.integers(0, 32_503_679_999_999))
def test_times_of_whole_milliseconds_are_exact_as_number_and_as_text(ms: int) -> None:
    written = datetime.fromtimestamp(ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1_000:03}Z"
    found, valid = times_ms(floats([decode(text(time=time)).time for time in (ms / 1_000, written)]))
    assert found.tolist() == [ms, ms]
    assert valid.all()


def test_an_absent_duration_is_not_zero() -> None:
    assert durations_us(floats([decode(text()).duration, decode(text(duration=0)).duration])).tolist() == [ABSENT, 0]
