"""Closed slices: boundaries of every unit in every zone, roll-up, retention, where windows begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars.local_time import LocalTime, zone_names
from streams.calendars.periods import DAY_MS, Period, Window
from streams.decoding.batch import Batch
from streams.engine.closing import distribution_retention_ms
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.slices.history import (
    COUNT_LEVELS,
    DISTRIBUTION_LEVELS,
    NEVER,
    Grid,
    History,
    SliceUnit,
    histories,
)
from streams.slices.slice import LENGTH_MS, Counts, Distributions
from streams.slices.sparse_table import SparseTable
from streams.standards.model import RequestAvailability
from tests.oracles.logs import objective, standards

HOUR = 3_600_000
MINUTE = 60_000
GRIDS = {
    name: Grid(name) for name in ("UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")
}
ZONES = st.sampled_from(sorted(GRIDS))


def at(text: str) -> int:
    """Milliseconds of an instant in RFC 3339."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


def counts(total: int) -> Counts:
    """One ratio with ``total`` events."""
    return Counts(ratios=SparseTable(np.array([0]), np.array([[total, total]])))


def kept(history: History[Counts]) -> list[tuple[int, int, int]]:
    """Start, end and total of every slice that is kept."""
    return [(k.start_ms, k.end_ms, int(k.content.ratios.values[0, 1])) for k in history.between(-NEVER, NEVER)]


def filled(grid: Grid, starts: list[int], retention_ms: int = 400 * DAY_MS) -> History[Counts]:
    """A history into which slices closed one after the other, each with one event, rolled up every time."""
    history = histories(grid, retention_ms)[0]
    for start in starts:
        history.append(start, counts(1))
        history.roll_up(start + LENGTH_MS)
    return history


# -- boundaries -------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    ZONES, st.integers(0, 32_503_679_999_999), st.sampled_from((SliceUnit.FIVE_MINUTES, SliceUnit.HOUR, SliceUnit.DAY))
)
def test_slices_of_every_unit_are_tiled_by_the_next_finer_ones(zone: str, time_ms: int, unit: SliceUnit) -> None:
    grid = GRIDS[zone]
    start, end = grid.bounds(unit, time_ms)
    assert start <= time_ms < end
    finer, position = SliceUnit(unit - 1), start
    while position < end:
        inner_start, inner_end = grid.bounds(finer, position)
        assert inner_start == position
        assert inner_end > position
        position = inner_end
    assert position == end


@pytest.mark.parametrize(
    ("zone", "unit", "time", "expected"),
    [
        ("America/New_York", SliceUnit.DAY, "2026-03-08T12:00:00Z", ("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z")),
        ("America/New_York", SliceUnit.DAY, "2026-11-01T12:00:00Z", ("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z")),
        ("America/New_York", SliceUnit.HOUR, "2026-11-01T06:30:00Z", ("2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z")),
        ("Asia/Shanghai", SliceUnit.DAY, "2026-03-31T16:00:00Z", ("2026-03-31T16:00:00Z", "2026-04-01T16:00:00Z")),
        ("Asia/Kolkata", SliceUnit.HOUR, "2026-03-31T10:00:00Z", ("2026-03-31T09:30:00Z", "2026-03-31T10:30:00Z")),
        (
            "Australia/Lord_Howe",
            SliceUnit.HOUR,
            "2026-04-05T13:20:00Z",
            ("2026-04-05T13:00:00Z", "2026-04-05T13:30:00Z"),
        ),
        ("UTC", SliceUnit.FIVE_MINUTES, "2026-03-31T10:04:59.999Z", ("2026-03-31T10:00:00Z", "2026-03-31T10:05:00Z")),
        ("UTC", SliceUnit.SLICE, "2026-03-31T10:04:59.999Z", ("2026-03-31T10:04:50Z", "2026-03-31T10:05:00Z")),
    ],
    ids=[
        "a day of 23 hours",
        "a day of 25 hours",
        "the hour that clocks show twice is two hours",
        "midnight in Shanghai is 16:00 of the day before",
        "hours begin at the half in Kolkata",
        "the last hour of a day of 24 and a half hours is half an hour",
        "five minutes",
        "ten seconds",
    ],
)
def test_bounds(zone: str, unit: SliceUnit, time: str, expected: tuple[str, str]) -> None:
    assert Grid(zone).bounds(unit, at(time)) == (at(expected[0]), at(expected[1]))


