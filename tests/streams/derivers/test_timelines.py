"""Timelines, drawn: a place is a second, a slice is ten; U and D a probe that says up or down."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.derivers.timelines import DEFAULT_HOLD_MS, Probe, Timelines

S = 1_000
SLICE = 10 * S


def probes(drawn: str, source: str, holds_s: float, first_offset: int = 0) -> list[Probe]:
    """The probes of one source, in the order of time."""
    return [
        Probe(place * S, first_offset + place, "desk", "", source, mark == "U", round(holds_s * S))
        for place, mark in enumerate(drawn)
        if mark in "UD"
    ]


def observed(given_probes: list[Probe], slices: int) -> list[tuple[int, int]]:
    """Milliseconds up and down of each slice, from probes in any order."""
    timelines, found = Timelines(), []
    for number in range(slices):
        start, end = number * SLICE, (number + 1) * SLICE
        mine = [probe for probe in given_probes if start <= probe.time_ms < end]
        if mine or timelines.next_start_ms is not None:
            assert timelines.next_start_ms in (None, start)
            seen = timelines.pass_slice(start, end, mine)
            found.append((sum(o.up_ms for o in seen), sum(o.down_ms for o in seen)))
        else:
            found.append((0, 0))
    return found


def looked_ahead(given_probes: list[Probe], passed: int, borders: list[int]) -> list[tuple[int, int]]:
    """Milliseconds up and down of the intervals that ``borders`` cut, as seen behind so many ``passed`` slices."""
    timelines = Timelines()
    for number in range(passed):
        start, end = number * SLICE, (number + 1) * SLICE
        timelines.pass_slice(start, end, [probe for probe in given_probes if start <= probe.time_ms < end])
    before = timelines.snapshot()
    seen = timelines.look_ahead([probe for probe in given_probes if probe.time_ms >= passed * SLICE], borders)
    assert timelines.snapshot() == before, "looking changes nothing"
    return [(sum(o.up_ms for o in part), sum(o.down_ms for o in part)) for part in seen]


def seconds(drawn: str) -> list[tuple[int, int]]:
    """What a row of u, d and . amounts to, slice by slice."""
    parts = [drawn[i : i + 10] for i in range(0, len(drawn), 10)]
    return [(part.count("u") * S, part.count("d") * S) for part in parts]


# Each source with its probes and how many seconds they hold; the last row is what was observed.
DRAWN: dict[str, tuple[list[tuple[str, float]], str]] = {
    "a probe holds as long as it says, over slice ends": (
        [("....U...............", 12)],
        "....uuuuuuuuuuuu....",
    ),
    "it holds until the next of its source": (
        [("..U....D..U.........", 60)],
        "..uuuuudddu" + "u" * 9,
    ),
    "what no probe holds for is in neither number": (
        [("U.........D.........", 3)],
        "uuu.......ddd.......",
    ),
    "down wins where sources overlap": (
        [("U...................", 20), ("....D...............", 6)],
        "uuuudddddduuuuuuuuuu",
    ),
    "down wins until every source is up": (
        [("D.....U.............", 30), ("..D.........U.......", 30)],
        "dddddddddddduuuuuuuu",
    ),
    "what one source does not see another may": (
        [("U.........U.........", 5), (".....U..............", 5)],
        "uuuuuuuuuuuuuuu.....",
    ),
    "an older probe does not come back when a newer one has run out": (
        [("U..U................", 2)],
        "uu.uu...............",
    ),
    "a later probe that holds less ends what it replaces": (
        [("U" + "." * 19, 20), ("." * 20, 1)],
        "u" * 20,
    ),
    "a hold that ends with its slice": (
        [("U.........D.........", 10)],
        "uuuuuuuuuudddddddddd",
    ),
}


@pytest.mark.parametrize(("sources", "expected"), DRAWN.values(), ids=DRAWN)
def test_what_is_observed(sources: list[tuple[str, float]], expected: str) -> None:
    made = [
        probe
        for number, (drawn, holds) in enumerate(sources)
        for probe in probes(drawn, f"source {number}", holds, 100 * number)
    ]
    assert observed(made, len(expected) // 10) == seconds(expected)
    assert observed(made[::-1], len(expected) // 10) == seconds(expected)


def test_a_shorter_hold_replaces_a_longer_one() -> None:
    long, short = Probe(0, 0, "desk", "", "x", True, 20 * S), Probe(5 * S, 1, "desk", "", "x", True, 2 * S)
    assert observed([long, short], 3) == [(7 * S, 0), (0, 0), (0, 0)]


def test_zero_hold_silences_its_source() -> None:
    up, silence = Probe(0, 0, "desk", "", "x", True, 20 * S), Probe(5 * S, 1, "desk", "", "x", False, 0)
    assert observed([up, silence], 2) == [(5 * S, 0), (0, 0)]
    assert observed([silence], 2) == [(0, 0), (0, 0)]


def test_of_two_probes_at_the_same_moment_the_later_in_the_log_counts() -> None:
    first, second = Probe(0, 4, "desk", "", "x", True, 5 * S), Probe(0, 5, "desk", "", "x", False, 5 * S)
    assert observed([second, first], 1) == [(0, 5 * S)]


def test_repeating_a_probe_changes_nothing_but_its_hold() -> None:
    repeated = [Probe(i * S, i, "desk", "", "x", True, 3 * S) for i in (0, 0, 1, 2, 2)]
    assert observed(repeated, 1) == [(5 * S, 0)]


def test_steps_and_services_have_timelines_of_their_own() -> None:
    timelines = Timelines()
    made = [
        Probe(0, 0, "desk", "", "x", True, 4 * S),
        Probe(1 * S, 1, "desk", "door", "x", False, 4 * S),
        Probe(2 * S, 2, "ward", "", "x", True, 20 * S),
    ]
    found = {(o.service, o.step): (o.up_ms, o.down_ms) for o in timelines.pass_slice(0, SLICE, made)}
    assert found == {("desk", ""): (4 * S, 0), ("desk", "door"): (0, 4 * S), ("ward", ""): (8 * S, 0)}
    assert timelines.next_start_ms == SLICE
    assert [o.up_ms for o in timelines.pass_slice(SLICE, 2 * SLICE, [])] == [SLICE]
    assert [o.up_ms for o in timelines.pass_slice(2 * SLICE, 3 * SLICE, [])] == [2 * S]
    assert timelines.next_start_ms is None


def test_a_probe_holds_a_minute_unless_it_says() -> None:
    assert DEFAULT_HOLD_MS == 60 * S


_PROBES = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abc"), st.booleans(), st.integers(0, 40)), max_size=25
)


@settings(max_examples=200)
@given(_PROBES)
def test_every_second_is_as_the_sources_last_said(drawn: list[tuple[int, str, bool, int]]) -> None:
    made = [
        Probe(time * S, offset, "desk", "", source, up, holds * S)
        for offset, (time, source, up, holds) in enumerate(drawn)
    ]
    row = ""
    for second in range(110):
        last: dict[str, Probe] = {}
        for probe in sorted(made):
            if probe.time_ms <= second * S:
                last[probe.source] = probe
        said = [probe.up for probe in last.values() if probe.time_ms + probe.holds_ms > second * S]
        row += "." if not said else "u" if all(said) else "d"
    assert observed(made, 11) == seconds(row)


def test_looking_ahead_takes_probes_in_any_order() -> None:
    made = [*probes("U..................." + "." * 10 + "D", "x", 5, 10), *probes("..........U", "y", 5)]
    expected = [(5 * S, 0), (5 * S, 0), (0, 5 * S)]
    assert looked_ahead(made, 0, [SLICE, 3 * SLICE]) == expected
    assert looked_ahead(made[::-1], 0, [SLICE, 3 * SLICE]) == expected


@settings(max_examples=200)
@given(_PROBES, st.integers(0, 7), st.lists(st.integers(0, 11), max_size=4))
def test_looking_ahead_sees_what_comes_to_pass_wherever_time_is_cut(
    drawn: list[tuple[int, str, bool, int]], passed: int, cuts: list[int]
) -> None:
    made = [
        Probe(time * S, offset, "desk", "", source, up, holds * S)
        for offset, (time, source, up, holds) in enumerate(drawn)
    ]
    by_slice = observed(made, 11)
    places = [max(cut, passed) for cut in sorted(cuts)]  # what has been passed is not seen again
    intervals = pairwise([passed, *places, 11])
    assert looked_ahead(made, passed, [cut * SLICE for cut in sorted(cuts)]) == [
        (sum(up for up, _ in by_slice[first:after]), sum(down for _, down in by_slice[first:after]))
        for first, after in intervals
    ]
