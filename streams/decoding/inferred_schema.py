"""The schema that most events of a log match, inferred from earlier ones, and a decoder made for it.

Producers repeat the same fields, services, steps and classes. A decoder that knows them makes small objects in which
each name is a number; these become columns of numbers without reading a text. It accepts only events that the general
decoder accepts too, with the same values; the general decoder decodes what it refuses.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import reduce
from itertools import repeat
from operator import attrgetter, or_
from types import NoneType
from typing import Any, Final, Literal, NamedTuple, Self, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from streams.events.event import REQUIRED, Event, Interaction, Kind
from streams.events.key import EventKey
from streams.slices.sparse_table import IntArray

FloatArray = npt.NDArray[np.float64]
_CodeOf = Callable[[EventKey], int]

#: Fields that every schema has.
_ALWAYS: Final = frozenset({"time", "kind", "service", "outcome"})
#: Fields of the key, whose values are names that recur; without the kind, which a schema fixes.
_NAMES: Final = ("service", "step", "class_", "failure_point", "outcome")
#: Up to this many combinations of names are looked up in an array, more in a dictionary.
_MOST_IN_TABLE: Final = 1 << 18
#: Most names of one field: a decoder for this many takes a fifth of a second to make.
_MOST_NAMES: Final = 20_000
#: Most combinations: floats hold every whole number only up to here.
_MOST: Final = 1 << 53
#: Code of a combination that has none yet.
_UNKNOWN: Final = -1

_PLAIN: Final[Mapping[str, Any]] = EventKey("", "", None, None, None, "ok")._asdict()
_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Event)}
#: By optional field, the value that stands for its absence, and its name on the wire.
_ABSENT: Final = {name: field.default for name, field in _FIELDS.items() if field.default in {None, msgspec.UNSET}}
_ABSENT_OF_INTERACTIONS: Final = {
    field.name: field.default for field in msgspec.structs.fields(Interaction) if field.name in _ABSENT
}
_WIRE: Final = {name: _FIELDS[name].encode_name for name in _ABSENT}
_OUTCOMES: Final[tuple[str, ...]] = get_args(_FIELDS["outcome"].type)


class EventColumns(NamedTuple):
    """Columns of events: codes, times since 1970 and durations (NaN: none) in seconds, and the texts of identities.

    ``readable`` counts the values of optional fields, by their names on the wire. ``ids``, ``cases`` and
    ``transitions`` are None where no event has an id, or the field.
    """

    codes: IntArray
    times: FloatArray
    durations: FloatArray
    readable: Mapping[str, int]
    ids: Sequence[str | None] | None = None
    cases: Sequence[str | None] | None = None
    transitions: Sequence[str | None] | None = None


def floats(values: Sequence[float | datetime | None]) -> FloatArray:
    """Times as seconds since 1970, other numbers as they are; NaN for None."""
    try:
        return np.frombuffer(struct.pack(f"{len(values)}d", *values))  # twice as fast as numpy itself
    except struct.error:
        pass
    try:
        return np.array(values, np.float64)
    except TypeError:
        return np.array([v.timestamp() if isinstance(v, datetime) else v for v in values], np.float64)


class InferredSchema:
    """A schema of complete events of one kind: only certain fields, and in fields of the key only names seen before."""

    def __init__(
        self,
        kind: str,
        names: Mapping[str, Sequence[str]],
        fields: Collection[str],
        needed: Collection[str],
        code_of: _CodeOf,
    ) -> None:
        """Make the decoder; `of` is the way in.

        Args:
            kind: of the events.
            names: by field of the key, those that events may have.
            fields: that events may have, beside those that every schema has.
            needed: fields that every event must have.
            code_of: gives the code of a key.
        """
        self.kind = kind
        self.fields = _ALWAYS.union(fields)
        # By field, the name that each number stands for; 0 is the default.
        self._texts = {
            name: [None, *texts] if _FIELDS[name].default is None else list(texts) for name, texts in names.items()
        }
        self._code_of = code_of
        combinations = math.prod(map(len, self._texts.values()))
        self._table = np.full(combinations if combinations <= _MOST_IN_TABLE else 0, _UNKNOWN, np.int32)
        self._codes: dict[int, int] = {}
        order = [name for name in _FIELDS if name in self.fields]
        made = msgspec.defstruct(
            "Matched",
            [_field(kind, name, names.get(name, ()), needed=name in needed) for name in order],
            gc=False,
            kw_only=True,
            forbid_unknown_fields=True,
        )
        self._order = order
        # Optional fields that are neither names nor durations, with the value that stands for absence.
        self._counted = {name: _ABSENT[name] for name in order if name in _ABSENT and name not in self._texts}
        self._counted.pop("duration", None)
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(made)
        self.decode: Callable[[bytes], Any] = decoder.decode
        self.decode_lines: Callable[[memoryview], list[Any]] = decoder.decode_lines

    @classmethod
    def of(
        cls,
        kind: str,
        fields: Collection[str],
        needed: tuple[str, ...],
        keys: Sequence[EventKey],
        code_of: _CodeOf,
    ) -> Self | None:
        """Schema of events of one ``kind`` that have ``fields`` and ``keys``, complete by having all ``needed`` fields.

        None where there are no names, or too many; where the needed fields are not among ``fields``, or do not make an
        event of the kind complete; and for probes, of which more is needed than columns.
        """
        if needed not in REQUIRED.get(kind, ((),)) or not {*needed} <= {*fields} or kind == Kind.PROBE:
            return None
        names: dict[str, Sequence[str]] = {
            name: sorted(set(filter(None, map(attrgetter(name), keys))))
            for name in _NAMES
            if name in _ALWAYS.union(fields)
        }
        names["outcome"] = _OUTCOMES
        named = {name: texts for name, texts in names.items() if texts}
        counts = [len(texts) + 1 for texts in named.values()]
        if "service" not in named or max(counts) > _MOST_NAMES or math.prod(counts) > _MOST:
            return None
        return cls(kind, named, [name for name in fields if name not in names or name in named], needed, code_of)

    def columns(self, events: Sequence[msgspec.Struct]) -> EventColumns:
        """Columns of ``events``, at least one, which `decode` made."""
        columns = dict(zip(self._order, zip(*map(msgspec.structs.astuple, events), strict=True), strict=True))
        readable = {name: len(events) - columns[name].count(absent) for name, absent in self._counted.items()}
        places = np.zeros(len(events))
        for name, texts in self._texts.items():
            numbers = _numbers(columns[name])
            places = places * len(texts) + numbers
            if texts[0] is None:
                readable[name] = int(np.count_nonzero(numbers))
        durations = floats(columns["duration"]) if "duration" in columns else np.full(len(events), np.nan)
        readable["duration"] = len(events) - int(np.count_nonzero(np.isnan(durations)))
        return EventColumns(
            self._codes_of(places.astype(np.int64)),
            floats(columns["time"]),
            durations,
            {_WIRE[name]: count for name, count in readable.items()},
            columns.get("id"),
            columns.get("case"),
            columns.get("transition"),
        )

    def _codes_of(self, places: IntArray) -> IntArray:
        """Codes of combinations of names, given by their numbers in one mixed-radix number."""
        if len(self._table):
            found: npt.NDArray[np.signedinteger] = self._table[places]
        else:
            found = np.fromiter(map(self._codes.get, places.tolist(), repeat(_UNKNOWN)), np.int64, len(places))
        unknown = set(places[found == _UNKNOWN].tolist())
        if not unknown:
            return found.astype(np.int64, copy=False)
        for place in sorted(unknown):
            self._codes[place] = self._code_of(self._key(place))
            if len(self._table):
                self._table[place] = self._codes[place]
        return self._codes_of(places)

    def _key(self, place: int) -> EventKey:
        parts: dict[str, Any] = {**_PLAIN, "kind": self.kind}
        for name, texts in reversed(self._texts.items()):
            place, number = divmod(place, len(texts))
            parts[name] = texts[number]
        return EventKey(**parts)


def fields_of(kind: str, events: Sequence[Interaction]) -> frozenset[str]:
    """The fields that any of ``events``, all of ``kind``, has beside those that every schema has.

    Fields of other kinds are ignored in interactions.
    """
    fields = msgspec.structs.fields(Interaction if kind == Kind.INTERACTION else Event)
    optional = {field.name: field.default for field in fields if field.name not in _ALWAYS}
    return frozenset(name for name, absent in optional.items() if any(v is not absent for v in _all(name, events)))


def readable_of(events: Sequence[Interaction]) -> Counter[str]:
    """How many of ``events`` have a value of each optional field, by name on the wire."""
    found = _count(events, _ABSENT_OF_INTERACTIONS)
    others = [event for event in events if isinstance(event, Event)]
    return found + _count(others, {name: _ABSENT[name] for name in _ABSENT if name not in _ABSENT_OF_INTERACTIONS})


def _count(events: Sequence[Interaction], absent: Mapping[str, object]) -> Counter[str]:
    columns = zip(*map(attrgetter(*absent), events), strict=True)
    counts = zip(absent.items(), columns, strict=False)  # no columns of no events
    return Counter({_WIRE[name]: len(events) - column.count(none) for (name, none), column in counts})


def _all(name: str, events: Sequence[Interaction]) -> Iterable[object]:
    return map(attrgetter(name), events)


def _numbers(column: Sequence[float | None]) -> FloatArray:
    """Numbers of names; a null in the record counts as no name, 0."""
    try:
        return np.frombuffer(struct.pack(f"{len(column)}d", *column))
    except struct.error:
        return np.array([number or 0.0 for number in column])


class _Number(float, Enum):
    """Enumeration of names: a decoder looks them up by their texts, and in memory they are floats."""

    def __new__(cls, text: str, number: int) -> Self:
        member = float.__new__(cls, number)
        member._value_ = text
        return member


def _field(kind: str, name: str, names: Sequence[str], *, needed: bool) -> tuple[Any, ...]:
    """Field definition for `defstruct`: as in `Event`, but with numbers for ``names`` and NaN for no duration."""
    field = _FIELDS[name]
    type_: Any = field.type
    default: Any = field.default
    if name == "kind":
        literal: Any = Literal
        return (name, literal[kind], kind) if kind == field.default else (name, literal[kind])
    if needed:
        return name, _present(field)
    if names:
        optional = default is None
        numbered: Any = _Number
        members = [(f"n{number}", (text, number)) for number, text in enumerate(names, start=int(optional))]
        type_ = numbered("Names", members)
        type_, default = (type_ | None if optional else type_), 0.0
    elif name == "duration":
        default = math.nan
    return (name, type_) if field.required else (name, type_, msgspec.field(name=field.encode_name, default=default))


def _present(field: msgspec.structs.FieldInfo) -> object:
    """Type of an optional field's values; null is one of them unless it stands for absence."""
    absent = msgspec.UnsetType if field.default is msgspec.UNSET else NoneType
    members: list[Any] = [one for one in get_args(field.type) if one is not absent]
    return reduce(or_, members)
