"""The shape that most interactions of a log have, and a decoder made for it.

Producers write the same fields again and again, and name the same services, steps and classes. A decoder that knows
them makes smaller objects, and gives each name as an object that it has made before, so that events are told apart
without making, hashing and comparing texts. It takes nothing that the general decoder would not take alike; what it
refuses is decoded by that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec

from streams.events import Interaction
from streams.judging import RouteKey

#: Fields that events are told apart by; the kind is always the same.
_TOLD_APART: Final = ("service", "step", "class_", "failure_point", "outcome")
#: Fields that every shape has.
_ALWAYS: Final = frozenset({"time", "kind", "service", "outcome"})
#: Fields whose values are names that come again. Beyond so many names of a field it is decoded as any text.
_NAMES: Final = ("service", "step", "class_", "failure_point")
_MOST_NAMES: Final = 4_096

_PLAIN: Final = RouteKey("interaction", "", None, None, None, "ok")
_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Interaction)}


class Shape:
    """Interactions that have no other fields than ``fields``, and name nothing that ``keys`` do not."""

    def __init__(self, fields: Collection[str], keys: Iterable[RouteKey], code_of: Callable[[RouteKey], int]) -> None:
        """Make the decoder; ``code_of`` gives the code of a key."""
        self.fields = _ALWAYS.union(fields)
        told_apart = [name for name in _TOLD_APART if name in self.fields]
        self._names = tuple(told_apart)
        self._key: Callable[[object], tuple[Any, ...]] = attrgetter(*told_apart)
        self._codes: dict[tuple[Any, ...], int] = {}
        self._code_of = code_of
        self.decode: Callable[[bytes], Any] = _decoder(self.fields, list(keys))

    def codes_of(self, events: Sequence[object]) -> list[int]:
        """Code of each of ``events``, which `decode` made."""
        keys = list(map(self._key, events))
        found = list(map(self._codes.get, keys))
        if None in found:
            return [self._code(key) if code is None else code for key, code in zip(keys, found, strict=True)]
        return found  # type: ignore[return-value]  # there is no None in it

    def _code(self, key: tuple[Any, ...]) -> int:
        code = self._codes.get(key)
        if code is None:
            key_ = _PLAIN._replace(**dict(zip(self._names, key, strict=True)))
            code = self._codes[key] = self._code_of(key_)
        return code


def fields_of(events: Sequence[Interaction]) -> frozenset[str]:
    """The fields that any of ``events`` has."""
    return frozenset(name for name, value in _ABSENT.items() if any(found is not value for found in _all(name, events)))


def _all(name: str, events: Sequence[Interaction]) -> Iterable[object]:
    return map(attrgetter(name), events)


#: Optional fields, and what stands for their absence.
_ABSENT: Final[Mapping[str, object]] = {name: field.default for name, field in _FIELDS.items() if name not in _ALWAYS}


def _decoder(fields: Collection[str], keys: Sequence[RouteKey]) -> Callable[[bytes], Any]:
    columns = dict(zip(RouteKey._fields, zip(*keys, strict=True), strict=True)) if keys else {}
    struct = msgspec.defstruct(
        "Shaped",
        [_field(name, sorted(filter(None, set(columns.get(name, ()))))) for name in _FIELDS if name in fields],
        gc=False,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(struct).decode


def _field(name: str, names: Sequence[str]) -> tuple[Any, ...]:
    """The field as an interaction has it, with no other names than ``names`` where it is names."""
    field = _FIELDS[name]
    type_: Any = field.type
    if name == "kind":
        type_ = Literal["interaction"]
    elif name in _NAMES and 0 < len(names) <= _MOST_NAMES:
        type_ = Literal[tuple(names)] | None if field.default is None else Literal[tuple(names)]
    if field.required:
        return name, type_
    return name, type_, msgspec.field(name=field.encode_name, default=field.default)
