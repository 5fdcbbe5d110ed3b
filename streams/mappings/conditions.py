"""Conditions over JSON documents, as in `status >= 500 and method in ["GET", "HEAD"]`; `condition_parser` reads them.

A path that finds nothing yields null, which equals only null and is neither smaller nor larger than anything. A text
that is a number is compared with a number as one: "502" >= 500. Comparing other values of different kinds raises
`Incomparable`.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from streams.events.rejections import Unreadable
from streams.mappings.numerals import plain_number
from streams.mappings.paths import Document, Path, Reader, finder

Scalar = str | int | float | bool | None
Predicate = Callable[[Document], bool]

_OPERATORS: Final[Mapping[str, Callable[..., bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
#: Kind of an `Unreadable`, as messages name it.
_UNREADABLE: Final = "number that cannot be read:"
#: Kinds whose values are never compared with each other.
_NOT_COMPARED: Final = frozenset({"list", "object", _UNREADABLE})


class Incomparable(ValueError):  # noqa: N818 - said of the values
    """Raised where a condition compares values of different kinds: which values, and of which kinds."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the condition."""

    value: Scalar

    def __str__(self) -> str:
        """As JSON."""
        return json.dumps(self.value, ensure_ascii=False)


Operand = Literal | Path


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and the operator between them."""

    operator: str
    left: Operand
    right: Operand

    def __str__(self) -> str:
        """As text that parses to the same."""
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether the item equals one of the options: literals, or the elements of a list in the document."""

    item: Operand
    options: tuple[Literal, ...] | Path

    def __str__(self) -> str:
        """As text that parses to the same."""
        listed = f"[{', '.join(map(str, self.options))}]" if isinstance(self.options, tuple) else self.options
        return f"{self.item} in {listed}"


@dataclass(frozen=True, slots=True)
class Truth:
    """An operand that is a boolean by itself."""

    operand: Operand

    def __str__(self) -> str:
        """As text that parses to the same."""
        return str(self.operand)


@dataclass(frozen=True, slots=True)
class Negation:
    """The negated inner condition."""

    inner: Condition

    def __str__(self) -> str:
        """As text that parses to the same."""
        if isinstance(self.inner, Membership):
            return str(self.inner).replace(f"{self.inner.item} in ", f"{self.inner.item} not in ", 1)
        return f"not {_inside(self.inner)}"


@dataclass(frozen=True, slots=True)
class Combination:
    """All (`and`) or any (`or`) of the parts, evaluated from left to right as far as needed."""

    word: str
    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        """As text that parses to the same."""
        return f" {self.word} ".join(map(_inside, self.parts))


Condition = Comparison | Membership | Truth | Negation | Combination


def reader(operand: Operand) -> Reader:
    """Function from a document to the operand's value; None where a path finds nothing."""
    if isinstance(operand, Literal):
        value = operand.value
        return lambda _document: value
    return finder(operand)


def paths_in(condition: Condition) -> Iterator[Path]:
    """Every path that ``condition`` reads, from left to right."""
    match condition:
        case Comparison(_, left, right):
            operands: tuple[object, ...] = (left, right)
        case Membership(item, options):
            operands = (item, options)
        case Truth(operand):
            operands = (operand,)
        case Negation(inner):
            yield from paths_in(inner)
            return
        case Combination(_, parts):
            for part in parts:
                yield from paths_in(part)
            return
    yield from (operand for operand in operands if isinstance(operand, Path))


def predicate(condition: Condition) -> Predicate:
    """Function from a document to whether the condition holds; it raises `Incomparable`."""
    match condition:
        case Comparison():
            return _comparison(condition)
        case Membership():
            return _membership(condition)
        case Truth(operand):
            read = reader(operand)
            return lambda document: _truth(read(document), operand)
        case Negation(inner):
            holds = predicate(inner)
            return lambda document: not holds(document)
        case Combination(word, parts):
            tests = [predicate(part) for part in parts]
            gather = all if word == "and" else any
            return lambda document: gather(holds(document) for holds in tests)


def show(value: object, longest: int = 40) -> str:
    """``value`` as short text for a message: at most ``longest`` characters, or the size of a list or object."""
    if isinstance(value, dict | list):
        return f"of {len(value)}"
    if isinstance(value, Unreadable):
        return value.detail
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _comparison(condition: Comparison) -> Predicate:
    left, right = reader(condition.left), reader(condition.right)
    compare, equality = _OPERATORS[condition.operator], condition.operator in {"==", "!="}

    def holds(document: Document) -> bool:
        one, other = left(document), right(document)
        if one is None or other is None:
            return equality and compare(one, other)
        kind = _kind(one)
        if kind != _kind(other):
            pair = _numbers(one, other)
            if pair is None:
                _refuse((condition.left, one), (condition.right, other))
            return compare(*pair)
        if kind in _NOT_COMPARED or (kind == "boolean" and not equality):
            _refuse((condition.left, one), (condition.right, other))
        return compare(one, other)

    return holds


def _membership(condition: Membership) -> Predicate:
    item, options = reader(condition.item), condition.options
    if isinstance(options, tuple):
        values = tuple(option.value for option in options)
        return lambda document: _among(item(document), values, condition)
    elements = reader(options)

    def holds(document: Document) -> bool:
        found = elements(document)
        if found is None:
            return False
        if not isinstance(found, list):
            message = f"{_operand(options, found)} is no list, and stands after `in`"
            raise Incomparable(message)
        return _among(item(document), found, condition)

    return holds


def is_any_of(value: object, options: Sequence[Scalar]) -> bool:
    """Whether ``value`` equals one of ``options`` as in a condition; values of different kinds are not equal."""
    kind = _kind(value)
    pairs = ((option, value) if _kind(option) == kind else _numbers(option, value) for option in options)
    return any(pair is not None and pair[0] == pair[1] for pair in pairs)


def _among(item: object, values: tuple[object, ...] | list[object], condition: Membership) -> bool:
    kind, comparable = _kind(item), False
    for value in values:
        alike = _kind(value) == kind and kind != _UNREADABLE
        pair = (value, item) if alike else _numbers(value, item)
        if pair is not None and pair[0] == pair[1]:
            return True
        comparable = comparable or pair is not None
    if item is not None and values and not comparable:
        _refuse((condition.item, item), (Literal(None), values[0]))
    return False


def _numbers(one: object, other: object) -> tuple[float, float] | None:
    """Both values as numbers where one is a number and the other a text of a number; None otherwise."""
    if isinstance(one, str) == isinstance(other, str):
        return None
    numbers = _number(one), _number(other)
    return None if numbers[0] is None or numbers[1] is None else (numbers[0], numbers[1])


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return plain_number(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _truth(value: object, operand: Operand) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    message = f"{_operand(operand, value)} stands by itself, and is neither true nor false"
    raise Incomparable(message)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "list"
    if isinstance(value, Unreadable):
        return _UNREADABLE
    return "null" if value is None else "object"


def _refuse(one: tuple[Operand, object], other: tuple[Operand, object]) -> NoReturn:
    message = f"cannot compare {_operand(*one)} with {_operand(*other)}; only like is compared with like"
    raise Incomparable(message)


def _operand(operand: Operand, value: object) -> str:
    found = f"{_kind(value)} {show(value)}"
    return f"{operand} ({found})" if isinstance(operand, Path) else found


def _inside(condition: Condition) -> str:
    """``condition`` as part of another."""
    return f"({condition})" if isinstance(condition, Combination) else str(condition)
