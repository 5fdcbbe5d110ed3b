"""Decoding: the fast path and the careful one give one answer, whatever the bytes."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.decoding.batch import Batch
from streams.decoding.columns import durations_us, times_ms
from streams.decoding.decode import decode_values
from streams.decoding.inferred_schema import InferredSchema, floats
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events.event import KNOWN_FIELDS, MAX_BYTES, MAX_DEPTH, Event, Interaction
from streams.events.key import EventKey
from streams.events.rejections import BadEvent, Reason
from streams.events.wire_format import decode, decode_counting
from streams.mappings.mapping import Constant, LookupTable, MappingSpec, Taken, compile_mapping
from streams.mappings.paths import Path
from streams.standards.model import Standards
from tests.fuzz.subjects.events import check


def text(**fields: object) -> bytes:
    """A valid event with ``fields`` added."""
    return json.dumps({"time": 1_772_438_400, "service": "hotline", **fields}).encode()


NEIGHBOUR = text()


# -- two paths, one answer --------------------------------------------------------------------------------------------


def carefully(raw: bytes | None) -> tuple[object, ...]:
    try:
        decoded = decode_counting(raw)
    except BadEvent as bad:
        return bad.reason, bad.detail
    return (_plain(decoded.event), decoded.unknown_fields) if decoded.event else ("ignored",)


def fast(raw: bytes | None) -> tuple[object, ...]:
    decoding = decode_values([NEIGHBOUR, raw, NEIGHBOUR])
    assert decoding.positions.tolist() == sorted(decoding.positions.tolist())
    if decoding.rejected:
        (rejection,) = decoding.rejected
        assert rejection.position == 1
        return rejection.reason, rejection.detail
    if decoding.ignored:
        return ("ignored",)
    return _plain(decoding.events[1]), decoding.unknown_fields


def _plain(event: Interaction) -> dict[str, object]:
    return {field.name: getattr(event, field.name, field.default) for field in msgspec.structs.fields(Event)}


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(("probe", "control", "check", "case", "ok", "failed", "2026-03-01T00:00:00Z", "1.0", "x.probe")),
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
_NAMES = st.sampled_from((*sorted(KNOWN_FIELDS), "specversion", "type", "data", "x"))


@settings(max_examples=400)
@given(st.dictionaries(_NAMES, _VALUES, max_size=6), st.booleans())
@example({"kind": "control"}, True)
@example({"kind": "control", "type": "x"}, True)
@example({"kind": "check", "item": "i"}, True)
@example({"kind": "check", "item": "i", "passed": None}, True)
@example({"specversion": None, "type": "probe", "data": {"service": "a", "up": True}}, True)
def test_both_paths_agree_on_documents(document: dict[str, object], valid: bool) -> None:
    raw = json.dumps({"time": 5, "service": "a", **document} if valid else document).encode()
    assert fast(raw) == carefully(raw)


@settings(max_examples=400)
@given(st.data())
def test_both_paths_agree_on_damaged_events(data: st.DataObject) -> None:
    raw = bytearray(text(kind="probe", up=True, step="门", duration=1.5, id="7"))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(raw) - 1))
        cut = data.draw(st.integers(0, 3))
        raw[position : position + cut] = data.draw(
            st.binary(max_size=4) | st.sampled_from((b"\\", b'"', b",", b"e9", b"{", b"\\u"))
        )
    assert fast(bytes(raw)) == carefully(bytes(raw))


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.sampled_from((b"[", b"{", b'{"a":', b'"')).map(lambda piece: piece * 2_000))
def test_both_paths_agree_on_any_bytes(raw: bytes) -> None:
    assert fast(raw) == carefully(raw)


class Codes(list[EventKey]):
    """Keys by code, as they come."""

    def code_of(self, key: EventKey) -> int:
        self.append(key)
        return len(self) - 1


SCHEMA = InferredSchema.of(
    "interaction",
    ("time", "step", "class_", "customer", "id", "duration", "case"),
    (),
    [EventKey("interaction", "hotline", "ask", "web", None, "ok")],
    Codes().code_of,
)

#: Of cases, which cannot do without a case and a transition.
SCHEMA_OF_CASES = InferredSchema.of(
    "case",
    ("time", "step", "customer", "id", "duration", "case", "transition"),
    ("case", "transition"),
    [EventKey("case", "hotline", "ask", None, None, "ok")],
    Codes().code_of,
)

#: A case as `SCHEMA_OF_CASES` has it, to be made worse.
CASE = '"kind":"case","case":"k","transition":"opened"'
#: Fields as they stand in a text, so that one can be there twice, or under a name with an escape.
_PAIRS = st.tuples(
    st.sampled_from(
        (
            *('"time"', '"duration"', '"customer"', '"id"', '"case"', '"transition"', '"step"', '"kind"', '"x"'),
            '"t\\u0069me"',
        )
    ),
    st.one_of(
        _VALUES.map(json.dumps),
        st.sampled_from(('"?"', "-1", "1e400", "true", '"2026-03-01T00:00:00"', '"\\n"', "5\n", "{}", "[]", "}")),
    ),
)
_TEXTS = st.lists(_PAIRS, max_size=4).map(
    lambda pairs: "".join(
        ("{", ",".join(f"{name}:{value}" for name, value in [*pairs, ('"service"', '"hotline"'), ('"time"', "5")]), "}")
    )
)


_CASES = st.lists(_PAIRS, max_size=2).map(
    lambda pairs: f'{{"time":5,{CASE},{"".join(f"{name}:{value}," for name, value in pairs)}"service":"hotline"}}'
)


def test_there_are_cases_of_the_schema_of_cases() -> None:
    raw = f'{{"time":5,{CASE},"service":"hotline"}}'.encode()
    assert len(decode_values([raw] * 3, schema=SCHEMA_OF_CASES, various=True).matched) == 3


@pytest.mark.parametrize(
    "schema", [SCHEMA, SCHEMA_OF_CASES, None], ids=["with a schema", "with a schema of cases", "without"]
)
@settings(max_examples=400)
@given(
    st.lists(
        st.one_of(
            _TEXTS.map(str.encode),
            st.dictionaries(_NAMES, _VALUES, max_size=4).map(lambda one: text(**one)),
            _CASES.map(str.encode),
            st.sampled_from((b'{"time":"?","kind":"control","type":"tick"}', b'{"time":"?","service":"a"} 5', None)),
        ),
        max_size=8,
    )
)
@example([b'{"time":"?","time":5,"service":"a","step":"ask"}', b'{"time":"?","service":"a"}', NEIGHBOUR])
@example([b'{"duration":"?","service":"a","time":5}', b'{"duration":"?","service":"a","time":5,}'])
@example([b'{"$.time":1,"time":5,"service":"a"}', b'{"x` - at `$.time":1,"time":5,"service":"a"}'])
@example([b'{"$.time":1}'])
@example([b'{"time":"?","kind":"contro\\u006c","type":"tick"}'])
@example([b'{"duration":"?","specversio\\u006e":"1.0","time":5}'])
@example([b'{"id":1,"x":' + b'{"x":' * 1_100])
@example([b'{"time":"?","x":' + b'{"x":' * 5_000 + b"1" + b"}" * 5_001])
@example([b'{"time":"?","x":' + b'{"x":' * 70 + b"1" + b"}" * 71])
@example([b'{"time":"?","x":' + b"[" * 70 + b"]" * 70 + b"}"])
@example([b'{"time":"?","t\\u0069me":5,"service":"hotline"}'])
@example([b'{"time":"?","service":"hotline"}\n5', b'{"time":"?","service":"hotline"\n}'])
@example([text(id=2**64), text(customer=-(2**63) - 1), text(id=5)])
@example([text(id=int("9" * 400)), text(duration=int("9" * 400)), text(time=2**64)])
@example([b'{"time":5,"service":"a","duration":false,"service":5}'])
@example([b'{"time":"?","service":"a"}{"time":5,"service":"a"}'])
@example([b'{"time":5,"service":"a","duration":false,"customer":"\\":","service":5}'])
@example([b'{"time":5,"service" :"a","duration":false,"service":5}'])
@example([b'{"time":5,"service"\t:"a","duration":false,"service":5}'])
@example([b'{"time":5,"service"\r:"a","duration":false,"service":5}'])
@example([b'{"time":5,"service"\n:"a","duration":false,"service":5}'])
@example([b'{"time":"?","service":"a"}\n{"a":1}', b'{"time":"?","x":', b'{"time":"?"}}'])
@example([b'{"time":"?","x":', b'{"time":"?"}}', b'{"time":"?"} 5'])
@example([b'{"time":"?","service":"hotline"} 5'])
@example([b'{"duration":"?","specversion":"1.0","time":5}', b'{"duration":"?","service":"a","time":5}'])
def test_what_is_refused_together_is_told_as_if_each_were_alone(
    schema: InferredSchema | None, raws: list[bytes | None]
) -> None:
    decoding = decode_values(raws, schema=schema, first=7)
    rejected = {one.position - 7: (one.reason, one.detail) for one in decoding.rejected}
    events = dict(zip((decoding.positions - 7).tolist(), decoding.events, strict=True))
    assert list(events) == sorted(events)
    assert [position for position, _ in decoding.controls] == sorted(position for position, _ in decoding.controls)
    matched = (decoding.matched_positions - 7).tolist()
    assert len(rejected) == len(decoding.rejected)
    assert len(rejected) + len(events) + len(matched) + decoding.ignored == len(raws)
    for position, raw in enumerate(raws):
        alone = carefully(raw)
        if position in rejected:
            assert rejected[position] == alone
        elif position in events:
            assert _plain(events[position]) == alone[0]
        elif position in matched:
            assert len(alone) == 2
            assert not isinstance(alone[0], Reason)
        else:
            assert alone == ("ignored",)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("lacks", ['"kind":"probe"', '"kind":"case","case":"c"', '"kind":"measure","indicator":"i"'])
def test_nothing_is_left_out_of_events_that_do_not_count(lacks: str, count: int) -> None:
    raw = f'{{"customer":5,{lacks},"x":1,"time":5,"service":"hotline"}}'.encode()
    assert check([NEIGHBOUR, *[raw] * count, text(customer=5), NEIGHBOUR]) == count + 3


# -- hostile bytes ----------------------------------------------------------------------------------------------------

HOSTILE: dict[str, Callable[[], bytes]] = {
    "a megabyte of text": lambda: text(x="x" * 2**20),
    "a megabyte of brackets": lambda: b"[" * 2**20,
    "60,000 open brackets": lambda: b"[" * 60_000,
    "60,000 open objects in a field": lambda: b'{"service":' + b'{"a":' * 10_000,
    "deep nesting in a text is text": lambda: text(x="[" * 50_000),
    "deep nesting behind an escaped quote": lambda: text(x='"' + "[" * 50_000),
    "open objects behind a bad field": lambda: b'{"id":1,"x":' + b'{"x":' * 10_000,
    "a text that never ends": lambda: b'{"service":"' + b"\\" * 60_000,
    "30,000 fields": lambda: json.dumps({f"f{i}": 0 for i in range(5_000)} | {"time": 1, "service": "a"}).encode(),
    "30,000 times the same field": lambda: b"{" + b'"time":1,' * 7_000 + b'"service":"a"}',
    "a number of 60,000 digits": lambda: b'{"time":' + b"9" * 60_000 + b',"service":"a"}',
    "an unknown number of 60,000 digits": lambda: b'{"time":1,"service":"a","x":' + b"9" * 60_000 + b"}",
    "a fraction of 60,000 digits": lambda: b'{"time":1.' + b"9" * 60_000 + b',"service":"a"}',
    "an exponent of 60,000 digits": lambda: b'{"time":1e' + b"9" * 60_000 + b',"service":"a"}',
    "a kind of 60,000 characters": lambda: text(kind="k" * 60_000),
    "a field nested as a service": lambda: b'{"time":1,"service":' + b"[" * 60 + b"]" * 60 + b"}",
    "lone low surrogate": lambda: b'{"time":1,"service":"\\udc00"}',
    "noncharacters": lambda: text(service="\uffff\ufdd0"),
    "NaN in a text": lambda: b'{"time":1,"service":"NaN"',
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_neither_raise_nor_hurt_their_neighbours(make: Callable[[], bytes]) -> None:
    raw = make()
    assert fast(raw) == carefully(raw)
    engine = Engine(Start("events", 0, Standards()))
    letters = engine.fold(Batch.of("events", 0, [NEIGHBOUR, raw, NEIGHBOUR]))
    assert engine.progress.accepted + len(letters) == 3
    assert all(len(letter.detail) < 400 for letter in letters)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH], ids=["as deep as allowed", "one too deep"])
def test_how_deep_an_event_may_nest_does_not_depend_on_who_asks(depth: int) -> None:
    raw = b'{"time":1,"service":"a","x":' + b"[" * depth + b"]" * depth + b"}"

    def ask(frames: int) -> tuple[object, ...]:
        return ask(frames - 1) if frames else carefully(raw)

    room = sys.getrecursionlimit() - 300
    assert ask(room) == ask(0)
    assert (ask(0)[0] is Reason.NOT_JSON) is (depth == MAX_DEPTH)


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_long_batches_decode_alike_whatever_they_are_made_of(random: Random, others: float) -> None:
    kinds = [text(kind="probe", up=True), text(kind="case", case="k", transition="opened"), text(kind="case"), b"{"]
    kinds += [text(kind="interaction", up=True), text(x=1), b'{"kind":"control","type":"tick"}']
    chosen = [random.choice(kinds) if random.random() < others else NEIGHBOUR for _ in range(300)]
    assert check([None if raw == b"{" and random.random() < others else raw for raw in chosen]) == 300


def test_a_batch_of_nothing_but_garbage() -> None:
    decoding = decode_values([b"{"] * 50 + [None] * 50)
    assert len(decoding.rejected) == 100
    assert [rejection.position for rejection in decoding.rejected] == list(range(100))
    found, valid = times_ms(floats([]))
    assert len(found) == len(valid) == 0
    assert durations_us(floats([])).dtype == np.int64


def test_the_largest_event_is_accepted() -> None:
    raw = text(x="")
    raw = text(x="x" * (MAX_BYTES - len(raw)))
    assert len(raw) == MAX_BYTES
    assert decode(raw).service == "hotline"


def test_mapped_topics_decode_with_the_same_care() -> None:
    code = LookupTable(Path(("code",)), {"200": "ok"}, exhaustive=True)
    mapper = compile_mapping(MappingSpec({"service": Constant("shop"), "time": Taken(Path(("at",))), "outcome": code}))
    values = [b'{"at":1,"code":200}', None, b"[" * 100, b'{"at":-1e400}', b'{"code":200}', b'{"at":1,"code":[[]]}']
    decoding = decode_values(values, mapper)
    assert len(decoding.events) == 1
    reasons = [str(rejection.reason) for rejection in decoding.rejected]
    assert reasons == ["tombstone", "not-json", "out-of-range", "missing-time", "unmapped"]
    assert math.isclose(float(str(decoding.events[0].time)), 1)
