"""Figures for people: durations with a fitting unit, shares that never round up to 100 %."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from streams.slices.ratio import Ratio, RatioUnit

#: Shown where there is no figure.
NOTHING: Final = "–"

_MILLISECOND: Final = 1_000
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
#: (from this many microseconds, divided by, unit). Whole numbers from 100 of a unit, three digits below.
_UNITS: Final = ((_SECOND, _SECOND, "s"), (_MILLISECOND, _MILLISECOND, "ms"), (0, 1, "µs"))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def duration(microseconds: float | None) -> str:
    """Duration with three digits below a minute (`820 µs`, `12.3 ms`, `9.81 s`), in two units above (`2 h 05 min`)."""
    if microseconds is None:
        return NOTHING
    if not microseconds:
        return "0 s"
    if microseconds < _MINUTE:
        size, unit = next((size, unit) for least, size, unit in _UNITS if microseconds >= least)
        return f"{_three_digits(microseconds / size)} {unit}"
    whole = round(microseconds / _SECOND) * _SECOND
    for big, small, names in ((_DAY, _HOUR, "d h"), (_HOUR, _MINUTE, "h min"), (_MINUTE, _SECOND, "min s")):
        if whole >= big:
            first, second = names.split()
            return f"{whole // big} {first} {whole % big // small:02d} {second}"
    return NOTHING


def _three_digits(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - powers of ten
    return f"{value:.{digits}f}" if value != int(value) or value >= 100 else f"{int(value)}"  # noqa: PLR2004


def share(ratio: Ratio | Fraction | None) -> str:
    """Share in per cent, truncated, so that 94.996 % is not shown as 95 %, nor 99.996 % as all.

    Two decimals, and more only where a share above 0 would be shown as 0.
    """
    value = Fraction(ratio.good, ratio.total) if isinstance(ratio, Ratio) and ratio.total else ratio
    if not isinstance(value, Fraction):
        return NOTHING
    for digits in range(2, 9):
        shown = Fraction(int(value * 100 * 10**digits), 10**digits)
        if shown or not value:
            return f"{float(shown):.{digits}f} %"
    return "> 0 %"


def count(number: int) -> str:
    """Whole number in groups of three digits: `336,776`."""
    return f"{number:,}"


def amount(number: int, unit: RatioUnit) -> str:
    """Good or total of a ratio: events as a whole number, time as a duration."""
    return duration(number * _MILLISECOND) if unit is RatioUnit.MILLISECONDS else count(number)


def instant(milliseconds: int | None) -> str:
    """Milliseconds since 1970 as UTC to the second; outside the calendar, as a number of seconds."""
    if milliseconds is None:
        return NOTHING
    try:
        return f"{_EPOCH + timedelta(milliseconds=milliseconds):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{milliseconds / 1_000:.0f}"
