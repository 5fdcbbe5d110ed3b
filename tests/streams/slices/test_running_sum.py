"""Running sums against the sum over the slices that are kept, at every step; windows drawn as timelines."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars.periods import DAY_MS, Period, Window
from streams.slices.history import Grid, History, histories
from streams.slices.running_sum import RunningSum
from streams.slices.slice import LENGTH_MS, Counts, Distributions
from streams.slices.sparse_table import SATURATED, SparseTable
from streams.slices.totals import BucketSlots, CountTotals, DistributionTotals, RatioTotals

HOUR = 3_600_000
ORIGIN = 1_772_409_600_000  # 2026-03-02 00:00:00 UTC
FAR = 1_000  # slices


def counts(total: int) -> Counts:
    table = SparseTable(np.array([1, 4]), np.array([[0, total], [total, total]]))
    return Counts(ratios=table, sums=SparseTable(np.array([2]), np.array([[total, 1]])))


def ratio(totals: RatioTotals) -> int:
    return totals.ratio(4).total


# -- drawn ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "window", "sums"),
    [
        # Each place is a slice of 10 s: how many events in it, and below, what a window of 30 s says at its end.
        ("1.........", 3, "1110000000"),
        ("12.3......", 3, "1335330000"),
        ("1111111111", 3, "1233333333"),
        ("9.....9...", 3, "9990009990"),
        ("5.5.5.5.5.", 1, "5050505050"),
        ("123456789.", 2, "1357913579"),  # sums above nine lose their first digit
    ],
    ids=["one event", "a gap", "steady", "far apart", "a window of one slice", "growing"],
)
def test_a_window_covers_its_last_slices(events: str, window: int, sums: str) -> None:
    history = histories(Grid("UTC"), 400 * DAY_MS)[0]
    running = RunningSum(history, CountTotals)
    found = ""
    for place, drawn in enumerate(events):
        end_ms = ORIGIN + (place + 1) * LENGTH_MS
        if drawn != ".":
            history.append(end_ms - LENGTH_MS, counts(int(drawn)))
        running.move(end_ms - window * LENGTH_MS, end_ms)
        found += str(ratio(running.totals) % 10)
    assert found == sums


@pytest.mark.parametrize(
    ("moves", "sums"),
    [
        # Slices hold 1, 2, 4, 8 … events; the interval moves over them.
        (["###.....", ".###....", "..###..."], [7, 14, 28]),
        (["..###...", ".###....", "###....."], [28, 14, 7]),
        (["..##....", ".####...", "..##...."], [12, 30, 12]),
        (["##......", "......##", "##......"], [3, 192, 3]),
        (["####....", "........", "####...."], [15, 0, 15]),
        (["##......", "..##....", ".##....."], [3, 12, 6]),
        (["########", ".#......", "########"], [255, 2, 255]),
    ],
    ids=["forth", "back", "wider and narrower", "far", "to nothing", "end to end", "within"],
)
def test_intervals_move_back_and_forth(moves: list[str], sums: list[int]) -> None:
    history = histories(Grid("UTC"), 400 * DAY_MS)[0]
    for place in range(8):
        history.append(ORIGIN + place * LENGTH_MS, counts(2**place))
    running = RunningSum(history, CountTotals)
    found = []
    for drawn in moves:
        first, after = drawn.find("#"), drawn.rfind("#") + 1
        running.move(ORIGIN + max(first, 0) * LENGTH_MS, ORIGIN + after * LENGTH_MS)
        found.append(ratio(running.totals))
    assert found == sums


# -- the law ----------------------------------------------------------------------------------------------------------

_WINDOWS = (
    Window("10s", 10_000),
    Window("5m", 300_000),
    Window("1h", HOUR),
    Window("2h", 2 * HOUR),
    Window("1d", DAY_MS),
    Window("9d", 9 * DAY_MS),
    Window("day", period=Period.DAY),
    Window("month", period=Period.MONTH),
)
_GAPS = st.one_of(st.integers(1, 5), st.integers(1, 1_000), st.sampled_from((8_640, 30_000, 300_000)))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(_GAPS, st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=60),
    st.sampled_from(("UTC", "Asia/Shanghai", "America/New_York")),
    st.lists(st.sampled_from(_WINDOWS), min_size=1, max_size=3),
    st.sampled_from((12 * DAY_MS, 400 * DAY_MS)),
)
def test_running_sums_equal_the_sum_over_kept_slices_at_every_step(
    slices: list[tuple[int, int, int]], zone: str, windows: list[Window], retention_ms: int
) -> None:
    history, distributions = histories(Grid(zone), retention_ms)
    running = [(window, RunningSum(history, CountTotals)) for window in windows]
    slots = BucketSlots()
    spread = RunningSum(distributions, partial(DistributionTotals, slots))
    start_ms = 1_772_668_800_000  # three days before New York's clocks go forward
    for gap, total, look in slices:
        start_ms += gap * LENGTH_MS
        history.append(start_ms, counts(total))
        distributions.append(start_ms, _durations(total))
        now_ms = start_ms + LENGTH_MS
        if look:
            history.roll_up(now_ms)
            distributions.roll_up(now_ms)
        for number, (window, sums) in enumerate(running):
            if look != number + 1:  # each window is left alone for a while now and then
                begins = history.start_of(window, now_ms)
                sums.move(begins, now_ms)
                assert (ratio(sums.totals), sums.totals.sums.row(2)[1]) == _added(history, begins, now_ms)
        if look != len(running) + 1:
            begins = distributions.start_of(windows[0], now_ms)
            spread.move(begins, now_ms)
            assert spread.totals.summaries.row(0)[0] == sum(
                int(kept.content.summaries.values[0, 0]) for kept in distributions.between(begins, now_ms)
            )


def _durations(total: int) -> Distributions:
    return Distributions(
        SparseTable(np.array([0]), np.array([[total, total * 5, 5, 5]])),
        SparseTable(np.array([100 + total]), np.array([[total]])),
    )


def _added(history: History[Counts], start_ms: int, end_ms: int) -> tuple[int, int]:
    contents = [kept.content for kept in history.between(start_ms, end_ms)]
    total = sum(int(content.ratios.values[1, 1]) for content in contents)
    return total, sum(int(content.sums.values[0, 1]) for content in contents)


# -- what cannot be taken out any more --------------------------------------------------------------------------------


def test_slices_that_were_forgotten_meanwhile_are_not_counted_any_more() -> None:
    history = histories(Grid("UTC"), 10 * DAY_MS)[0]
    running = RunningSum(history, CountTotals)
    for day in range(8):
        history.append(ORIGIN + day * DAY_MS, counts(1))
    running.move(ORIGIN, ORIGIN + 8 * DAY_MS)
    history.append(ORIGIN + 13 * DAY_MS, counts(1))
    now_ms = ORIGIN + 14 * DAY_MS
    history.roll_up(now_ms)
    running.move(now_ms - 9 * DAY_MS, now_ms)
    assert ratio(running.totals) == 4


def test_a_sum_that_overflowed_is_right_again_once_it_fits() -> None:
    history = histories(Grid("UTC"), 400 * DAY_MS)[0]
    running = RunningSum(history, CountTotals)
    for place in range(3):
        history.append(ORIGIN + place * LENGTH_MS, counts(2**62))
        running.move(ORIGIN, ORIGIN + (place + 1) * LENGTH_MS)
    assert ratio(running.totals) == SATURATED
    running.move(ORIGIN + 2 * LENGTH_MS, ORIGIN + 3 * LENGTH_MS)
    assert ratio(running.totals) == 2**62


def test_slices_that_were_joined_across_the_old_start_are_taken_out_all_the_same() -> None:
    history = histories(Grid("UTC"), 400 * DAY_MS)[0]
    day = Window("1d", DAY_MS)
    for place in range(26 * 12):
        history.append(ORIGIN + place * 300_000, counts(1))  # one every five minutes
    running = RunningSum(history, CountTotals)
    for now_ms in (ORIGIN + DAY_MS + 300_000, ORIGIN + 26 * HOUR):  # the window begins at 00:05, then at 02:00
        history.roll_up(now_ms)
        running.move(history.start_of(day, now_ms), now_ms)
    assert ratio(running.totals) == 24 * 12


def test_slices_that_were_joined_across_the_old_end_are_added_afresh() -> None:
    history = histories(Grid("UTC"), 400 * DAY_MS)[0]
    running = RunningSum(history, CountTotals)
    for place in range(20):
        history.append(ORIGIN + place * LENGTH_MS, counts(1))
    running.move(ORIGIN, ORIGIN + 10 * LENGTH_MS)
    history.roll_up(ORIGIN + 2 * HOUR)
    running.move(ORIGIN, ORIGIN + 2 * HOUR)
    assert ratio(running.totals) == 20


# -- totals -----------------------------------------------------------------------------------------------------------


def test_copies_of_totals_are_independent() -> None:
    totals = CountTotals()
    totals.add(counts(3))
    copy = totals.copy()
    copy.add(counts(4))
    assert (ratio(totals), ratio(copy)) == (3, 7)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5_000), unique=True, max_size=6), max_size=8))
def test_buckets_have_one_slot_each_whatever_the_order_in_which_they_appear(keys: list[list[int]]) -> None:
    slots = BucketSlots()
    for some in keys:
        slots.of(np.array(sorted(some), np.int64))
    known = sorted({key for some in keys for key in some})
    assert len(slots) == len(known)
    found, of_found = slots.in_use()
    assert found.tolist() == known
    assert sorted(of_found.tolist()) == list(range(len(known)))
