"""Every reason for which a record is no event, and what it says."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events.event import MAX_BYTES
from streams.events.rejections import Reason
from streams.mappings.mapping import Constant, LookupTable, MappingSpec, Taken
from streams.mappings.paths import Path
from streams.standards.model import Standards
from tests.oracles.logs import T0
from tests.streams.events.wire_event import NEIGHBOUR, text


class Bad(NamedTuple):
    """A record that is no event, why, and words that the explanation has to have."""

    raw: bytes | None
    reason: Reason
    says: str


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
