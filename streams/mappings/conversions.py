"""Conversion of the values that a mapping finds into those of the wire format, or `Unreadable`.

Each function takes the name of the field and the path of the value for its messages.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from streams.events.rejections import Reason, Unreadable, excerpt
from streams.mappings import numerals
from streams.mappings.paths import Path

#: Fields whose values may be texts in RFC 3339.
_INSTANTS: Final = frozenset({"time", "due"})
#: Fields for which several numbers can be added up.
SUMMABLE: Final = frozenset({"duration", "holds", "value", "of", "amount"})


def as_found(name: str, path: Path, value: object) -> object:
    """``value`` unchanged, but an `Unreadable` gets field and path; the decoder checks everything else."""
    if isinstance(value, Unreadable):
        return Unreadable(value.reason, f"{name}: {path}: {value.detail}")
    return value


def as_text(name: str, path: Path, value: object) -> object:
    """``value``; numbers, as in customer numbers and status codes, become text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return as_found(name, path, value)
    return numerals.name_of(value) or _too_large(name, path)


def quantity(name: str, path: Path, places: int | None, value: object) -> object:
    """Number in ``value`` divided by 10^``places``; ``places`` is None where the mapping gives no unit.

    Texts of numbers count as numbers. Without a unit, other texts are left to the decoder where the field is a time.
    """
    if type(value) is float or type(value) is int:
        try:
            quotient = value / 10 ** (places or 0)
        except OverflowError:
            return _too_large(name, path)
        return value if places is None else quotient
    number = numerals.decimal_of(value)
    if number is not None:
        return _in_seconds(name, path, places, number)
    if places is None and name in _INSTANTS and isinstance(value, str):
        return value
    return _no_number(name, path, places, value)


def _no_number(name: str, path: Path, places: int | None, value: object) -> object:
    """Why ``value`` is no number, and what to write instead."""
    if isinstance(value, Unreadable):
        return as_found(name, path, value)
    hint = "write a plain one, as in 0.012"
    if places is not None and name in _INSTANTS:
        hint = "leave out `unit` for times in RFC 3339"
    elif name in SUMMABLE and (isinstance(value, list) or len(numerals.several(value)) > 1):
        hint = "with list: sum several are added up"
    return Unreadable(Reason.WRONG_TYPE, f"{name}: {path} is no number (found {excerpt(value)}); {hint}")


def summed(name: str, path: Path, places: int | None, value: object) -> object:
    """Sum of the numbers in ``value``, a list or a text with several; a single value as by `quantity`."""
    parts = numerals.several(value)
    if len(parts) == 1 and not isinstance(value, list):
        return quantity(name, path, places, value)
    numbers: list[Decimal] = []
    for part in parts:
        number = numerals.decimal_of(part)
        if number is None and isinstance(part, Unreadable):
            return as_found(name, path, part)
        if number is None or number < 0:
            reason, what = (Reason.WRONG_TYPE, "no number") if number is None else (Reason.NEGATIVE, "negative")
            detail = f"{name}: {path} is no sum, for {excerpt(part)} is {what} (found {excerpt(value)})"
            return Unreadable(reason, f"{detail}; write numbers that are not negative")
        numbers.append(number)
    if not numbers:
        return Unreadable(Reason.WRONG_TYPE, f"{name}: {path} is no sum, for the list is empty; leave it out")
    return _in_seconds(name, path, places, numerals.total(numbers))


def _in_seconds(name: str, path: Path, places: int | None, number: Decimal) -> float | Unreadable:
    """``number`` divided by 10^``places``, correctly rounded."""
    found = numerals.shifted(number, places or 0)
    return found if math.isfinite(found) else _too_large(name, path)


def _too_large(name: str, path: Path) -> Unreadable:
    return Unreadable(Reason.OUT_OF_RANGE, f"{name}: {path} is too large a number; write one that fits")
