"""What most events are expected to be like follows what they have been like; what is read does not depend on it."""

from __future__ import annotations

import json
from typing import Any, Final
from unittest import mock

import pytest

from streams.decoding.columns import read_batch
from streams.decoding.decode import decode_values
from streams.decoding.key_dictionary import KeyDictionary

#: Enough of them that a schema is worth making.
MANY: Final = 5_000
OF_KIND: Final[dict[str, dict[str, Any]]] = {
    "interaction": {"duration": 1},
    "case": {"kind": "case", "case": "k", "transition": "opened"},
    "feedback": {"kind": "feedback", "score": 4},
    "check": {"kind": "check", "item": "clean", "passed": None},
    "measure": {"kind": "measure", "indicator": "calls", "amount": 3},
    "probe": {"kind": "probe", "up": True},
}


def read(names: KeyDictionary, *, events: int = MANY, **share: int) -> None:
    """Read a batch with so many of a hundred of each kind, one after the other."""
    texts = [
        json.dumps({"time": 1, "service": "hotline"} | OF_KIND[kind]).encode()
        for kind, part in share.items()
        for _ in range(part)
    ]
    names.begin()
    assert len(read_batch([texts[number % len(texts)] for number in range(events)], names).observations) == events


@pytest.mark.parametrize("kind", sorted(OF_KIND.keys() - {"probe"}))
def test_a_log_of_one_kind_gets_the_schema_of_that_kind_with_its_third_batch(kind: str) -> None:
    names = KeyDictionary()
    read(names, **{kind: 100})
    read(names, **{kind: 100})
    names.begin()
    assert names.schema is not None
    assert names.schema.kind == kind


def test_probes_get_none() -> None:
    names = KeyDictionary()
    for _ in range(3):
        read(names, probe=100)
    assert (names.kind, names.schema) == ("probe", None)


@pytest.mark.parametrize(
    ("share", "kind"),
    [
        ({"interaction": 50, "case": 50}, "interaction"),
        ({"interaction": 49, "case": 51}, "case"),
        ({"interaction": 40, "case": 25, "check": 35}, "check"),
    ],
    ids=["interactions, if they are half", "the others, if they are more", "of the others the most frequent"],
)
def test_most_events_are_expected_to_be(share: dict[str, int], kind: str) -> None:
    names = KeyDictionary()
    read(names, **share)
    names.begin()
    assert names.kind == kind


def test_kinds_that_take_turns_each_keep_their_schema() -> None:
    names = KeyDictionary()
    for kind in ("interaction", "case") * 3:
        read(names, **{kind: 100})
        read(names, **{kind: 100})
    made = []
    for kind in ("interaction", "case") * 3:
        read(names, **{kind: 100})
        names.begin()
        made.append(names.schema)
    assert {schema.kind for schema in made if schema} == {"interaction", "case"}
    assert len({*map(id, made)}) == 2


def test_an_event_without_what_the_schema_needs_is_read_like_any_other() -> None:
    names = KeyDictionary()
    for _ in range(3):
        read(names, feedback=100)
    names.begin()
    assert names.schema is not None
    expected = b'{"time":1,"service":"hotline","kind":"feedback","expected":5}'
    content = read_batch([expected] * 100, names)
    assert (len(content.observations), len(content.rejected)) == (100, 0)
    incomplete = b'{"time":1,"service":"hotline","kind":"feedback"}'
    content = read_batch([incomplete] * 100, names)
    assert (len(content.observations), {str(one.reason) for one in content.rejected}) == (0, {"missing-field"})


def test_a_schema_needs_what_most_events_are_complete_by() -> None:
    names = KeyDictionary()
    few = b'{"time":1,"service":"hotline","kind":"measure","indicator":"calls","value":3,"amount":null}'
    most = b'{"time":1,"service":"hotline","kind":"measure","indicator":"calls","value":null,"amount":3}'
    log = ([few] + [most] * 249) * 20
    for _ in range(3):
        names.begin()
        read_batch(log, names)
    names.begin()
    assert names.schema is not None
    matched = decode_values(log, schema=names.schema, various=True).matched
    assert len(matched) == len(log) - 20


@pytest.mark.parametrize("absent", ["", ',"score":null'], ids=["absent", "null"])
def test_events_without_what_the_schema_needs_are_left_to_a_wider_decoder(absent: str) -> None:
    names = KeyDictionary()
    for _ in range(3):
        read(names, feedback=100)
    names.begin()
    other = f'{{"time":1,"service":"hotline","kind":"feedback","expected":5{absent}}}'.encode()
    with mock.patch("streams.decoding.decode._take") as careful:
        decode_values([other] * MANY, schema=names.schema, various=True)
    careful.assert_not_called()


def test_a_batch_of_nothing_but_ticks_changes_no_expectation() -> None:
    names = KeyDictionary()
    for _ in range(3):
        read(names, case=100)
    names.begin()
    schema = names.schema
    read_batch([b'{"kind":"control","type":"tick"}'], names)
    names.begin()
    assert (names.kind, names.schema) == ("case", schema)
    assert schema is not None


def test_events_that_always_stand_behind_others_get_a_schema_too() -> None:
    names = KeyDictionary()
    texts = [json.dumps({"time": 1, "service": "hotline"} | OF_KIND[kind]).encode() for kind in ("interaction", "case")]
    for _ in range(4):
        names.begin()
        read_batch([texts[0]] * 300 + [texts[1]] * MANY, names)
    names.begin()
    assert names.schema is not None
    assert names.schema.kind == "case"


def test_when_names_are_forgotten_schemas_are_made_anew_from_what_comes() -> None:
    names = KeyDictionary()
    for _ in range(3):
        read(names, case=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.decoding.key_dictionary._MOST", 1)
        names.begin()
    assert names.schema is None
    for _ in range(6):
        read(names, case=100)
    names.begin()
    assert names.schema is not None
