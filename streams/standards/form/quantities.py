"""Quantities as people write them: durations, percentages, windows, hours, days. Exact: no float is kept.

Every function takes what the file holds and raises `Unfit` with the rule that it breaks and what to write instead.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Final

from streams.calendars.periods import Period, Window
from streams.standards.problems.problems import Unfit

Interval = tuple[int, int]

#: Microseconds of each unit, largest first.
UNITS: Final = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
#: Longest duration that is measured, as in the table of buckets.
MAX_DURATION_US: Final = 400 * UNITS["d"]
#: Windows are made of slices.
SLICE_US: Final = 10 * UNITS["s"]
#: Longest range of dates, in days; longer ones are typing errors.
MAX_DATES: Final = 366
MINUTES_A_DAY: Final = 1_440
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

DURATION_PATTERN: Final = r"^\s*([0-9]+(\.[0-9]+)?\s*(d|h|ms|us|µs|m|s)\s*)+$"
PERCENTAGE_PATTERN: Final = r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$"
WINDOW_PATTERN: Final = rf"({DURATION_PATTERN})|(^calendar ({'|'.join(Period)})$)"
HOURS_PATTERN: Final = (
    r"^\s*[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}(\s*,\s*[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2})*\s*$"
)
DATES_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})?$"

_DURATION: Final = re.compile(DURATION_PATTERN)
_TERM: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(d|h|ms|us|µs|m|s)")
_WORDY: Final = re.compile(
    r"([0-9]+(?:\.[0-9]+)?)\s*-?\s*(days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|milliseconds?)", re.IGNORECASE
)
_HOURS: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_LONGEST_TEXT: Final = 60


def duration_us(value: object) -> int:
    """Microseconds in ``value``, as in "10s", "250ms", "1h30m", "1.5s"; at most 400 days."""
    return _duration_us(_text(value, "a duration has a number and a unit", _with_unit(value)))


@lru_cache(maxsize=256)  # standards repeat the same few values
def _duration_us(text: str) -> int:
    if not _DURATION.match(text):
        raise Unfit(rule="a duration is a number and a unit (d, h, m, s, ms, us), as in 1h30m", remedy=_reworded(text))
    terms = _TERM.findall(text.replace("µs", "us"))
    sizes = [UNITS[unit] for _, unit in terms]
    if any(left <= right for left, right in pairwise(sizes)):
        raise Unfit(rule="the units of a duration come largest first and once each", remedy="write it as in 1h30m")
    total = sum((Fraction(number) * size for (number, _), size in zip(terms, sizes, strict=True)), Fraction(0))
    if total.denominator != 1:
        raise Unfit(rule="a duration is a whole number of microseconds", remedy="write fewer decimals")
    if total > MAX_DURATION_US:
        raise Unfit(rule="a duration is at most 400d", remedy="write a shorter one")
    return int(total)


def positive_duration_us(value: object) -> int:
    """Microseconds as in `duration_us`, but above 0."""
    result = duration_us(value)
    if not result:
        raise Unfit(rule="a limit of 0 can never be kept", remedy="write a duration above 0, as in 10s")
    return result


def lateness_ms(value: object) -> int:
    """Allowed lateness in milliseconds: whole milliseconds, at most 7 days."""
    result = duration_us(value)
    if result % 1_000:
        raise Unfit(rule="lateness is a whole number of milliseconds", remedy="write it as in 60s")
    if result > 7 * UNITS["d"]:
        raise Unfit(
            rule="lateness is at most 7d, since slices stay open that long", remedy="write a shorter one, as in 60s"
        )
    return result // 1_000


def format_duration(us: int) -> str:
    """The one spelling of ``us`` microseconds, largest units first: 90,000,000 is 1m30s. Inverse of `duration_us`."""
    parts = []
    for unit, size in UNITS.items():
        count, us = divmod(us, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def target(value: object) -> Fraction:
    """Exact share in a percentage above 0 % and at most 100 %, as in "99.9%"."""
    return _target(_text(value, _TARGET_RULE, _as_percentage(value)))


_TARGET_RULE: Final = "a target is a percentage above 0% and at most 100%, with its sign"


@lru_cache(maxsize=256)
def _target(text: str) -> Fraction:
    if not re.match(PERCENTAGE_PATTERN, text):
        raise Unfit(rule=_TARGET_RULE, remedy=_as_percentage(_number(text)))
    share = Fraction(text.strip().removesuffix("%").strip()) / 100
    if not 0 < share <= 1:
        raise Unfit(rule=_TARGET_RULE, remedy="write it as in 99.9%")
    return share


def window(value: object) -> Window:
    """Rolling window in "28d", whole multiples of 10 s, or calendar period in "calendar month"."""
    return _window(_text(value, _WINDOW_RULE, _with_unit(value, "d")).strip())


_WINDOW_RULE: Final = "a window is a duration, as in 28d, or a calendar period, as in calendar month"


@lru_cache(maxsize=256)
def _window(text: str) -> Window:
    words = text.split()
    if words[:1] == ["calendar"] and len(words) == 2 and words[1] in set(Period):  # noqa: PLR2004 - two words
        return Window(f"calendar {words[1]}", period=Period(words[1]))
    if words and words[-1] in set(Period):
        raise Unfit(rule=_WINDOW_RULE, remedy=f"write calendar {words[-1]}")
    if words[:1] == ["calendar"]:
        raise Unfit(rule=f"calendar periods are {', '.join(Period)}", remedy="write calendar month")
    us = duration_us(text)
    if not us or us % SLICE_US:
        raise Unfit(
            rule="a rolling window is a whole multiple of 10s", remedy=f"write {format_duration(_nearest_slice(us))}"
        )
    return Window(format_duration(us), rolling_ms=us // 1_000)


def hours(value: object) -> tuple[Interval, ...]:
    """Opening hours in "09:00-12:00, 13:30-18:00", as sorted minutes of the day; past 1440 after midnight."""
    rule = "hours are written from-until, as in 09:00-12:00, 13:30-18:00, on the 24-hour clock"
    text = _text(value, rule, 'write it as in "09:00-18:00"')
    intervals = sorted(_interval(part.strip(), rule) for part in text.split(","))
    for (_, one_ends), (start, other_ends) in pairwise(intervals):
        if start < one_ends:
            twice = f"{clock(start)} to {clock(min(one_ends, other_ends))}"
            raise Unfit(rule="the hours of a day do not overlap", remedy=f"leave out one of those from {twice}")
    return _joined(intervals)


def days(name: str) -> tuple[int, ...]:
    """Weekdays (Monday is 0) in "mon", "mon-fri", "sat, sun"; a range may pass the week's end, as in "sat-mon"."""
    chosen: list[int] = []
    for part in name.split(","):
        ends = [end.strip() for end in part.split("-")]
        if len(ends) > 2 or any(end not in WEEKDAYS for end in ends):  # noqa: PLR2004 - a range has two ends
            raise Unfit(rule=f"days are {', '.join(WEEKDAYS)} or ranges of them", remedy=_redated(name))
        first, last = WEEKDAYS.index(ends[0]), WEEKDAYS.index(ends[-1])
        chosen += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    if len(chosen) != len(set(chosen)):
        raise Unfit(rule="a day is named once", remedy="write each day once")
    return tuple(chosen)


