"""The decoder for what most interactions are like takes nothing that the general one would not take alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import shapes
from streams.events import Interaction, decode_interaction
from streams.judging import RouteKey
from streams.shapes import Shape, fields_of, floats

_FIELDS: Final = ("time", "service", "kind", "step", "class", "customer", "id", "duration", "outcome", "failure_point")
_VALUES: Final[dict[str, Sequence[Any]]] = {
    "time": [0, 1.25, 1_772_438_400, "2026-03-02T08:00:00.5Z", "2026-03-02T08:00:00+08:00"],
    "service": ["hotline", "a", "é", "热线"],
    "kind": ["interaction"],
    "step": [None, "ask", "solve", "ok"],
    "class": [None, "web", "hotline"],
    "customer": [None, "c-1"],
    "id": [None, "1", ""],
    "duration": [None, 0, 0.5, 3],
    "outcome": ["ok", "failed", "abandoned"],
    "failure_point": [None, "no-answer"],
}
EVENTS: Final = st.lists(
    st.fixed_dictionaries(
        {name: st.sampled_from(_VALUES[name]) for name in ("time", "service")},
        optional={name: st.sampled_from(_VALUES[name]) for name in _FIELDS[2:]},
    ),
    min_size=1,
    max_size=12,
)


class Codes(list[RouteKey]):
    """Keys by code, as they come."""

    def code_of(self, key: RouteKey) -> int:
        if key not in self:
            self.append(key)
        return self.index(key)


def key_of(event: Interaction) -> RouteKey:
    return RouteKey(*(getattr(event, name) for name in RouteKey._fields))


def shape_of(events: Sequence[Interaction], codes: Codes) -> Shape:
    shape = Shape.of(fields_of(events), [key_of(event) for event in events], codes.code_of)
    assert shape is not None
    return shape


@pytest.mark.parametrize("most", [1 << 18, 0], ids=["looked up in a table", "looked up in a dictionary"])
@given(seen=EVENTS, told=EVENTS)
def test_what_a_shape_takes_it_takes_as_the_general_decoder_does(
    most: int, seen: list[dict[str, Any]], told: list[dict[str, Any]]
) -> None:
    codes = Codes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "_MOST_IN_TABLE", most)
        shape = shape_of([decode_interaction(json.dumps(one).encode()) for one in seen], codes)
    taken, events = [], []
    for raw in (json.dumps(one).encode() for one in (*seen, *told)):
        try:
            taken.append(shape.decode(raw))
        except msgspec.ValidationError:
            continue
        events.append(decode_interaction(raw))
    if not taken:  # fields that are written as null are absent, and then none of the shape
        return
    columns = shape.columns(taken)
    assert [codes[code] for code in columns.codes.tolist()] == [key_of(event) for event in events]
    assert columns.times.tolist() == floats([event.time for event in events]).tolist()
    assert repr(columns.durations.tolist()) == repr(floats([event.duration for event in events]).tolist())
    assert list(columns.ids or [None] * len(events)) == [event.id for event in events]


@pytest.mark.parametrize(
    "strange",
    [
        {"service": "another"},
        {"step": "another"},
        {"kind": "probe"},
        {"failure_point": "no-answer"},
        {"outcome": "good"},
        {"duration": -1},
        {"service": ""},
        {"step": 1},
        {"up": True},
    ],
    ids=str,
)
def test_what_is_of_another_shape_is_refused(strange: dict[str, Any]) -> None:
    usual = {"time": 1, "service": "hotline", "step": "ask", "duration": 1}
    shape = shape_of([decode_interaction(json.dumps(usual).encode())], Codes())
    shape.decode(json.dumps(usual).encode())
    with pytest.raises(msgspec.ValidationError):
        shape.decode(json.dumps(usual | strange).encode())


def test_there_is_no_shape_of_nothing() -> None:
    assert Shape.of(["duration"], [], Codes().code_of) is None


def test_there_is_no_shape_of_more_names_than_a_decoder_is_made_for() -> None:
    keys = [RouteKey("interaction", str(n), None, None, None, "ok") for n in range(20_000)]
    assert Shape.of([], keys, Codes().code_of) is None


def test_there_is_no_shape_where_combinations_cannot_be_told_apart_any_more() -> None:
    names = map(str, range(1 << 14))
    keys = [RouteKey("interaction", name, name, name, name, "ok") for name in names]
    assert Shape.of(["step", "class_", "failure_point"], keys, Codes().code_of) is None