def test_days_begin_at_slice_boundaries_in_every_zone_there_is() -> None:
    for name in sorted(zone_names()):
        local = LocalTime(name)
        for year in range(1970, 2040):
            time = round(datetime(year, 7, 1, tzinfo=UTC).timestamp() * 1_000)
            assert local.day(time)[0] % LENGTH_MS == 0, (name, year)


# -- roll-up ----------------------------------------------------------------------------------------------------------


def test_slices_grow_coarser_as_they_age() -> None:
    start = at("2026-03-02T08:00:00Z")
    history = filled(GRIDS["UTC"], [start, start + 10_000, start + 5 * MINUTE])
    steps = {
        start + 65 * MINUTE - 10_000: [(start, start + 10_000, 1), (start + 10_000, start + 20_000, 1)],
        start + 65 * MINUTE: [(start, start + 5 * MINUTE, 2)],
        start + 25 * HOUR: [(start, start + HOUR, 3)],
        at("2026-03-11T00:00:00Z"): [(at("2026-03-02T00:00:00Z"), at("2026-03-03T00:00:00Z"), 3)],
    }
    for now, expected in steps.items():
        history.roll_up(now)
        assert kept(history)[: len(expected)] == expected
    assert history.slices == 1


def test_what_nobody_closed_for_months_is_rolled_up_at_once() -> None:
    start = at("2026-03-02T08:00:00Z")
    history = filled(GRIDS["UTC"], [start + i * 10_000 for i in range(300)])
    history.roll_up(start + 100 * DAY_MS)
    assert kept(history) == [(at("2026-03-02T00:00:00Z"), at("2026-03-03T00:00:00Z"), 300)]


def test_distributions_older_than_two_days_are_kept_per_day() -> None:
    history = histories(GRIDS["UTC"], 400 * DAY_MS)[1]
    day = at("2026-03-02T00:00:00Z")
    for hour in range(24):
        history.append(day + hour * HOUR, Distributions(SparseTable(np.array([0]), np.array([[1, 5, 5, 5]]))))
    history.roll_up(day + 3 * DAY_MS - 10_000)
    assert history.slices == 24
    history.roll_up(day + 3 * DAY_MS)
    assert [(k.start_ms, k.end_ms) for k in history.between(0, NEVER)] == [(day, day + DAY_MS)]


@settings(max_examples=60, deadline=None)
@given(ZONES, st.sets(st.integers(0, 20_000), max_size=80), st.lists(st.integers(0, 86_400), max_size=5), st.data())
def test_roll_up_whenever_it_happens_loses_nothing(
    zone: str, starts: set[int], moments: list[int], data: st.DataObject
) -> None:
    origin = data.draw(st.sampled_from((at("2026-03-07T00:00:00Z"), at("2026-10-30T00:00:00Z"), 0)))
    always = filled(GRIDS[zone], [origin + start * LENGTH_MS for start in sorted(starts)])
    seldom = histories(GRIDS[zone], 400 * DAY_MS)[0]
    pending = sorted(moments)
    for start in sorted(starts):
        while pending and pending[0] <= start:
            seldom.roll_up(origin + pending.pop(0) * LENGTH_MS)
        seldom.append(origin + start * LENGTH_MS, counts(1))
    assert sum(total for _, _, total in kept(always)) == len(starts)
    if starts:
        seldom.roll_up(origin + (max(starts) + 1) * LENGTH_MS)
    assert kept(seldom) == kept(always)