def dates(value: object) -> tuple[date, ...]:
    """Dates in "2026-10-01" or, both ends included, in "2026-10-01..2026-10-07"."""
    rule = "a date is written 2026-10-01, a range of dates 2026-10-01..2026-10-07"
    text = _text(value, rule, "write it as in 2026-10-01")
    if not re.match(DATES_PATTERN, text):
        raise Unfit(rule=rule, remedy="write it as in 2026-10-01")
    first, last = _date(text[:10]), _date(text[-10:])
    if last < first:
        raise Unfit(rule="a range of dates begins before it ends", remedy=f"write {last}..{first}")
    length = (last - first).days + 1
    if length > MAX_DATES:
        raise Unfit(rule=f"a range has at most {MAX_DATES} dates", remedy="write shorter ranges")
    return tuple(first + timedelta(days=step) for step in range(length))


def clock(minute: int) -> str:
    """Minute of the day as on the clock; past midnight it begins again."""
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def _text(value: object, rule: str, remedy: str) -> str:
    if not isinstance(value, str):
        raise Unfit(rule=rule, remedy=remedy)
    if len(value) > _LONGEST_TEXT * 10:
        raise Unfit(rule=rule, remedy="write it shorter")
    return value


def _with_unit(value: object, unit: str = "s") -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"write {value}{unit}"
    return "write it as in 28d" if unit == "d" else "write it as in 10s"


def _reworded(text: str) -> str:
    """Remedy for "10 seconds", "-5s", "10" and the like."""
    if match := _WORDY.fullmatch(text.strip()):
        unit = "ms" if match[2].lower().startswith("milli") else match[2][0].lower()
        return f"write {match[1]}{unit}"
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return f"write {text.strip()}s"
    return "write it as in 10s"


def _number(text: str) -> object:
    """``text`` as a number where it is one: people quote them, and some write 99,5 %."""
    try:
        return Decimal(text.replace(",", ".").replace("%", "").strip())
    except InvalidOperation:
        return None


def _as_percentage(value: object) -> str:
    """Remedy for a bare number: 0.999 means 99.9 %, 95 means 95 %."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return "write it as in 99.9%"
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or not 0 < number <= 100:  # noqa: PLR2004 - per cent
        return "write it as in 99.9%"
    percent = number * 100 if number <= 1 else number
    return f"write {format(percent.normalize(), 'f')}%"


def _nearest_slice(us: int) -> int:
    return max(1, (us + SLICE_US // 2) // SLICE_US) * SLICE_US


def _interval(text: str, rule: str) -> Interval:
    match = _HOURS.fullmatch(text)
    if not match:
        raise Unfit(rule=rule, remedy='write it as in "09:00-18:00"')
    first, first_minute, last, last_minute = map(int, match.groups())
    start, end = first * 60 + first_minute, last * 60 + last_minute
    if start >= MINUTES_A_DAY or end > MINUTES_A_DAY or max(first_minute, last_minute) >= 60:  # noqa: PLR2004
        raise Unfit(rule="hours are between 00:00 and 24:00, minutes below 60", remedy="write it as in 09:00-18:00")
    if start == end:
        raise Unfit(rule="hours end after they begin", remedy='write "00:00-24:00" for the whole day')
    return (start, end) if start < end else (start, end + MINUTES_A_DAY)


def _joined(intervals: list[Interval]) -> tuple[Interval, ...]:
    """Sorted ``intervals``, those that touch made one: the same hours are always the same value."""
    result: list[Interval] = []
    for start, end in intervals:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return tuple(result)


def _redated(name: str) -> str:
    short = re.sub(r"[a-z]{3,9}", lambda word: word[0][:3], name.lower())
    parts = re.split(r"\s*[-,]\s*", short)
    if all(part in WEEKDAYS for part in parts):
        return f"write {''.join(short.split())}"
    if _HOURS.search(name):
        return 'put all hours of a day in one pair of quotes, as in mon-fri: "09:00-12:00, 13:30-18:00"'
    return "write it as in mon-fri"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unfit(rule=f"the calendar has no {text}", remedy="write a date that exists") from None
