"""Numbers as other people write them: in texts, several in one text, and in places where names are wanted.

A text is a number here only if a person would read the same number in it: ASCII digits, no separators of thousands, no
decimal comma, neither NaN nor hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Final

#: Longest text that is looked at as a number; no float needs more characters.
_LONGEST: Final = 400
_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
#: What stands between the numbers in a text: nginx has commas between servers, and colons between groups of them.
_BETWEEN: Final = re.compile(r",[ \t]+|[ \t]+:[ \t]+")
#: Adds up what floats and texts hold, from 1e-999 to 1e999, without rounding.
_EXACT: Final = Context(prec=3_000)
#: Whole numbers are written out up to here, as browsers do it, and integers, which lose nothing, a little further.
_WRITTEN_OUT: Final = 1e21
_WRITTEN_OUT_EXACTLY: Final = 10**40


def plain_number(text: str) -> int | float | None:
    """Number that ``text`` is if it is a plain decimal, as in "502" or "-0.25"; None otherwise.

    It is the one that JSON has without the quotes, but leading zeros change nothing.
    """
    if len(text) > _LONGEST or not _PLAIN.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def decimal_of(value: object) -> Decimal | None:
    """Exact number that ``value`` is: a JSON number, or a text that is one, blanks around it allowed; None otherwise.

    A float is the shortest decimal that stands for it, which is what was written.
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
    """``number`` with the decimal point ``places`` further to the left, correctly rounded; it may be infinite."""
    return float(number.scaleb(-places, _EXACT))


def name_of(number: float) -> str | None:
    """``number`` where it is to be a name, as JSON writes it, but a whole one without a fraction: 200.0 is "200".

    Where that were very long it has an exponent. None for an integer that is larger than every float.
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
