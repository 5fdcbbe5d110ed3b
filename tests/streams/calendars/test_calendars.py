"""Local time and the business clock, against a clock that is read minute by minute."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

import pytest
import tzdata  # type: ignore[import-untyped] # its stubs are a package of their own, for one constant
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars import local_time
from streams.calendars.business_hours import Calendar
from streams.calendars.local_time import HOUR_MS, LocalTime, zone
from streams.calendars.periods import DAY_MS, Period

MINUTE_MS = 60_000
NINE_TO_SIX = ((540, 720), (810, 1080))
OFFICE = (NINE_TO_SIX,) * 5 + ((), ())
NIGHTS = (((1320, 1800),),) * 7
ALWAYS = (((0, 1440),),) * 7

#: Zones, each with a date near which its clocks do something odd.
ODD = {
    "UTC": date(2026, 3, 1),
    "Asia/Shanghai": date(2026, 10, 1),
    "Asia/Kolkata": date(2026, 6, 1),
    "Europe/Berlin in spring": date(2026, 3, 29),
    "Europe/Berlin in autumn": date(2026, 10, 25),
    "America/New_York": date(2026, 11, 1),
    "Australia/Lord_Howe in autumn": date(2026, 4, 5),
    "Australia/Lord_Howe in spring": date(2026, 10, 4),
    "America/Sao_Paulo": date(2018, 11, 4),  # skips midnight
    "America/Havana": date(2026, 11, 1),  # sees 00:00 to 01:00 twice
    "America/St_Johns": date(2010, 11, 7),  # turned back at 00:01, so that a minute of the new day came first
    "Pacific/Apia": date(2011, 12, 30),  # a day that never was
}


def ms(text: str) -> int:
    """Instant of an RFC 3339 text."""
    return round(datetime.fromisoformat(text).timestamp()) * 1_000


def at(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000


@lru_cache(maxsize=len(ODD))
def readings(case: str) -> list[tuple[int, datetime]]:
    """What the local clock shows at every minute of eleven days around the odd one, by conversion from UTC alone."""
    local, start = zone(case.split(" ", maxsplit=1)[0]), at(ODD[case]) - 5 * DAY_MS
    instants = range(start, start + 11 * DAY_MS, MINUTE_MS)
    return [(t, datetime.fromtimestamp(t // 1_000, tz=UTC).astimezone(local).replace(tzinfo=None)) for t in instants]


@lru_cache(maxsize=10_000)
def first(case: str, wall: datetime) -> int:
    """First minute at which the clock shows ``wall`` or later."""
    return next(t for t, clock in readings(case) if clock >= wall)


def midnight(day: date, minutes: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - a clock reading


def local(case: str) -> LocalTime:
    return LocalTime(case.split(" ", maxsplit=1)[0])


cases = st.sampled_from(sorted(ODD))
minutes_near = st.integers(-2 * 1_440, 3 * 1_440)


@given(cases, minutes_near)
@settings(deadline=None)
def test_a_day_begins_at_the_first_minute_on_which_the_clock_shows_its_date(case: str, minute: int) -> None:
    t = at(ODD[case]) + minute * MINUTE_MS
    start, end = local(case).day(t)
    days = sorted({first(case, midnight(ODD[case] + timedelta(days=step))) for step in range(-4, 5)})
    assert start == max(day for day in days if day <= t)
    assert end == min(day for day in days if day > t)


@given(cases, st.integers(-400 * DAY_MS, 400 * DAY_MS), st.sampled_from([None, *Period]))
@settings(deadline=None)
def test_days_and_periods_tile_time(case: str, offset: int, kind: Period | None) -> None:
    t, time = at(ODD[case]) + offset, local(case)

    def look_up(instant: int) -> tuple[int, int]:
        return time.day(instant) if kind is None else time.period(kind, instant)

    start, end = look_up(t)
    assert start <= t < end
    assert look_up(start) == look_up(end - 1) == (start, end)
    assert look_up(end)[0] == end
    assert look_up(start - 1)[1] == start


@given(cases, st.integers(-3 * DAY_MS, 3 * DAY_MS))
@settings(deadline=None)
def test_hours_tile_their_day_and_only_the_last_is_cut(case: str, offset: int) -> None:
    t, time = at(ODD[case]) + offset, local(case)
    hours = time.hours(t)
    assert (hours[0][0], hours[-1][1]) == time.day(t)
    assert all(left[1] == right[0] for left, right in pairwise(hours))
    assert all(end - start == HOUR_MS for start, end in hours[:-1])
    assert 0 < hours[-1][1] - hours[-1][0] <= HOUR_MS
    assert time.hour(t) == next((start, end) for start, end in hours if start <= t < end)


@given(cases, st.integers(-400 * DAY_MS, 400 * DAY_MS))
@settings(deadline=None)
def test_periods_are_made_of_whole_days(case: str, offset: int) -> None:
    t, time = at(ODD[case]) + offset, local(case)
    previous = time.day(t)
    for kind in Period:
        start, end = time.period(kind, t)
        assert time.day(start)[0] == start
        assert time.day(end)[0] == end
        if kind is not Period.WEEK:  # which is no part of a month
            assert start <= previous[0] < previous[1] <= end
            previous = start, end


@pytest.mark.parametrize(
    ("zone_name", "noon", "hours"),
    [
        pytest.param("Europe/Berlin", "2026-03-29T12:00+02:00", 23, id="spring in Berlin has 23 hours"),
        pytest.param("Europe/Berlin", "2026-10-25T12:00+01:00", 25, id="autumn in Berlin has 25"),
        pytest.param("Europe/Berlin", "2026-06-01T12:00+02:00", 24, id="other days have 24"),
        pytest.param("Australia/Lord_Howe", "2026-10-04T12:00+11:00", 23.5, id="Lord Howe moves by half an hour"),
        pytest.param("Australia/Lord_Howe", "2026-04-05T12:00+10:30", 24.5, id="and back"),
        pytest.param("Asia/Kolkata", "2026-10-25T12:00+05:30", 24, id="Kolkata never moves"),
        pytest.param("America/Sao_Paulo", "2018-11-04T12:00-02:00", 23, id="a day that begins at one o'clock"),
    ],
)
def test_length_of_a_day(zone_name: str, noon: str, hours: float) -> None:
    start, end = LocalTime(zone_name).day(ms(noon))
    assert (end - start) / HOUR_MS == hours


def test_the_day_that_apia_never_had_has_no_instant() -> None:
    apia = LocalTime("Pacific/Apia")
    start, end = apia.day(ms("2011-12-29T12:00-10:00"))
    assert end == ms("2011-12-30T00:00-10:00")
    assert apia.local_date(end) == date(2011, 12, 31)
    assert apia.start_of(date(2011, 12, 30)) == apia.start_of(date(2011, 12, 31)) == end
    assert end - start == DAY_MS


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        (Period.DAY, "2026-05-13T00:00+08:00", "2026-05-14T00:00+08:00"),
        (Period.WEEK, "2026-05-11T00:00+08:00", "2026-05-18T00:00+08:00"),
        (Period.MONTH, "2026-05-01T00:00+08:00", "2026-06-01T00:00+08:00"),
        (Period.QUARTER, "2026-04-01T00:00+08:00", "2026-07-01T00:00+08:00"),
        (Period.YEAR, "2026-01-01T00:00+08:00", "2027-01-01T00:00+08:00"),
    ],
)
def test_periods_of_a_wednesday_in_may(kind: Period, start: str, end: str) -> None:
    t = ms("2026-05-13T09:30+08:00")
    assert local_time.period(kind, t, "Asia/Shanghai") == (ms(start), ms(end))


def test_zones_come_from_the_wheel_and_not_from_the_system() -> None:
    try:
        zoneinfo.reset_tzpath(to=[])
        zone.cache_clear()
        assert LocalTime("Europe/Berlin").day(ms("2026-03-29T12:00+02:00"))[0] == ms("2026-03-29T00:00+01:00")
    finally:
        zoneinfo.reset_tzpath()
    assert local_time.TZDATA_VERSION == tzdata.IANA_VERSION


@pytest.mark.parametrize("name", ["Asia/Beijing", "", "../zones", "/etc/passwd", "Asia", "UTC\0"])
def test_an_unknown_zone_is_a_lookup_error(name: str) -> None:
    with pytest.raises(LookupError, match="no time zone"):
        LocalTime(name)


opening = st.integers(0, 1439) | st.sampled_from([0, 1, 30, 90, 150])  # within hours that are skipped or seen twice
shifts = st.lists(st.tuples(opening, st.integers(1, 1440) | st.just(20)), max_size=3).map(
    lambda found: tuple(sorted((start, start + length) for start, length in found))
)
weeks = st.lists(shifts, min_size=7, max_size=7).filter(any).map(tuple)
steps = st.frozensets(st.integers(-3, 3), max_size=2)


@given(cases, weeks, steps, steps, minutes_near, st.integers(0, 2 * 1_440))
@settings(deadline=None, max_examples=60)
def test_worked_time_is_what_a_clock_read_every_minute_counts(
    case: str,
    week: tuple[tuple[tuple[int, int], ...], ...],
    holidays: frozenset[int],
    workdays: frozenset[int],
    minute: int,
    length: int,
) -> None:
    day = ODD[case]
    closed = frozenset(day + timedelta(days=step) for step in holidays)
    opened = frozenset(day + timedelta(days=step) for step in workdays)
    calendar = Calendar(case.split(" ", maxsplit=1)[0], week, closed, opened)
    start = at(day) + minute * MINUTE_MS
    end = start + length * MINUTE_MS

    def hours(each: date) -> tuple[tuple[int, int], ...]:
        usual = week[each.weekday()]
        if each in opened:
            return usual or next(some for some in week if some)
        return () if each in closed else usual

    spans = [
        (first(case, midnight(each, opens)), first(case, midnight(each, closes)))
        for each in (day + timedelta(days=step) for step in range(-4, 5))
        for opens, closes in hours(each)
        if midnight(each, closes) <= midnight(day, 5 * 1_440)
    ]
    latest = min(end, first(case, midnight(day, 4 * 1_440)))
    worked = sum(any(a <= t < b for a, b in spans) for t in range(start, latest, MINUTE_MS))
    assert calendar.worked_ms(start, latest) == worked * MINUTE_MS


@given(cases, weeks, st.integers(-DAY_MS, DAY_MS), st.integers(1, 100 * HOUR_MS))
@settings(deadline=None)
def test_the_deadline_is_the_first_instant_at_which_the_time_is_worked(
    case: str, week: tuple[tuple[tuple[int, int], ...], ...], offset: int, worked: int
) -> None:
    calendar, start = Calendar(case.split(" ", maxsplit=1)[0], week), at(ODD[case]) + offset
    due = calendar.add(start, worked)
    assert calendar.worked_ms(start, due) == worked
    assert calendar.worked_ms(start, due - 1) == worked - 1


@given(cases, weeks, st.lists(st.integers(-3 * DAY_MS, 3 * DAY_MS), min_size=3, max_size=3).map(sorted))
@settings(deadline=None)
def test_worked_time_adds_up(case: str, week: tuple[tuple[tuple[int, int], ...], ...], offsets: list[int]) -> None:
    calendar = Calendar(case.split(" ", maxsplit=1)[0], week)
    a, b, c = (at(ODD[case]) + offset for offset in offsets)
    assert calendar.worked_ms(a, b) + calendar.worked_ms(b, c) == calendar.worked_ms(a, c) <= c - a


@pytest.mark.parametrize(
    ("calendar", "start", "hours", "due"),
    [
        pytest.param(
            Calendar("Asia/Shanghai", OFFICE), "2026-05-13T11:00+08:00", 2, "2026-05-13T14:30+08:00",
            id="the lunch break does not count",
        ),
        pytest.param(
            Calendar("Asia/Shanghai", OFFICE), "2026-05-13T15:00+08:00", 3, "2026-05-13T18:00+08:00",
            id="what fills the day is due at closing time",
        ),
        pytest.param(
            Calendar("Asia/Shanghai", OFFICE), "2026-05-15T17:00+08:00", 2, "2026-05-18T10:00+08:00",
            id="the weekend does not count",
        ),
        pytest.param(
            Calendar("Asia/Shanghai", OFFICE), "2026-05-16T12:00+08:00", 0, "2026-05-16T12:00+08:00",
            id="nothing to work is due at once, even on Saturday",
        ),
        pytest.param(
            Calendar("Asia/Shanghai", OFFICE, frozenset({date(2026, 5, 14)}), frozenset({date(2026, 5, 16)})),
            "2026-05-13T18:00+08:00", 10, "2026-05-16T11:30+08:00",
            id="a holiday is skipped and a make-up Saturday has Monday's hours",
        ),
        pytest.param(
            Calendar("Asia/Shanghai", NIGHTS), "2026-05-13T12:00+08:00", 3, "2026-05-14T01:00+08:00",
            id="a night shift runs across midnight",
        ),
        pytest.param(
            Calendar("Asia/Shanghai", NIGHTS, frozenset({date(2026, 5, 14)})), "2026-05-14T05:00+08:00", 2,
            "2026-05-15T23:00+08:00",
            id="a holiday leaves the shift alone that began the evening before",
        ),
        pytest.param(
            Calendar("Europe/Berlin", NIGHTS), "2026-03-28T22:00+01:00", 7, "2026-03-29T06:00+02:00",
            id="a night in spring has seven hours",
        ),
        pytest.param(
            Calendar("Europe/Berlin", NIGHTS), "2026-10-24T22:00+02:00", 9, "2026-10-25T06:00+01:00",
            id="a night in autumn has nine",
        ),
        pytest.param(
            Calendar("Europe/Berlin", ALWAYS), "2026-03-28T12:00+01:00", 48, "2026-03-30T13:00+02:00",
            id="open round the clock is elapsed time",
        ),
        pytest.param(
            Calendar("Europe/Berlin", (((150, 360),),) * 7), "2026-03-29T00:00+01:00", 1, "2026-03-29T04:00+02:00",
            id="hours that begin within the skipped hour begin after it",
        ),
        pytest.param(
            Calendar("Europe/Berlin", (((150, 180),),) * 7), "2026-10-25T00:00+02:00", 1,
            "2026-10-25T02:30+01:00",
            id="hours that begin within the hour seen twice begin at the first",
        ),
    ],
)  # fmt: skip
def test_deadlines(calendar: Calendar, start: str, hours: int, due: str) -> None:
    assert calendar.add(ms(start), hours * HOUR_MS) == ms(due)


def test_the_office_is_open_from_the_first_to_the_last_millisecond_of_its_hours() -> None:
    office = Calendar("Asia/Shanghai", OFFICE)
    opens = ms("2026-05-13T09:00+08:00")
    assert [office.is_open(opens + step) for step in (-1, 0, 3 * HOUR_MS - 1, 3 * HOUR_MS)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_overlapping_shifts_count_once() -> None:
    both = Calendar("UTC", (((1320, 1800), (1380, 1500)),) * 7)
    assert both.worked_ms(0, DAY_MS) == Calendar("UTC", NIGHTS).worked_ms(0, DAY_MS)


@pytest.mark.parametrize("week", [((),) * 7, (NINE_TO_SIX,) * 6], ids=["never open", "six days"])
def test_a_clock_that_never_runs_is_refused(week: tuple[tuple[tuple[int, int], ...], ...]) -> None:
    with pytest.raises(ValueError, match="seven days"):
        Calendar("UTC", week)
