"""Other people's topics: their JSON documents mapped, field by field, to the wire format of `streams.events`.

A mapping is compiled once. What it yields goes to the same strict decoder as every event, so that a mapping cannot let
anything in that the wire format refuses; only mapped fields are handed on.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from streams.conditions import Condition, Document, Incomparable, Path, Predicate, Scalar, predicate, reader, show
from streams.events import KNOWN_FIELDS, BadEvent, Event, Reason

#: Fields of the wire format that a mapping may fill, and those that it has to.
FIELDS: Final = KNOWN_FIELDS
REQUIRED: Final = ("service", "time")
#: Fields that hold times or durations, which other people count in other units.
TIMED: Final = frozenset({"time", "due", "duration", "holds"})

_TYPES: Final[Mapping[str, object]] = {item.encode_name: item.type for item in msgspec.structs.fields(Event)}
_LONGEST_NUMBER: Final = 40


class Unit(enum.StrEnum):
    """Unit of a time or a duration in the other people's document."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


_PER_SECOND: Final = {Unit.SECONDS: 1, Unit.MILLISECONDS: 10**3, Unit.MICROSECONDS: 10**6, Unit.NANOSECONDS: 10**9}


@dataclass(frozen=True, slots=True)
class Constant:
    """Always ``value``."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Taken:
    """What ``path`` finds, converted from ``unit`` to seconds; ``otherwise`` where it finds nothing."""

    path: Path
    unit: Unit | None = None
    otherwise: Scalar = None


@dataclass(frozen=True, slots=True)
class Table:
    """What ``table`` has for the value that ``path`` finds; ``otherwise`` where it finds nothing.

    Keys are texts: a number or boolean is looked up as JSON writes it. A value that the table does not have takes
    ``otherwise`` too, or makes the record unmapped where the table is ``exhaustive``.
    """

    path: Path
    table: Mapping[str, Scalar]
    otherwise: Scalar = None
    exhaustive: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The value beside the first condition that holds; ``otherwise`` where none does."""

    branches: tuple[tuple[Condition, Scalar], ...]
    otherwise: Scalar = None


Rule = Constant | Taken | Table | Choice


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """A mapping as written: a rule for each field of the wire format, and which records are no events at all."""

    rules: Mapping[str, Rule]
    drop_when: tuple[Condition, ...] = field(default=())


class Mapper:
    """A compiled mapping. Holds no state; safe to share."""

    def __init__(self, spec: MappingSpec) -> None:
        """Compile ``spec``; `compile_mapping` is the way in."""
        self._drop = tuple(predicate(condition) for condition in spec.drop_when)
        self._rules = tuple((name, _compile(name, rule)) for name, rule in sorted(spec.rules.items()))

    def map(self, document: Document) -> dict[str, object] | None:
        """Document of the wire format, or None for a record that is dropped on purpose.

        Fields without a value are left out. Raises `BadEvent` (unmapped) for a record that the mapping does not fit.
        """
        try:
            if any(drop(document) for drop in self._drop):
                return None
            found = ((name, take(document)) for name, take in self._rules)
            return {name: value for name, value in found if value is not None}
        except Incomparable as error:
            raise BadEvent(Reason.UNMAPPED, str(error)) from None


def compile_mapping(spec: MappingSpec) -> Mapper:
    """Make a `Mapper`. Every look at the specification happens here, none when a record is mapped."""
    return Mapper(spec)


def accepts(name: str, value: object) -> bool:
    """Whether field ``name`` takes ``value``; null is no value and always fits."""
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
    """What field ``name`` takes, for messages."""
    if options := choices(name):
        return f"one of {', '.join(options)}"
    if name in {"time", "due"}:
        return "seconds since 1970 or a text in RFC 3339 with an offset"
    if accepts(name, "x"):
        return "a text of 1 to 200 characters" if name == "service" else "a text of at most 200 characters"
    return "true or false" if accepts(name, value=True) else "a number that is not negative"


@functools.cache
def choices(name: str) -> tuple[str, ...]:
    """Every value of field ``name`` where only a few are allowed; the monitor's own kind is not for mappings."""
    hints = get_type_hints(Event)[name if name != "class" else "class_"]
    literal = next((part for part in (hints, *get_args(hints)) if get_origin(part) is Literal), None)
    return tuple(value for value in get_args(literal) if value != "control")


def _compile(name: str, rule: Rule) -> Callable[[Document], object]:
    match rule:
        case Constant(value):
            return lambda _document: value
        case Taken():
            return _taken(name, rule)
        case Table():
            return _table(name, rule)
        case Choice(branches, otherwise):
            tests = tuple((predicate(condition), value) for condition, value in branches)
            return lambda document: _chosen(document, tests, otherwise)


def _taken(name: str, rule: Taken) -> Callable[[Document], object]:
    read, otherwise = reader(rule.path), rule.otherwise
    convert = _converter(name, rule)

    def take(document: Document) -> object:
        value = read(document)
        return otherwise if value is None else convert(value)

    return take


def _converter(name: str, rule: Taken) -> Callable[[object], object]:
    if rule.unit is not None:
        per_second = _PER_SECOND[rule.unit]
        return lambda value: _seconds(name, rule, value, per_second)
    if _is_text(name):
        return _as_text
    return lambda value: value


def _is_text(name: str) -> bool:
    return accepts(name, "x") or bool(choices(name))


def _as_text(value: object) -> object:
    """Whole numbers, as in customer numbers and status codes, become text; the decoder judges the rest."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _seconds(name: str, rule: Taken, value: object, per_second: int) -> float:
    """Correctly rounded quotient; numbers that were written as text count too."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = "; leave out `unit` for times in RFC 3339" if name in {"time", "due"} else ""
        detail = f"{name}: {rule.path} is no number, but has the unit {rule.unit}{hint}"
        raise BadEvent(Reason.UNMAPPED, detail)
    try:
        return value / per_second
    except OverflowError:
        detail = f"{name}: {rule.path} is too large a number"
        raise BadEvent(Reason.UNMAPPED, detail) from None


def _parsed(text: str) -> int | float | None:
    try:
        number = Decimal(text) if len(text) <= _LONGEST_NUMBER else Decimal("nan")
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST_NUMBER:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _table(name: str, rule: Table) -> Callable[[Document], object]:
    read, table, otherwise = reader(rule.path), dict(rule.table), rule.otherwise

    def look_up(document: Document) -> object:
        value = read(document)
        if value is None:
            return otherwise
        key = _key(value)
        if key in table:
            return table[key]
        if rule.exhaustive:
            raise BadEvent(Reason.UNMAPPED, f"{name}: the table has no {show(value)} (from {rule.path})")
        return otherwise

    return look_up


def _key(value: object) -> str | None:
    """How a value is looked up; lists and objects are in no table."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, str | int) else None


def _chosen(document: Document, tests: tuple[tuple[Predicate, Scalar], ...], otherwise: Scalar) -> Scalar:
    for holds, value in tests:
        if holds(document):
            return value
    return otherwise
