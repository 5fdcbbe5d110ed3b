"""The decoder for what most events are like takes nothing that the general one would not take alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding import inferred_schema
from streams.decoding.inferred_schema import InferredSchema, fields_of, floats
from streams.events.event import REQUIRED, Interaction, present
from streams.events.key import EventKey
from streams.events.rejections import BadEvent
from streams.events.wire_format import decode

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
#: What events of the other kinds have besides, with values that are not allowed.
_OF_KINDS: Final[dict[str, dict[str, Sequence[Any]]]] = {
    "interaction": {},
    "case": {
        "case": ["k", "k2", "k3", None],
        "transition": ["opened", "resolved", "closed"],
        "due": [None, 5, "2026-03-02T08:00:00Z", "tomorrow"],
    },
    "feedback": {"score": [4, 4.5, 5, None], "expected": [5], "perceived": [None, 2], "weight": [0.5], "item": ["q"]},
    "check": {"item": ["clean", "warm", None], "passed": [None, True, False, 1], "section": ["bath"]},
    "measure": {"indicator": ["calls", "visits", None], "value": [3, 4, 5, None], "amount": [None, 12.5], "of": [4]},
}


def _events(kind: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Events of a kind, of which some lack what it cannot do without."""
    values = _VALUES | _OF_KINDS[kind] | {"kind": [kind]}
    needed = ["time", "service", *(["kind"] if kind != "interaction" else []), *REQUIRED.get(kind, ((),))[0]]
    optional = [name for name in values if name not in needed]
    one = st.fixed_dictionaries(
        {name: st.sampled_from(values[name]) for name in needed},
        optional={name: st.sampled_from(values[name]) for name in optional},
    )
    return st.lists(one, min_size=1, max_size=12)


class Codes(list[EventKey]):
    """Keys by code, as they come."""

    def code_of(self, key: EventKey) -> int:
        if key not in self:
            self.append(key)
        return self.index(key)


def key_of(event: Interaction) -> EventKey:
    return EventKey(*(getattr(event, name) for name in EventKey._fields))


def schema_of(events: Sequence[Interaction], codes: Codes) -> InferredSchema:
    kind = events[0].kind
    needed = next(n for n in REQUIRED.get(kind, ((),)) if all(present(events[0], name) for name in n))
    keys = [key_of(event) for event in events]
    schema = InferredSchema.of(kind, fields_of(kind, events), needed, keys, codes.code_of)
    assert schema is not None
    return schema


def accepted(told: Sequence[dict[str, Any]]) -> list[tuple[bytes, Interaction]]:
    """Those that the general decoder takes, with what it says."""
    found: list[tuple[bytes, Interaction]] = []
    for raw in (json.dumps(one).encode() for one in told):
        with suppress(BadEvent):
            found.append((raw, decode(raw)))
    return found


@pytest.mark.parametrize("most", [1 << 18, 0], ids=["looked up in a table", "looked up in a dictionary"])
@pytest.mark.parametrize("kind", _OF_KINDS)
@given(data=st.data())
def test_what_a_schema_takes_it_takes_as_the_general_decoder_does(kind: str, most: int, data: st.DataObject) -> None:
    seen, told = data.draw(_events(kind)), data.draw(_events(kind))
    known = accepted(seen)
    if not known:
        return
    codes = Codes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inferred_schema, "_MOST_IN_TABLE", most)
        schema = schema_of([event for _, event in known], codes)
    taken, events = [], []
    for raw in (json.dumps(one).encode() for one in (*seen, *told)):
        try:
            taken.append(schema.decode(raw))
        except msgspec.ValidationError:
            continue
        events.append(decode(raw))
    if not taken:  # fields that are written as null are absent, and then none of the schema
        return
    columns = schema.columns(taken)
    assert [codes[code] for code in columns.codes.tolist()] == [key_of(event) for event in events]
    assert columns.times.tolist() == floats([event.time for event in events]).tolist()
    assert repr(columns.durations.tolist()) == repr(floats([event.duration for event in events]).tolist())
    assert list(columns.ids or [None] * len(events)) == [event.id for event in events]


_COMPLETE: Final[dict[str, dict[str, Any]]] = {
    "interaction": {"duration": 1},
    "case": {"kind": "case", "case": "k", "transition": "opened"},
    "feedback": {"kind": "feedback", "score": 4},
    "check": {"kind": "check", "item": "clean", "passed": None},
    "measure": {"kind": "measure", "indicator": "calls", "amount": 3},
}


@pytest.mark.parametrize("kind", _COMPLETE)
def test_what_a_kind_cannot_do_without_no_event_of_its_schema_lacks(kind: str) -> None:
    usual = {"time": 1, "service": "hotline", "step": "ask"} | _COMPLETE[kind]
    schema = schema_of([decode(json.dumps(usual).encode())], Codes())
    schema.decode(json.dumps(usual).encode())
    for name in _COMPLETE[kind].keys() - {"duration"}:
        for lacking in ({k: v for k, v in usual.items() if k != name}, usual | {name: None}):
            if (name, usual[name], lacking.get(name, "")) == ("passed", None, None):  # null says: not applicable
                continue
            with pytest.raises(msgspec.ValidationError):
                schema.decode(json.dumps(lacking).encode())


def test_probes_have_no_schema_since_more_is_needed_of_them_than_columns() -> None:
    probe = decode(b'{"time":1,"service":"a","kind":"probe","up":true}')
    assert InferredSchema.of("probe", fields_of("probe", [probe]), ("up",), [key_of(probe)], Codes().code_of) is None


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
def test_what_is_of_another_schema_is_refused(strange: dict[str, Any]) -> None:
    usual = {"time": 1, "service": "hotline", "step": "ask", "duration": 1}
    schema = schema_of([decode(json.dumps(usual).encode())], Codes())
    schema.decode(json.dumps(usual).encode())
    with pytest.raises(msgspec.ValidationError):
        schema.decode(json.dumps(usual | strange).encode())


def test_there_is_no_schema_of_nothing() -> None:
    assert InferredSchema.of("interaction", ["duration"], (), [], Codes().code_of) is None


def test_there_is_no_schema_of_more_names_than_a_decoder_is_made_for() -> None:
    keys = [EventKey("interaction", str(n), None, None, None, "ok") for n in range(20_000)]
    assert InferredSchema.of("interaction", [], (), keys, Codes().code_of) is None


def test_there_is_no_schema_where_combinations_cannot_be_told_apart_any_more() -> None:
    names = map(str, range(1 << 14))
    keys = [EventKey("interaction", name, name, name, name, "ok") for name in names]
    assert InferredSchema.of("interaction", ["step", "class_", "failure_point"], (), keys, Codes().code_of) is None
