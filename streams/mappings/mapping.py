"""Mappings from JSON documents of other forms, field by field, to the wire format of `streams.events.event`.

A mapping is compiled once. Its output goes through the same strict decoder as every event, so that a mapping cannot
admit anything that the wire format refuses; only mapped fields are passed on. A field whose rule cannot convert the
value that it finds is `Unreadable`: the decoder decides whether the event counts without it.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from streams.events.event import KNOWN_FIELDS, Event
from streams.events.rejections import BadEvent, Reason, Unreadable
from streams.mappings import numerals
from streams.mappings.conditions import (
    Condition,
    Incomparable,
    Predicate,
    Scalar,
    is_any_of,
    paths_in,
    predicate,
    reader,
    show,
)
from streams.mappings.conversions import as_found, as_text, quantity, summed
from streams.mappings.paths import Document, Path

#: Fields of the wire format that a mapping may fill, and those that it must.
FIELDS: Final = KNOWN_FIELDS
REQUIRED: Final = ("service", "time")
#: Fields with times or durations, for which a mapping may name the unit.
TIMED: Final = frozenset({"time", "due", "duration", "holds"})

_TYPES: Final[Mapping[str, object]] = {item.encode_name: item.type for item in msgspec.structs.fields(Event)}


class TimeUnit(enum.StrEnum):
    """Unit of a time or a duration in the user's documents."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


#: Decimal places between a unit and seconds; None where no unit is given.
PLACES: Final[Mapping[TimeUnit | None, int | None]] = {
    None: None,
    TimeUnit.SECONDS: 0,
    TimeUnit.MILLISECONDS: 3,
    TimeUnit.MICROSECONDS: 6,
    TimeUnit.NANOSECONDS: 9,
}


class Listing(enum.StrEnum):
    """How several numbers at one path become one."""

    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Constant:
    """Rule: always ``value``."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Taken:
    """Rule: the value at ``path``, converted from ``unit`` to seconds; ``otherwise`` where there is none.

    Values among ``absent`` count as none.
    """

    path: Path
    unit: TimeUnit | None = None
    otherwise: Scalar = None
    absent: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class Summed:
    """Rule: the sum of the numbers at ``path``, in a list or in one text, converted from ``unit`` to seconds.

    ``otherwise`` where there is no value, or one among ``absent``. A single number is its own sum.
    """

    path: Path
    unit: TimeUnit | None = None
    otherwise: Scalar = None
    absent: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class LookupTable:
    """Rule: the entry of ``table`` for the value at ``path``; ``otherwise`` where there is no value.

    Keys are texts: a number or boolean is looked up as JSON writes it, a whole number without a fraction. A value
    without an entry gives ``otherwise`` too, or makes the field unreadable where the table is ``exhaustive``.
    """

    path: Path
    table: Mapping[str, Scalar]
    otherwise: Scalar = None
    exhaustive: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Rule: the value of the first branch whose condition holds; ``otherwise`` where none does."""

    branches: tuple[tuple[Condition, Scalar], ...]
    otherwise: Scalar = None


Rule = Constant | Taken | Summed | LookupTable | Choice


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """A mapping as written: rules by field of the wire format, and conditions under which a record is dropped."""

    rules: Mapping[str, Rule]
    drop_when: tuple[Condition, ...] = field(default=())


