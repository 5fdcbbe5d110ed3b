"""The event decoder: every record is an event, rejected or ignored; the fast path says what the careful one says."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from streams.decoding.columns import read_batch, times_ms
from streams.decoding.decode import Decoding, decode_values
from streams.decoding.inferred_schema import floats
from streams.decoding.key_dictionary import KeyDictionary
from streams.events.event import MAX_BYTES, MAX_DURATION, MAX_HOLDING, MAX_NUMBER, MAX_TEXT, Event, Interaction
from streams.events.identity import NO_ID
from streams.events.key import EventKey
from streams.events.rejections import BadEvent, Reason
from streams.events.wire_format import decode_counting
from tests.fuzz.subjects.hostile_events import batch

_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Event))
_DEFAULTS: Final = attrgetter(*_FIELDS)(Event(time=0.0, service="x"))
_LIMITS: Final = {"duration": MAX_DURATION, "holds": MAX_HOLDING}
#: Longest line that a dead letter says about its record.
_MOST_DETAIL: Final = 700

generate = batch


def values_of(event: Interaction) -> tuple[object, ...]:
    """All fields of an event of any kind."""
    return tuple(getattr(event, name, default) for name, default in zip(_FIELDS, _DEFAULTS, strict=True))


def check(values: Sequence[bytes | None]) -> int:
    """Decode ``values`` in one go, and one by one. Gives how many there are."""
    decoding = decode_values(values)
    filed = _filed(decoding, len(values))
    unknown = 0
    for position, (raw, outcome) in enumerate(zip(values, filed, strict=True)):
        careful, ignored, left_out, source = _carefully(raw)
        unknown += ignored
        assert outcome == careful, f"in a batch {outcome!r}, alone {careful!r}: {raw!r}"
        lacking = {name: one.reason for name, one in decoding.left_out.get(position, {}).items()}
        assert lacking == left_out, f"in a batch without {lacking!r}, alone without {left_out!r}: {raw!r}"
        assert decoding.sources.get(position, "") == source
        if isinstance(outcome, tuple) and len(outcome) == len(_FIELDS):
            _is_within_bounds(outcome)
            _is_what_it_says(raw, outcome, lacking)
    assert decoding.unknown_fields == unknown
    _is_the_same_as_columns(values, decoding)
    return len(values)


def _is_the_same_as_columns(values: Sequence[bytes | None], decoding: Decoding) -> None:
    """The columns of a batch hold what was decoded of it, also where a shape is expected that some events have."""
    _are_these(values, decoding, KeyDictionary())
    kinds = sorted({event.kind for event in decoding.events})
    if kinds:  # one of them, since it takes long to make a shape
        names = KeyDictionary()
        names.kind = kinds[len(values[-1] or b"") % len(kinds)]
        read_batch(values[::2], names)
        names.expect()
        _are_these(values, decoding, names)


def _are_these(values: Sequence[bytes | None], decoding: Decoding, names: KeyDictionary) -> None:
    content = read_batch(values, names)
    observations = content.observations
    assert observations.positions.tolist() == decoding.positions.tolist()
    assert sorted(content.rejected, key=_position) == sorted(decoding.rejected, key=_position)
    assert content.controls == decoding.controls
    assert (content.unknown_fields, content.ignored) == (decoding.unknown_fields, decoding.ignored)
    assert content.unreadable == Counter(
        (name, one.reason) for left_out in decoding.left_out.values() for name, one in left_out.items()
    )
    assert +content.readable == _readable(decoding.events)
    assert ((observations.times_ms >= 0) | ~observations.valid).all()
    assert observations.times_ms.tolist() == times_ms(floats([event.time for event in decoding.events]))[0].tolist()
    durations = [-1 if event.duration is None else round(event.duration * 1_000_000) for event in decoding.events]
    assert observations.durations_us.tolist() == durations
    for code, event in zip(observations.codes.tolist(), decoding.events, strict=True):
        assert names.keys[code] == tuple(getattr(event, name) for name in EventKey._fields)
    probes = [p for p, event in zip(decoding.positions.tolist(), decoding.events, strict=True) if event.kind == "probe"]
    invalid = observations.positions[~observations.valid].tolist()
    assert observations.whole.keys() == {*probes, *invalid}
    ids = [bool(event.id) for event in decoding.events]
    assert (observations.identities is None) == all(event.id is None for event in decoding.events)
    if observations.identities is not None:
        assert (observations.identities != NO_ID).tolist() == ids


def _readable(events: Sequence[Interaction]) -> Counter[str]:
    """How many events have a value of each optional field."""
    found = Counter[str]()
    for event in events:
        for field, value, default in zip(msgspec.structs.fields(Event), values_of(event), _DEFAULTS, strict=True):
            found[field.encode_name] += field.default in {None, msgspec.UNSET} and value is not default
    return +found


_position: Final = attrgetter("position")


def _filed(decoding: Decoding, count: int) -> list[object]:
    """What became of each of ``count`` records; every one has one outcome."""
    filed: list[object] = [None] * count
    assert len(decoding.events) == len(decoding.positions)
    positions = decoding.positions.tolist()
    assert all(a < b for a, b in itertools.pairwise(positions))
    for event, position in zip(decoding.events, positions, strict=True):
        filed[position] = values_of(event)
    for rejection in decoding.rejected:
        assert filed[rejection.position] is None, "an event, and rejected"
        assert len(rejection.detail) <= _MOST_DETAIL, len(rejection.detail)
        filed[rejection.position] = rejection.reason, rejection.detail
    for position, control in decoding.controls:
        assert filed[position] is None, "two outcomes"
        filed[position] = control
    assert filed.count(None) == 0, "a record without an outcome"
    assert decoding.ignored == len(decoding.controls)
    return filed


def _carefully(raw: bytes | None) -> tuple[object, int, dict[str, Reason], str]:
    """Outcome of one record by itself, how many unknown fields it has, what was left out of it, and its source."""
    try:
        decoded = decode_counting(raw)
    except BadEvent as bad:
        return (bad.reason, bad.detail), 0, {}, ""
    for one in decoded.unreadable.values():
        assert len(one.detail) <= _MOST_DETAIL, len(one.detail)
    left_out = {name: one.reason for name, one in decoded.unreadable.items()}
    outcome = values_of(decoded.event) if decoded.event else decoded.control
    return outcome, decoded.unknown_fields, left_out, decoded.source


def _is_within_bounds(values: tuple[object, ...]) -> None:
    """What the wire format promises of an accepted event, stated anew."""
    for name, value, default in zip(_FIELDS, values, _DEFAULTS, strict=True):
        if value is default or isinstance(value, bool):
            continue
        if isinstance(value, str):
            assert len(value) <= MAX_TEXT, name
            value.encode()  # no half characters
        elif isinstance(value, float) and name not in {"time", "due"}:
            assert 0 <= value <= _LIMITS.get(name, MAX_NUMBER), name
    assert values[1], "a service without a name"


def _is_what_it_says(raw: bytes | None, values: tuple[object, ...], left_out: Collection[str]) -> None:
    """An accepted event is what another parser reads in it."""
    assert raw is not None
    assert len(raw) <= MAX_BYTES
    document = json.loads(raw)
    if "specversion" not in document:
        assert document["service"] == values[1]
        assert document.get("kind", "interaction") == values[2]
        if "duration" not in left_out:
            assert document.get("duration") == values[_FIELDS.index("duration")]
