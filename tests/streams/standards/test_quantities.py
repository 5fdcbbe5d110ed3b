"""Quantities as people write them: what each spelling means, exactly, and what to write instead of others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.calendars.periods import Period, Window
from streams.standards.form import quantities
from streams.standards.problems.problems import Unfit


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("10s", 10_000_000),
        ("250ms", 250_000),
        ("1h30m", 5_400_000_000),
        ("1h 30m", 5_400_000_000),
        ("2d", 172_800_000_000),
        ("1.5s", 1_500_000),
        ("0.1s", 100_000),
        ("7us", 7),
        ("7µs", 7),
        (" 10 s ", 10_000_000),
        ("400d", 400 * 86_400_000_000),
        ("0s", 0),
    ],
)
def test_durations(text: str, us: int) -> None:
    assert quantities.duration_us(text) == us


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("95%", Fraction(19, 20)),
        ("99.9%", Fraction(999, 1000)),
        ("100%", Fraction(1)),
        ("0.001%", Fraction(1, 100_000)),
        (" 95 % ", Fraction(19, 20)),
        ("33.333333333%", Fraction(33_333_333_333, 100_000_000_000)),
    ],
)
def test_targets_are_exact(text: str, share: Fraction) -> None:
    assert quantities.target(text) == share


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("28d", Window("28d", rolling_ms=28 * 86_400_000)),
        ("672h", Window("28d", rolling_ms=28 * 86_400_000)),
        ("60m", Window("1h", rolling_ms=3_600_000)),
        ("10s", Window("10s", rolling_ms=10_000)),
        ("calendar month", Window("calendar month", period=Period.MONTH)),
        ("calendar  quarter", Window("calendar quarter", period=Period.QUARTER)),
    ],
)
def test_windows_have_one_name_for_one_meaning(text: str, window: Window) -> None:
    assert quantities.window(text) == window


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("09:00-18:00", ((540, 1080),)),
        ("9:00-12:00,13:30-18:00", ((540, 720), (810, 1080))),
        ("13:30-18:00, 09:00-12:00", ((540, 720), (810, 1080))),
        ("09:00-12:00, 12:00-18:00", ((540, 1080),)),
        ("22:00-06:00", ((1320, 1800),)),
        ("22:00-24:00", ((1320, 1440),)),
        ("22:00-00:00", ((1320, 1440),)),
        ("00:00-24:00", ((0, 1440),)),
    ],
)
def test_hours(text: str, intervals: tuple[tuple[int, int], ...]) -> None:
    assert quantities.hours(text) == intervals


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon", (0,)),
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat, sun", (5, 6)),
        ("sat-mon", (5, 6, 0)),
        ("mon-wed,fri", (0, 1, 2, 4)),
    ],
)
def test_days(text: str, days: tuple[int, ...]) -> None:
    assert quantities.days(text) == days


def test_dates_and_ranges_of_dates() -> None:
    assert quantities.dates("2026-10-10") == (date(2026, 10, 10),)
    assert quantities.dates("2026-10-01..2026-10-07") == tuple(date(2026, 10, day) for day in range(1, 8))


@pytest.mark.parametrize(
    ("read", "value", "rule", "remedy"),
    [
        (quantities.duration_us, 10, "a number and a unit", "write 10s"),
        (quantities.duration_us, "10", "a number and a unit", "write 10s"),
        (quantities.duration_us, "10 seconds", "a number and a unit", "write 10s"),
        (quantities.duration_us, "250 milliseconds", "a number and a unit", "write 250ms"),
        (quantities.duration_us, "2 Days", "a number and a unit", "write 2d"),
        (quantities.duration_us, "-5s", "a number and a unit", "10s"),
        (quantities.duration_us, None, "a number and a unit", "10s"),
        (quantities.duration_us, True, "a number and a unit", "10s"),
        (quantities.duration_us, "30m1h", "largest first", "1h30m"),
        (quantities.duration_us, "1h1h", "largest first", "1h30m"),
        (quantities.duration_us, "0.0000001s", "whole number of microseconds", "fewer decimals"),
        (quantities.duration_us, "401d", "at most 400d", "shorter"),
        (quantities.duration_us, "9" * 500 + "d", "at most 400d", "shorter"),
        (quantities.duration_us, "٣s", "a number and a unit", "10s"),
        (quantities.positive_duration_us, "0s", "can never be kept", "above 0"),
        (quantities.lateness_ms, "1us", "whole number of milliseconds", "60s"),
        (quantities.lateness_ms, "8d", "at most 7d", "shorter"),
        (quantities.target, 0.999, "with its sign", "write 99.9%"),
        (quantities.target, 99.95, "with its sign", "write 99.95%"),
        (quantities.target, 95, "with its sign", "write 95%"),
        (quantities.target, 1, "with its sign", "write 100%"),
        (quantities.target, "0.95", "with its sign", "write 95%"),
        (quantities.target, "99,5 %", "with its sign", "write 99.5%"),
        (quantities.target, "0%", "above 0%", "99.9%"),
        (quantities.target, "100.1%", "at most 100%", "99.9%"),
        (quantities.target, True, "with its sign", "99.9%"),
        (quantities.window, "month", "calendar period", "write calendar month"),
        (quantities.window, "1 week", "calendar period", "write calendar week"),
        (quantities.window, "calendar decade", "day, week, month, quarter, year", "calendar month"),
        (quantities.window, "25s", "multiple of 10s", "write 30s"),
        (quantities.window, "1s", "multiple of 10s", "write 10s"),
        (quantities.window, "0s", "multiple of 10s", "write 10s"),
        (quantities.window, 28, "as in 28d", "write 28d"),
        (quantities.window, "90 days", "a number and a unit", "write 90d"),
        (quantities.hours, "9-5", "from-until", "09:00-18:00"),
        (quantities.hours, 540, "from-until", "09:00-18:00"),
        (quantities.hours, "09:00-25:00", "between 00:00 and 24:00", "09:00-18:00"),
        (quantities.hours, "24:00-06:00", "between 00:00 and 24:00", "09:00-18:00"),
        (quantities.hours, "09:60-10:00", "minutes below 60", "09:00-18:00"),
        (quantities.hours, "09:00-09:00", "end after they begin", "00:00-24:00"),
        (quantities.hours, "09:00-12:00, 11:00-13:00", "do not overlap", "11:00 to 12:00"),
        (quantities.hours, "09:00-18:00, 10:00-11:00", "do not overlap", "10:00 to 11:00"),
        (quantities.hours, "", "from-until", "09:00-18:00"),
        (quantities.days, "Monday", "days are mon", "write mon"),
        (quantities.days, "Mon - Friday", "days are mon", "write mon-fri"),
        (quantities.days, "mon-tue-wed", "days are mon", "mon"),
        (quantities.days, "mon,mon", "named once", "once"),
        (quantities.days, "holiday", "days are mon", "mon-fri"),
        (quantities.days, "13:30-18:00", "days are mon", "one pair of quotes"),
        (quantities.dates, "2026-02-30", "no 2026-02-30", "exists"),
        (quantities.dates, "2026-10-07..2026-10-01", "begins before it ends", "write 2026-10-01..2026-10-07"),
        (quantities.dates, "2026-01-01..2028-01-01", "at most 366", "shorter"),
        (quantities.dates, "1 October", "is written 2026-10-01", "2026-10-01"),
        (quantities.dates, 20261001, "is written 2026-10-01", "2026-10-01"),
    ],
)
def test_what_is_unfit_says_the_rule_and_what_to_write(
    read: Callable[[object], object], value: object, rule: str, remedy: str
) -> None:
    with pytest.raises(Unfit) as caught:
        read(value)
    assert rule in caught.value.rule
    assert remedy in caught.value.remedy


@given(st.integers(0, quantities.MAX_DURATION_US))
def test_a_duration_is_read_as_it_is_spelled(us: int) -> None:
    assert quantities.duration_us(quantities.format_duration(us)) == us


READERS = (
    quantities.duration_us,
    quantities.lateness_ms,
    quantities.target,
    quantities.window,
    quantities.hours,
    quantities.dates,
)
texts = st.text(max_size=30) | st.text(alphabet="0123456789.%dhms :-,calendr", max_size=30)
values = texts | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers(), max_size=2)


@given(st.sampled_from(READERS), values)
def test_no_value_raises_anything_but_unfit(read: Callable[[object], object], value: object) -> None:
    try:
        read(value)
    except Unfit as unfit:
        assert (unfit.rule, unfit.remedy) != ("", "")  # noqa: PT017 - any other outcome is fine


@given(texts)
def test_no_name_of_a_day_raises_anything_but_unfit(name: str) -> None:
    try:
        assert set(quantities.days(name)) <= set(range(7))
    except Unfit as unfit:
        assert unfit.remedy  # noqa: PT017 - any other outcome is fine
