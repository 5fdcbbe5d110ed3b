"""Numbers in the users' documents: in texts, several in one text, and in place of names.

A text is a number only if people read the same number in it: ASCII digits, no thousands separators, no decimal comma,
neither NaN nor hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Final

#: Longest text that may be a number, in characters; no float needs more.
_LONGEST: Final = 400
_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
#: Separators of numbers in a text: nginx writes commas between servers, and colons between groups of them.
_BETWEEN: Final = re.compile(r",[ \t]+|[ \t]+:[ \t]+")
#: Adds numbers from 1e-999 to 1e999, the range of the texts accepted, without rounding.
_EXACT: Final = Context(prec=3_000)
#: Whole floats are written without an exponent up to here, as JavaScript does, and exact integers a little further.
_WRITTEN_OUT: Final = 1e21
_WRITTEN_OUT_EXACTLY: Final = 10**40


def plain_number(text: str) -> int | float | None:
    """Number in ``text`` if it is a plain decimal, as in "502" or "-0.25"; None otherwise.

    It is the number that JSON would read without the quotes; leading zeros are allowed.
    """
    if len(text) > _LONGEST or not _PLAIN.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def decimal_of(value: object) -> Decimal | None:
    """Exact number in ``value``: a JSON number, or a text of one with or without blanks around it; None otherwise.

    A float becomes its shortest decimal, which is what the producer wrote.
    """
    if isinstance(value, str):
        text = value.strip()
        return Decimal(text) if len(text) <= _LONGEST and _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return found if found.is_finite() else None


def several(value: object) -> list[object]:
    """Parts of a list, or of a text with several numbers; the value itself where it is neither."""
    if isinstance(value, str):
        return list(_BETWEEN.split(value.strip()))
    return value if isinstance(value, list) else [value]


def total(numbers: Sequence[Decimal]) -> Decimal:
    """Exact sum."""
    found = Decimal(0)
    for number in numbers:
        found = _EXACT.add(found, number)
    return found


def shifted(number: Decimal, places: int) -> float:
    """``number`` divided by 10^``places``, correctly rounded; it may be infinite."""
    return float(number.scaleb(-places, _EXACT))


def name_of(number: float) -> str | None:
    """``number`` as a name: as JSON writes it, but whole numbers without a fraction: 200.0 is "200".

    Very large numbers have an exponent. None for an integer that is larger than every float.
    """
    if isinstance(number, float):
        whole = number.is_integer() and abs(number) < _WRITTEN_OUT
        return str(int(number)) if whole else repr(number)
    if abs(number) < _WRITTEN_OUT_EXACTLY:
        return str(number)
    try:
        return repr(float(number))
    except OverflowError:
        return None