def test_slices_past_retention_are_forgotten_whole_days_at_a_time() -> None:
    day = at("2026-03-02T00:00:00Z")
    history = filled(GRIDS["UTC"], [day + i * DAY_MS + 5 * HOUR for i in range(12)], retention_ms=10 * DAY_MS)
    history.roll_up(day + 12 * DAY_MS - 10_000)
    assert kept(history)[0][0] == day + DAY_MS
    history.roll_up(day + 12 * DAY_MS)
    assert kept(history)[0][0] == day + 2 * DAY_MS
    assert history.forgotten_ms == day + 2 * DAY_MS


def test_packing_keeps_what_exceeds_32_bits() -> None:
    history = histories(GRIDS["UTC"], 400 * DAY_MS)[0]
    rows = np.full((100, 2), 2**40)
    for start in range(0, 300_000, 10_000):
        history.append(start, Counts(ratios=SparseTable(np.arange(100), rows)))
    history.roll_up(100 * DAY_MS)
    (only,) = history.between(0, NEVER)
    assert only.content.ratios.values.tolist() == [[30 * 2**40] * 2] * 100


# -- windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "now", "counts_from", "distributions_from"),
    [
        (Window("5m", 300_000), "2026-03-05T10:03:20Z", "2026-03-05T09:58:20Z", None),
        (Window("1h", HOUR), "2026-03-05T10:03:20Z", "2026-03-05T09:03:20Z", None),
        (Window("2h", 2 * HOUR), "2026-03-05T10:03:20Z", "2026-03-05T08:00:00Z", None),
        (Window("1d", DAY_MS), "2026-03-05T10:03:20Z", "2026-03-04T10:00:00Z", None),
        (Window("2d", 2 * DAY_MS), "2026-03-05T10:03:20Z", "2026-03-03T10:00:00Z", None),
        (Window("3d", 3 * DAY_MS), "2026-03-05T10:03:20Z", "2026-03-02T10:00:00Z", "2026-03-02T00:00:00Z"),
        (Window("8d", 8 * DAY_MS), "2026-03-10T10:03:20Z", "2026-03-02T10:00:00Z", "2026-03-02T00:00:00Z"),
        (Window("28d", 28 * DAY_MS), "2026-03-30T10:03:20Z", "2026-03-02T00:00:00Z", None),
        (Window("28d", 28 * DAY_MS), "2026-03-30T00:00:00Z", "2026-03-02T00:00:00Z", None),
    ],
    ids=lambda value: value.name if isinstance(value, Window) else str(value),
)
def test_a_rolling_window_begins_at_a_boundary_of_the_slices_of_that_age(
    window: Window, now: str, counts_from: str, distributions_from: str | None
) -> None:
    of_counts, of_distributions = histories(GRIDS["UTC"], 400 * DAY_MS)
    assert of_counts.start_of(window, at(now)) == at(counts_from)
    assert of_distributions.start_of(window, at(now)) == at(distributions_from or counts_from)


@pytest.mark.parametrize(
    ("zone", "period", "now", "expected"),
    [
        ("Asia/Shanghai", Period.MONTH, "2026-03-31T15:59:50Z", "2026-02-28T16:00:00Z"),
        ("Asia/Shanghai", Period.MONTH, "2026-03-31T16:00:00Z", "2026-02-28T16:00:00Z"),
        ("Asia/Shanghai", Period.MONTH, "2026-03-31T16:00:10Z", "2026-03-31T16:00:00Z"),
        ("Asia/Shanghai", Period.YEAR, "2026-12-31T16:00:10Z", "2026-12-31T16:00:00Z"),
        ("America/New_York", Period.DAY, "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z"),
        ("America/New_York", Period.MONTH, "2026-04-01T03:59:50Z", "2026-03-01T05:00:00Z"),
        ("America/New_York", Period.MONTH, "2026-04-01T04:00:10Z", "2026-04-01T04:00:00Z"),
        ("America/New_York", Period.WEEK, "2026-11-02T04:59:50Z", "2026-10-26T04:00:00Z"),
        ("America/New_York", Period.QUARTER, "2026-07-01T04:00:10Z", "2026-07-01T04:00:00Z"),
    ],
    ids=[
        "Shanghai, just before the month ends",
        "at a month's end the window is the whole month",
        "one slice into the new month",
        "one slice into the new year",
        "a day on which clocks go forward",
        "New York, just before a month ends in summer time that began in winter time",
        "New York, one slice into April",
        "the last slice of a week in which clocks went back",
        "a new quarter",
    ],
)
def test_a_calendar_window_begins_with_its_period(zone: str, period: Period, now: str, expected: str) -> None:
    history = histories(Grid(zone), 400 * DAY_MS)[0]
    assert history.start_of(Window("p", period=period), at(now)) == at(expected)


