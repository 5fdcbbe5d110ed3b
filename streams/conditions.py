"""Conditions over JSON documents, as in `status >= 500 and method in ["GET", "HEAD"]`; `streams.grammar` reads them.

What a path does not find is null: equal to null alone, and neither smaller nor larger than anything. Values of
different kinds are never compared silently: that raises `Incomparable`.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

Scalar = str | int | float | bool | None
Document = Mapping[str, object]
Predicate = Callable[[Document], bool]
Reader = Callable[[Document], object]


class Incomparable(ValueError):  # noqa: N818 - said of the values
    """Two values of different kinds that a condition compares; says which, and of which kind."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the condition."""

    value: Scalar

    def __str__(self) -> str:
        """As in JSON."""
        return show(self.value)


@dataclass(frozen=True, slots=True)
class Path:
    """Where to look: names of members and indexes of lists, from the document's root."""

    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        """As it is written."""
        return "".join(_written(step) for step in self.steps).removeprefix(".")


Operand = Literal | Path


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and the operator between them."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether the item equals one of the options: literals, or the elements of a list in the document."""

    item: Operand
    options: tuple[Literal, ...] | Path


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean by itself."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Negation:
    """The contrary of the inner condition."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Combination:
    """All (`and`) or any (`or`) of the parts, looked at from left to right as far as needed."""

    word: str
    parts: tuple[Condition, ...]


Condition = Comparison | Membership | Truth | Negation | Combination

#: Names that stand bare in a path, and words that do not.
NAME: Final = re.compile(r"(?:[^\W\d]|[@$])[\w@$-]*")
WORDS: Final = frozenset({"and", "or", "not", "in", "true", "false", "null"})
_OPERATORS: Final[Mapping[str, Callable[..., bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def reader(operand: Operand) -> Reader:
    """Function that takes a document to the operand's value; None where a path finds nothing."""
    if isinstance(operand, Literal):
        value = operand.value
        return lambda _document: value
    steps = operand.steps
    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        return lambda document: document.get(name)
    return lambda document: _walk(document, steps)


def predicate(condition: Condition) -> Predicate:
    """Function that takes a document to whether the condition holds; it raises `Incomparable`."""
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
    """``value`` for a message, short."""
    if isinstance(value, dict | list):
        return f"of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _walk(document: object, steps: tuple[str | int, ...]) -> object:
    for step in steps:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, Mapping) else None
        else:
            document = document[step] if isinstance(document, list) and step < len(document) else None
    return document


def _comparison(condition: Comparison) -> Predicate:
    left, right = reader(condition.left), reader(condition.right)
    compare, equality = _OPERATORS[condition.operator], condition.operator in {"==", "!="}

    def holds(document: Document) -> bool:
        one, other = left(document), right(document)
        if one is None or other is None:
            return equality and compare(one, other)
        kinds = _kind(one), _kind(other)
        if kinds[0] != kinds[1] or kinds[0] in {"list", "object"} or (kinds[0] == "boolean" and not equality):
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


def _among(item: object, values: tuple[object, ...] | list[object], condition: Membership) -> bool:
    kind = _kind(item)
    if any(_kind(value) == kind and value == item for value in values):
        return True
    if item is not None and values and not any(_kind(value) == kind for value in values):
        _refuse((condition.item, item), (Literal(None), values[0]))
    return False


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
    return "null" if value is None else "object"


def _refuse(one: tuple[Operand, object], other: tuple[Operand, object]) -> NoReturn:
    message = f"cannot compare {_operand(*one)} with {_operand(*other)}; only like is compared with like"
    raise Incomparable(message)


def _operand(operand: Operand, value: object) -> str:
    found = f"{_kind(value)} {show(value)}"
    return f"{operand} ({found})" if isinstance(operand, Path) else found


def _written(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    plain = NAME.fullmatch(step) and step not in WORDS
    return f".{step}" if plain else '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'