class Mapper:
    """A compiled mapping, without state and safe to share. ``paths`` are all that it reads, each once, in order."""

    def __init__(self, spec: MappingSpec) -> None:
        """Compile ``spec``; `compile_mapping` is the way in."""
        self._drop = tuple(predicate(condition) for condition in spec.drop_when)
        self._rules = tuple((name, _compile(name, rule)) for name, rule in sorted(spec.rules.items()))
        self.paths: Final = tuple(dict.fromkeys(_paths_of(spec)))
        self._readers = {path: reader(path) for path in self.paths}

    def map(self, document: Document, sought: set[Path] | None = None) -> dict[str, object] | None:
        """Document of the wire format, or None for a record that the mapping drops.

        Fields without a value are left out; values that cannot be converted are `Unreadable`. Every path that
        ``document`` has is removed from ``sought``, whether or not the record is dropped.

        Raises:
            BadEvent: a condition of `drop_when` compares values of different kinds (unmapped).
        """
        if sought:
            self._look_for(sought, document)
        try:
            if any(drop(document) for drop in self._drop):
                return None
        except Incomparable as error:
            raise BadEvent(Reason.UNMAPPED, f"drop_when: {error}") from None
        found = ((name, take(document)) for name, take in self._rules)
        return {name: value for name, value in found if value is not None}

    def in_order(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Those of ``paths`` that the mapping reads, in the order of `self.paths`."""
        wanted = frozenset(paths)
        return tuple(path for path in self.paths if path in wanted)

    def _look_for(self, sought: set[Path], document: Document) -> None:
        found = [path for path in sought if path in self._readers and self._readers[path](document) is not None]
        sought.difference_update(found)


def found_by_none(reports: Iterable[tuple[str, Collection[str]]]) -> dict[str, list[str]]:
    """By topic, the paths that none of its readers found; a report is a topic and the paths that one did not find."""
    missing: dict[str, list[str]] = {}
    for topic, paths in reports:
        missing[topic] = [path for path in missing.get(topic, paths) if path in paths]
    return {topic: paths for topic, paths in sorted(missing.items()) if paths}


def compile_mapping(spec: MappingSpec) -> Mapper:
    """Compile ``spec``: it is read here only, not while records are mapped."""
    return Mapper(spec)


def accepts(name: str, value: object) -> bool:
    """Whether field ``name`` accepts ``value``; null means no value and is always accepted."""
    if value is None:
        return True
    if options := choices(name):
        return value in options
    try:
        msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError:
        return False
    return True


def wanted(name: str) -> str:
    """Values that field ``name`` accepts, as text for messages."""
    if options := choices(name):
        return f"one of {', '.join(options)}"
    if name in {"time", "due"}:
        return "seconds since 1970 or a text in RFC 3339 with an offset"
    if accepts(name, "x"):
        return "a text of 1 to 200 characters" if name == "service" else "a text of at most 200 characters"
    return "true or false" if accepts(name, value=True) else "a number that is not negative"


@functools.cache
def choices(name: str) -> tuple[str, ...]:
    """The values of field ``name`` where it is an enumeration, else none; a mapping cannot make control records."""
    hints = get_type_hints(Event)[name if name != "class" else "class_"]
    literal = next((part for part in (hints, *get_args(hints)) if get_origin(part) is Literal), None)
    return tuple(value for value in get_args(literal) if value != "control")


def is_numeric(name: str) -> bool:
    """Whether field ``name`` accepts a number."""
    return accepts(name, 1)


def paths_of(rule: Rule) -> Iterator[Path]:
    """Every path that ``rule`` reads, in the order in which they are written."""
    match rule:
        case Taken(path) | Summed(path) | LookupTable(path):
            yield path
        case Choice(branches):
            for condition, _ in branches:
                yield from paths_in(condition)


def _paths_of(spec: MappingSpec) -> Iterator[Path]:
    for _, rule in sorted(spec.rules.items()):
        yield from paths_of(rule)
    for condition in spec.drop_when:
        yield from paths_in(condition)


def _compile(name: str, rule: Rule) -> Callable[[Document], object]:
    match rule:
        case Constant(value):
            return lambda _document: value
        case Taken(path, unit, otherwise, absent):
            return _reading(path, _converter(name, path, unit), otherwise, absent)
        case Summed(path, unit, otherwise, absent):
            places = PLACES[unit]
            return _reading(path, lambda value: summed(name, path, places, value), otherwise, absent)
        case LookupTable(path):
            return _reading(path, _looked_up(name, rule), rule.otherwise)
        case Choice(branches, otherwise):
            tests = tuple((predicate(condition), value) for condition, value in branches)
            return lambda document: _chosen(name, document, tests, otherwise)


def _reading(
    path: Path, convert: Callable[[object], object], otherwise: Scalar, absent: tuple[Scalar, ...] = ()
) -> Callable[[Document], object]:
    read = reader(path)

    def take(document: Document) -> object:
        value = read(document)
        if value is None or (absent and is_any_of(value, absent)):
            return otherwise
        return convert(value)

    return take


def _converter(name: str, path: Path, unit: TimeUnit | None) -> Callable[[object], object]:
    """Function from the value found at ``path`` to the value of field ``name``."""
    if is_numeric(name):
        places = PLACES[unit]
        return lambda value: quantity(name, path, places, value)
    make = as_text if accepts(name, "x") or choices(name) else as_found
    return lambda value: make(name, path, value)


def _looked_up(name: str, rule: LookupTable) -> Callable[[object], object]:
    table, otherwise = dict(rule.table), rule.otherwise

    def look_up(value: object) -> object:
        key = key_of(value)
        if key in table:
            return table[key]
        if rule.exhaustive:
            if isinstance(value, Unreadable):
                return as_found(name, rule.path, value)
            return Unreadable(Reason.UNMAPPED, f"{name}: the table has no {show(value)} (from {rule.path})")
        return otherwise

    return look_up


def key_of(value: object) -> str | None:
    """Key under which ``value`` is looked up in a table; None for lists and objects, which no table has."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return numerals.name_of(value)
    return value if isinstance(value, str) else None


def _chosen(name: str, document: Document, tests: tuple[tuple[Predicate, Scalar], ...], otherwise: Scalar) -> object:
    try:
        for holds, value in tests:
            if holds(document):
                return value
    except Incomparable as error:
        return Unreadable(Reason.UNMAPPED, f"{name}: {error}")
    return otherwise