@settings(max_examples=200, deadline=None)
@given(
    ZONES,
    st.integers(0, 3 * 8_640),
    st.sampled_from((10_000, 300_000, HOUR, 90 * MINUTE, DAY_MS, 3 * DAY_MS, 9 * DAY_MS)),
)
def test_a_slice_leaves_when_the_window_first_begins_behind_it(zone: str, start: int, reach: int) -> None:
    start_ms = at("2026-03-07T00:00:00Z") + start * LENGTH_MS
    window = Window("w", reach)
    for number in range(2):
        history = histories(GRIDS[zone], 400 * DAY_MS)[number]
        history.append(start_ms, Counts() if number == 0 else Distributions())  # type: ignore[arg-type]
        leaves_at = history.leaves_at(window, 0)
        assert history.start_of(window, leaves_at) > start_ms
        assert history.start_of(window, leaves_at - LENGTH_MS) <= start_ms


def test_a_window_without_slices_loses_none() -> None:
    history = filled(GRIDS["UTC"], [0])
    assert history.leaves_at(Window("5m", 300_000), 10_000) == NEVER


def test_levels_grow_older_and_coarser_and_never_end() -> None:
    for levels in (COUNT_LEVELS, DISTRIBUTION_LEVELS):
        assert list(levels) == sorted(levels)
        assert levels[-1].keep_ms == NEVER


@pytest.mark.parametrize(
    ("windows", "days"),
    [
        ([], 40),
        ([Window("7d", rolling_ms=7 * DAY_MS)], 40),
        ([Window("calendar quarter", period=Period.QUARTER), Window("1h", rolling_ms=HOUR)], 94),
        ([Window("60d", rolling_ms=60 * DAY_MS), Window("calendar month", period=Period.MONTH)], 62),
        ([Window("400d", rolling_ms=400 * DAY_MS)], 400),
    ],
)
def test_distributions_are_kept_as_long_as_windows_need_them(windows: list[Window], days: int) -> None:
    measure = RequestAvailability()
    objectives = [objective(window.name, measure, window) for window in windows]
    assert distribution_retention_ms(standards(("hotline", objectives))) == days * DAY_MS
    assert all(window.longest_ms <= distribution_retention_ms(standards(("hotline", objectives))) for window in windows)


def test_standards_with_a_longer_window_keep_distributions_longer_from_then_on() -> None:
    short, quarter = Window("1h", rolling_ms=HOUR), Window("calendar quarter", period=Period.QUARTER)
    first, second = (standards(("a", [objective("o", RequestAvailability(), w)])) for w in (short, quarter))
    first, second = replace(first, digest="first"), replace(second, digest="second")
    engine = Engine(Start("events", 0, first, book={"first": first, "second": second}.get))
    assert engine.closing.distributions.retention_ms == 40 * DAY_MS
    values = [event_at(0), control_records.standards(second.digest, 0), event_at(1), event_at(3_600)]
    engine.fold(Batch.of("events", 0, values))
    engine.advance()
    assert engine.standards == second
    assert engine.closing.distributions.retention_ms == 94 * DAY_MS


def event_at(second: int) -> bytes:
    return b'{"time":%d,"service":"a","duration":1}' % (1_772_438_400 + second)
