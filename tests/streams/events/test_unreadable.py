"""Events with a value that cannot be read: they count without it, and the value is counted by its field."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events.rejections import Reason
from streams.standards.model import Standards
from tests.oracles.logs import T0
from tests.streams.events.wire_event import NEIGHBOUR, text


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
