"""The wire format: every reason for rejection, CloudEvents, times, hostile bytes; the fast path and the careful one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decoding.batch import Batch
from streams.decoding.columns import ABSENT, durations_us, times_ms
from streams.decoding.decode import decode_values
from streams.decoding.inferred_schema import floats
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events.event import KNOWN_FIELDS, MAX_BYTES, Event, Kind
from streams.events.rejections import BadEvent, Reason
from streams.events.wire_format import decode, decode_counting
from streams.mappings.mapping import Constant, LookupTable, MappingSpec, Taken
from streams.mappings.paths import Path
from streams.standards.model import Standards
from tests.oracles.logs import T0

# -- every reason -----------------------------------------------------------------------------------------------------


class Bad(NamedTuple):
    """A record that is no event, why, and words that the explanation has to have."""

    raw: bytes | None
    reason: Reason
    says: str


def text(**fields: object) -> bytes:
    """A valid event with ``fields`` added or replaced; None in a field leaves it out."""
    event = {"time": T0 / 1_000, "service": "hotline", **fields}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


NO_EVENTS = {
    "a tombstone": Bad(None, Reason.TOMBSTONE, "no value"),
    "a byte more than 64 KiB": Bad(text(x="x" * (MAX_BYTES - 50)), Reason.TOO_LARGE, "65,536"),
    "Latin-1": Bad(b'{"time":1,"service":"caf\xe9"}', Reason.INVALID_UTF8, "byte 24 is 0xe9"),
    "a surrogate in UTF-8": Bad(b'{"time":1,"service":"\xed\xa0\x80"}', Reason.INVALID_UTF8, "0xed"),
    "nothing": Bad(b"", Reason.NOT_JSON, "one JSON object"),
    "a cut line": Bad(b'{"time":1,"service":"a', Reason.NOT_JSON, "truncated"),
    "two objects": Bad(b'{"time":1,"service":"a"}{}', Reason.NOT_JSON, "trailing"),
    "a byte-order mark": Bad(b'\xef\xbb\xbf{"time":1,"service":"a"}', Reason.NOT_JSON, "byte 0"),
    "a raw NUL in a text": Bad(b'{"time":1,"service":"a\x00"}', Reason.NOT_JSON, "invalid character"),
    "half a surrogate pair": Bad(b'{"time":1,"service":"\\ud800"}', Reason.NOT_JSON, "one JSON object"),
    "a comma too many": Bad(b'{"time":1,"service":"a",}', Reason.NOT_JSON, "comma"),
    "65 arrays within each other": Bad(
        text(x=1)[:-1] + b',"y":' + b"[" * 65 + b"]" * 65 + b"}", Reason.NOT_JSON, "66 deep"
    ),
    "NaN": Bad(b'{"time":NaN,"service":"a"}', Reason.NOT_FINITE, "NaN"),
    "NaN as service": Bad(b'{"time":1,"service":NaN,"duration":NaN}', Reason.NOT_FINITE, "NaN"),
    "half a surrogate pair beside NaN": Bad(b'{"time":1,"service":"\\ud800","duration":NaN}', Reason.NOT_FINITE, "NaN"),
    "NaN as type of a control record": Bad(b'{"kind":"control","type":NaN}', Reason.WRONG_TYPE, '(found "NaN is no'),
    "NaN as type of a CloudEvent": Bad(
        b'{"specversion":"1.0","type":NaN,"time":1,"data":{"service":"a"}}', Reason.UNKNOWN_KIND, '(found "NaN is no'
    ),
    "minus infinity": Bad(b'{"time":-Infinity,"service":"a"}', Reason.NOT_FINITE, "leave the field out"),
    "an array": Bad(b'[{"time":1,"service":"a"}]', Reason.NOT_AN_OBJECT, "list"),
    "null": Bad(b"null", Reason.NOT_AN_OBJECT, "NoneType"),
    "no service": Bad(b'{"time":1}', Reason.MISSING_SERVICE, "names its service"),
    "no time": Bad(b'{"service":"a"}', Reason.MISSING_TIME, "time"),
    "a probe that says neither up nor down": Bad(text(kind="probe"), Reason.MISSING_FIELD, "`up`"),
    "a case without transition": Bad(text(kind="case", case="c"), Reason.MISSING_FIELD, "`case` and `transition`"),
    "a check without verdict": Bad(text(kind="check", item="i"), Reason.MISSING_FIELD, "`passed`"),
    "feedback without a number": Bad(text(kind="feedback"), Reason.MISSING_FIELD, "`score` or `expected`"),
    "a measure of nothing": Bad(text(kind="measure", indicator="i"), Reason.MISSING_FIELD, "`value`"),
    "a control record without type": Bad(b'{"kind":"control"}', Reason.MISSING_FIELD, "type"),
    "a kind that there is not": Bad(text(kind="call"), Reason.UNKNOWN_KIND, "kinds there are"),
    "a kind that looks like another complaint": Bad(
        text(kind="Object missing required field `service`"), Reason.UNKNOWN_KIND, "kinds there are"
    ),
    "a kind of two lines": Bad(text(kind="a\nb"), Reason.UNKNOWN_KIND, "kinds there are"),
    "a control record in a CloudEvent": Bad(
        b'{"specversion":"1.0","type":"x.control","time":"2026-03-01T00:00:00Z","data":{"service":"a"}}',
        Reason.UNKNOWN_KIND,
        "kinds there are",
    ),
    "an outcome that there is not": Bad(text(outcome="OK"), Reason.INVALID_VALUE, '"OK"'),
    "a number as service": Bad(text(service=5), Reason.WRONG_TYPE, "service"),
    "a boolean as time": Bad(text(time=True), Reason.WRONG_TYPE, "time"),
    "null as time": Bad(b'{"time":null,"service":"a"}', Reason.WRONG_TYPE, "null"),
    "a CloudEvent whose data is a text": Bad(b'{"specversion":"1.0","type":"x","data":"y"}', Reason.WRONG_TYPE, "data"),
    "an empty service": Bad(text(service=""), Reason.EMPTY, "service"),
    "a service of 201 characters": Bad(text(service="服" * 201), Reason.TOO_LONG, "200"),
    "a probe that is up perhaps": Bad(text(kind="probe", up="perhaps"), Reason.WRONG_TYPE, "up"),
    "a case as a number": Bad(text(kind="case", case=5, transition="opened"), Reason.WRONG_TYPE, "case"),
    "a transition that there is not": Bad(
        text(kind="case", case="c", transition="ended"), Reason.INVALID_VALUE, "transition"
    ),
    "a verdict of 1": Bad(text(kind="check", item="i", passed=1), Reason.WRONG_TYPE, "passed"),
    "a role that there is not": Bad(text(kind="feedback", score=1, role="boss"), Reason.INVALID_VALUE, "role"),
    "a measure of something in words": Bad(text(kind="measure", indicator="i", value="3"), Reason.WRONG_TYPE, "value"),
    "a negative score": Bad(text(kind="feedback", score=-1), Reason.NEGATIVE, "score"),
    "a number that no computer holds": Bad(b'{"time":1e999,"service":"a"}', Reason.OUT_OF_RANGE, "too large"),
    "a whole number of 400 digits": Bad(b'{"time":' + b"9" * 400 + b',"service":"a"}', Reason.OUT_OF_RANGE, "time"),
    "a time as text without offset": Bad(
        text(time="2026-03-01T09:30:00"), Reason.TIME_WITHOUT_OFFSET, "2026-03-01T09:30:00+08:00"
    ),
    "a date": Bad(text(time="2026-03-01"), Reason.INVALID_TIME, "RFC 3339"),
    "the 30th of February": Bad(text(time="2026-02-30T00:00:00Z"), Reason.INVALID_TIME, "2026-02-30"),
    "a leap second": Bad(text(time="2016-12-31T23:59:60Z"), Reason.INVALID_TIME, "time"),
    "before 1970": Bad(text(time=-1), Reason.TIME_OUT_OF_RANGE, "1970"),
    "the year 1 as text": Bad(text(time="0001-01-01T00:00:00+23:59"), Reason.TIME_OUT_OF_RANGE, "1970"),
    "milliseconds instead of seconds": Bad(text(time=T0), Reason.TIME_OUT_OF_RANGE, "not milliseconds"),
    "a time beyond every clock": Bad(text(time=1e300), Reason.TIME_OUT_OF_RANGE, "1e+300"),
    "a clock that runs fast": Bad(text(time=T0 / 1_000 + 301), Reason.FUTURE, "301 s after"),
    "an hour late": Bad(text(time=T0 / 1_000 - 3_600), Reason.LATE, "lateness"),
}
NEIGHBOUR = text()
MAPPED = MappingSpec(
    {
        "service": Constant("shop"),
        "time": Taken(Path(("at",))),
        "outcome": LookupTable(Path(("code",)), {"200": "ok"}, None, True),
    }
)


@pytest.mark.parametrize("bad", NO_EVENTS.values(), ids=NO_EVENTS)
def test_a_record_that_is_no_event_says_why_and_its_neighbours_count(bad: Bad) -> None:
    engine = Engine(Start("events", 0, Standards()))
    letters = engine.fold(Batch.of("events", 0, [NEIGHBOUR, bad.raw, NEIGHBOUR], 5, [T0, T0, T0]))
    assert [(letter.offset, letter.reason, letter.raw) for letter in letters] == [(6, bad.reason, bad.raw)]
    assert bad.says in letters[0].detail
    assert len(letters[0].detail) < 400
    assert engine.progress.accepted == 2
    assert engine.progress.rejected == {bad.reason: 1}


def test_a_record_that_a_mapping_does_not_fit_is_unmapped() -> None:
    engine = Engine(Start("shop", 0, Standards(mappings={"shop": MAPPED})))
    values = [b'{"at":1,"code":200}', b'{"at":1,"code":500}', b'{"at":1,"code":200}']
    (letter,) = engine.fold(Batch.of("shop", 0, values))
    assert (letter.offset, letter.reason) == (1, Reason.UNMAPPED)
    assert engine.progress.accepted == 2


def test_every_reason_has_a_record_that_is_rejected_for_it() -> None:
    assert {bad.reason for bad in NO_EVENTS.values()} | {Reason.UNMAPPED} == set(Reason)


# -- what events lack -------------------------------------------------------------------------------------------------


class Lacking(NamedTuple):
    """An event of which a value cannot be read: the field, and why."""

    raw: bytes
    field: str
    reason: Reason


LACKING = {
    "a text as duration": Lacking(text(duration="12ms"), "duration", Reason.WRONG_TYPE),
    "nginx's dash": Lacking(text(duration="-"), "duration", Reason.WRONG_TYPE),
    "an empty text": Lacking(text(duration=""), "duration", Reason.WRONG_TYPE),
    "a boolean": Lacking(text(duration=True), "duration", Reason.WRONG_TYPE),
    "a list": Lacking(text(duration=[1]), "duration", Reason.WRONG_TYPE),
    "an object": Lacking(text(duration={"s": 1}), "duration", Reason.WRONG_TYPE),
    "AWS's minus one": Lacking(text(duration=-1), "duration", Reason.NEGATIVE),
    "a difference of clocks": Lacking(text(duration=-0.001), "duration", Reason.NEGATIVE),
    "more than 400 days": Lacking(text(duration=34_560_000.1), "duration", Reason.OUT_OF_RANGE),
    "NaN": Lacking(text()[:-1] + b',"duration":NaN}', "duration", Reason.NOT_FINITE),
    "minus infinity": Lacking(text()[:-1] + b',"duration":-Infinity}', "duration", Reason.NOT_FINITE),
    "a number that no computer holds": Lacking(text()[:-1] + b',"duration":1e999}', "duration", Reason.OUT_OF_RANGE),
    "a whole number of 400 digits": Lacking(
        text()[:-1] + b',"duration":' + b"9" * 400 + b"}", "duration", Reason.OUT_OF_RANGE
    ),
    "an id of 201 characters": Lacking(text(id="x" * 201), "id", Reason.TOO_LONG),
    "an id as number": Lacking(text(id=5), "id", Reason.WRONG_TYPE),
    "a customer as number": Lacking(text(customer=4711), "customer", Reason.WRONG_TYPE),
    "a step as number": Lacking(text(step=5), "step", Reason.WRONG_TYPE),
    "a class as list": Lacking(text(**{"class": ["gold"]}), "class", Reason.WRONG_TYPE),
    "a fail point as boolean": Lacking(text(failure_point=True), "failure_point", Reason.WRONG_TYPE),
    "a case on an interaction": Lacking(text(case=5), "case", Reason.WRONG_TYPE),
    "what another kind rests on": Lacking(text(up="yes"), "up", Reason.WRONG_TYPE),
    "an outcome of what has none": Lacking(text(kind="probe", up=True, outcome="OK"), "outcome", Reason.INVALID_VALUE),
    "a role of what has none": Lacking(text(role="boss"), "role", Reason.INVALID_VALUE),
    "a probe that holds more than a day": Lacking(
        text(kind="probe", up=True, holds=86_401), "holds", Reason.OUT_OF_RANGE
    ),
    "a due time that is none": Lacking(
        text(kind="case", case="c", transition="opened", due="soon"), "due", Reason.INVALID_TIME
    ),
    "one of several numbers of feedback": Lacking(
        text(kind="feedback", score="9", expected=5), "score", Reason.WRONG_TYPE
    ),
    "a denominator": Lacking(text(kind="measure", indicator="i", value=1, of="many"), "of", Reason.WRONG_TYPE),
    "what was told of by whoever rekeyed it": Lacking(
        text(duration={"unreadable": "unmapped"}), "duration", Reason.UNMAPPED
    ),
    "what looks like it": Lacking(text(duration={"unreadable": ["x"]}), "duration", Reason.WRONG_TYPE),
    "what claims that the event is late": Lacking(text(duration={"unreadable": "late"}), "duration", Reason.WRONG_TYPE),
}


@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING)
@pytest.mark.parametrize("count", [1, 40])
def test_a_value_that_cannot_be_read_is_left_out_and_the_event_counts(lacking: Lacking, count: int) -> None:
    engine = Engine(Start("events", 0, Standards()))
    values = [NEIGHBOUR, *[lacking.raw] * count, NEIGHBOUR]
    assert not engine.fold(Batch.of("events", 0, values, 5, [T0] * len(values)))
    assert engine.progress.accepted == count + 2
    assert engine.progress.unreadable == {(lacking.field, lacking.reason): count}
    assert engine.progress.examples[lacking.field, lacking.reason].offset == 6
    assert engine.progress.examples[lacking.field, lacking.reason].detail


def test_failures_count_although_they_lack_what_successes_have() -> None:
    engine = Engine(Start("events", 0, Standards()))
    engine.fold(
        Batch.of(
            "events",
            0,
            [text(duration=0.012), *(text(outcome="failed", duration=bad) for bad in ("-", "0.000, 0.004"))],
        )
    )
    (level,) = engine.cumulative().steps
    assert (level.ok, level.failed, level.response.count) == (1, 2, 1)
    assert engine.progress.readable["duration"] == 1
    assert engine.progress.hardly_readable == ["duration"]


def test_a_field_is_hardly_readable_once_more_than_one_value_in_twenty_is_left_out() -> None:
    engine = Engine(Start("events", 0, Standards()))
    engine.fold(Batch.of("events", 0, [text(duration="-"), *[text(duration=1)] * 19, *[text()] * 100]))
    assert engine.progress.hardly_readable == []
    engine.fold(Batch.of("events", 0, [text(duration="-")], 120))
    assert engine.progress.hardly_readable == ["duration"]


@pytest.mark.parametrize("fields", [{"outcome": "up"}, {"role": "boss"}], ids=["an outcome", "a role"])
def test_a_value_that_means_nothing_for_its_kind_is_no_reason_to_look(fields: dict[str, object]) -> None:
    engine = Engine(Start("events", 0, Standards()))
    engine.fold(Batch.of("events", 0, [text(kind="probe", up=True, **fields), *[text()] * 1_000]))
    assert engine.progress.unreadable.total() == 1
    assert engine.progress.hardly_readable == []


def test_what_events_of_a_kind_have_is_counted_by_field_whatever_decodes_them() -> None:
    engine = Engine(Start("events", 0, Standards()))
    values = [
        text(duration=1, step="s", id="a", **{"class": ""}),
        text(duration=None, case="c", x=1),
        text(kind="check", item="i", section="s")[:-1] + b',"passed":null}',
        text(kind="measure", indicator="i", value=0),
    ]
    offset = 0
    for _ in range(3):  # with and without a decoder made for what most events are like
        engine.fold(Batch.of("events", 0, values * 2_000, offset))
        offset += 8_000
    fields = ("duration", "step", "id", "class", "case", "item", "passed", "section", "indicator", "value")
    assert engine.progress.readable == dict.fromkeys(fields, 6_000)


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
