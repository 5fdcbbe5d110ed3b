"""The router: which ratio an interaction counts in and how, with the published formulas worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars.periods import Window
from streams.decoding.columns import durations_us
from streams.decoding.inferred_schema import floats
from streams.decoding.key_dictionary import KeyDictionary
from streams.engine.eras import Era
from streams.engine.open_slices import OpenSlices, contents
from streams.events.event import Event
from streams.events.key import EventKey
from streams.routing.router import Router
from streams.routing.series_catalogue import SeriesCatalogue
from streams.routing.verdicts import judge
from streams.slices.distribution import LONGEST_US
from streams.slices.slice import Counts
from streams.slices.sparse_table import IntArray
from streams.standards.model import (
    Abandonment,
    FailureFree,
    Measure,
    ProbeAvailability,
    RequestAvailability,
    ResponseTimeWithin,
    Standards,
    Verdict,
)
from tests.oracles.logs import FORMULAS, INTERACTIONS, objective, standards
from tests.oracles.verdicts import judge as judge_naively

S = 1_000_000  # microseconds
WEEK = Window("7d", 604_800_000)
GOOD, BAD, EXCLUDED = Verdict.GOOD, Verdict.BAD, Verdict.EXCLUDED


def event(**fields: Any) -> Event:
    return msgspec.convert({"time": 0, "service": "hotline", **fields}, Event)


def new(judged_by: Standards) -> Router:
    """A router over a catalogue that has nothing but its objectives."""
    return Era.follow(None, judged_by, 0, SeriesCatalogue(), KeyDictionary()).router


def routed(router: Router, events: Sequence[Event]) -> IntArray:
    """Routes of events of one day."""
    zeros = np.zeros(len(events), np.int64)
    return router.routes(np.array(router._names.codes_of(events), np.int64), zeros, zeros)


def counted(router: Router, events: Sequence[Event]) -> Counts:
    """What ``router`` makes of events of one slice."""
    opened = OpenSlices(router)
    opened.add(
        np.zeros(len(events), np.int64),
        routed(router, events),
        durations_us(floats([event.duration for event in events])),
    )
    ((counts,), _) = contents(router, [opened.at(0)])
    return counts


def ratio(measure: Measure, events: Sequence[Event]) -> tuple[int, int]:
    """Good and total of ``measure`` over ``events``."""
    router = new(standards(("hotline", [objective("o", measure, WEEK)])))
    return of(counted(router, events), router.objectives["hotline", "o"])


def of(counts: Counts, number: int) -> tuple[int, int]:
    rows = dict(zip(counts.ratios.keys.tolist(), counts.ratios.values.tolist(), strict=True))
    good, total = rows.get(number, (0, 0))
    return good, total


# -- contact centres --------------------------------------------------------------------------------------------------

#: 100 calls offered: 70 answered within 10 s, 15 later; 15 abandoned: 4 within 5 s, 3 more within 10 s, 8 later.
CALLS = [
    *[event(duration=6)] * 70,
    *[event(duration=25)] * 15,
    *[event(outcome="abandoned", duration=2)] * 4,
    *[event(outcome="abandoned", duration=8)] * 3,
    *[event(outcome="abandoned", duration=40)] * 8,
]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("of-offered", (70, 100)),
        ("of-answered", (70, 85)),
        ("abandoned-in-time-good", (77, 100)),
        ("short-abandons-excluded", (70, 96)),
    ],
)
def test_the_four_published_service_levels(formula: str, expected: tuple[int, int]) -> None:
    assert ratio(ResponseTimeWithin(10 * S, abandoned=FORMULAS[formula]), CALLS) == expected


def test_answered_and_availability_of_the_same_calls() -> None:
    router = new(standards())
    counts = counted(router, [*CALLS, event(outcome="failed")])
    series = router._catalogue.steps["hotline", ""]
    assert of(counts, series.answered) == (86, 101)
    assert of(counts, series.availability) == (85, 86)
    assert Fraction(*of(counts, series.answered)) == 1 - Fraction(15, 101)


@pytest.mark.parametrize(
    ("short", "waited", "expected"),
    [
        (5 * S, 4.999999, EXCLUDED),
        (5 * S, 5, GOOD),
        (5 * S, 10, GOOD),
        (5 * S, 10.000001, BAD),
        (5 * S, None, BAD),
        (10 * S, 9.999999, EXCLUDED),
        (10 * S, 10, GOOD),
        (10 * S, 10.000001, BAD),
        (15 * S, 14.999999, EXCLUDED),
        (15 * S, 15, BAD),
        (1, 0, EXCLUDED),
        (1, 0.000001, GOOD),
        (0, 0, GOOD),
    ],
)
def test_short_abandons_are_shorter_than_the_limit(short: int, waited: float | None, expected: Verdict) -> None:
    measure = ResponseTimeWithin(10 * S, abandoned=Abandonment(GOOD, BAD, short))
    assert ratio(measure, [event(outcome="abandoned", duration=waited)]) == as_ratio(expected)


def as_ratio(verdict: Verdict) -> tuple[int, int]:
    return {GOOD: (1, 1), BAD: (0, 1), EXCLUDED: (0, 0)}[verdict]


# -- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 999_999, 10 * S, 900 * S, LONGEST_US - 1, LONGEST_US])
def test_the_limit_itself_is_in_time_to_the_microsecond(limit: int) -> None:
    measure = ResponseTimeWithin(limit)
    assert ratio(measure, [event(duration=(limit - 1) / S), event(duration=limit / S)]) == (2, 2)
    if limit < LONGEST_US:
        assert ratio(measure, [event(duration=(limit + 1) / S)]) == (0, 1)


def test_limits_beyond_what_can_be_measured_do_not_disturb_others() -> None:
    long, short = ResponseTimeWithin(2**60), ResponseTimeWithin(S)
    router = new(standards(("a", [objective("o", long, WEEK)]), ("b", [objective("o", short, WEEK)])))
    events = [event(service=service, duration=d) for service in "ab" for d in (0, 1, 2, 34_560_000)]
    counts = counted(router, events)
    assert of(counts, router.objectives["a", "o"]) == (4, 4)
    assert of(counts, router.objectives["b", "o"]) == (2, 4)


@pytest.mark.parametrize(
    ("fields", "failed", "expected"),
    [
        ({}, BAD, EXCLUDED),
        ({"duration": 3}, BAD, GOOD),
        ({"outcome": "failed"}, BAD, BAD),
        ({"outcome": "failed", "duration": 3}, BAD, BAD),
        ({"outcome": "failed", "duration": 3}, EXCLUDED, EXCLUDED),
        ({"outcome": "failed"}, GOOD, GOOD),
        ({"outcome": "abandoned"}, BAD, BAD),
    ],
    ids=[
        "served without a duration cannot be judged",
        "served in time",
        "failed",
        "failed in time is failed",
        "failed where failures are excluded",
        "failed where failures are good",
        "abandoned without a duration",
    ],
)
def test_response_times(fields: dict[str, Any], failed: Verdict, expected: Verdict) -> None:
    assert ratio(ResponseTimeWithin(10 * S, failed=failed), [event(**fields)]) == as_ratio(expected)


# -- matching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "fields", "matches"),
    [
        (RequestAvailability(), {}, True),
        (RequestAvailability(), {"step": "ring", "class": "gold"}, True),
        (RequestAvailability("ring"), {"step": "ring"}, True),
        (RequestAvailability("ring"), {"step": "door"}, False),
        (RequestAvailability("ring"), {}, False),
        (RequestAvailability(""), {}, True),
        (RequestAvailability(""), {"step": ""}, True),
        (RequestAvailability(""), {"step": "ring"}, False),
        (RequestAvailability(None, "gold"), {"class": "gold"}, True),
        (RequestAvailability(None, "gold"), {"class": "silver"}, False),
        (RequestAvailability(None, "gold"), {}, False),
        (RequestAvailability("ring", "gold"), {"step": "ring", "class": "gold"}, True),
        (RequestAvailability(), {"service": "another"}, False),
        (RequestAvailability(), {"kind": "feedback", "score": 1}, False),
        (RequestAvailability(), {"kind": "case", "case": "c", "transition": "opened", "failure_point": "x"}, False),
        (ProbeAvailability(), {}, False),
    ],
)
def test_which_interactions_an_objective_judges(measure: Measure, fields: dict[str, Any], matches: bool) -> None:
    assert ratio(measure, [event(**fields)]) == ((1, 1) if matches else (0, 0))


@pytest.mark.parametrize(
    ("points", "fields", "expected"),
    [
        ((), {}, GOOD),
        ((), {"failure_point": "rude"}, BAD),
        ((), {"outcome": "failed"}, BAD),
        ((), {"outcome": "abandoned"}, GOOD),
        ((), {"failure_point": ""}, GOOD),
        (("rude",), {"failure_point": "rude"}, BAD),
        (("rude",), {"failure_point": "queue"}, GOOD),
        (("rude",), {"outcome": "failed"}, GOOD),
        (("unspecified",), {"outcome": "failed"}, BAD),
    ],
)
def test_failure_free(points: tuple[str, ...], fields: dict[str, Any], expected: Verdict) -> None:
    assert ratio(FailureFree(frozenset(points)), [event(**fields)]) == as_ratio(expected)


def test_failures_are_counted_by_fail_point() -> None:
    router = new(standards())
    case = {"kind": "case", "case": "c", "transition": "resolved"}
    counts = counted(
        router,
        [
            event(outcome="failed"),
            event(outcome="failed", failure_point="rude"),
            event(failure_point="rude"),
            event(failure_point="rude", **case),
            event(kind="check", item="i", passed=False, failure_point="dirty"),
            event(kind="feedback", score=1, failure_point="no fail point of feedback"),
            event(),
        ],
    )
    rows = dict(zip(counts.sums.keys.tolist(), counts.sums.values[:, 0].tolist(), strict=True))
    found = {name: rows[number] for name, number in router._catalogue.steps["hotline", ""].failures.items()}
    assert found == {"unspecified": 1, "rude": 3, "dirty": 1}


# -- many at once -----------------------------------------------------------------------------------------------------

_MEASURES: tuple[Measure, ...] = (
    *[ResponseTimeWithin(10 * S, abandoned=abandoned) for abandoned in FORMULAS.values()],
    ResponseTimeWithin(5 * S, "ring", "gold", Abandonment(GOOD, BAD, 12 * S), EXCLUDED),
    RequestAvailability(class_="gold"),
    FailureFree(frozenset({"rude"})),
    FailureFree(step="door"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(INTERACTIONS, max_size=40), st.integers(1, 40))
def test_objectives_that_share_cells_count_each_by_its_own_rule(events: list[dict[str, Any]], cut: int) -> None:
    named = [objective(str(i), measure, WEEK) for i, measure in enumerate(_MEASURES)]
    router = new(standards(("hotline", named), ("desk", named[::2])))
    parts = [[event(**one) for one in part] for part in (events[:cut], events[cut:])]
    total = Counts.add([counted(router, part) for part in parts if part])
    for (service, name), number in router.objectives.items():
        verdicts = [judge_naively(_MEASURES[int(name)], one) for one in events if one["service"] == service]
        assert of(total, number) == (verdicts.count(GOOD), verdicts.count(GOOD) + verdicts.count(BAD))


def test_verdicts_by_band() -> None:
    key = EventKey("interaction", "hotline", "", None, None, "abandoned")
    measure = ResponseTimeWithin(10 * S, abandoned=Abandonment(GOOD, BAD, 5 * S))
    assert judge(measure, key) == ((5 * S - 1, 10 * S), (EXCLUDED, GOOD, BAD, BAD))
    assert judge(measure, key._replace(outcome="ok")) == ((10 * S,), (GOOD, BAD, EXCLUDED))


# -- admission --------------------------------------------------------------------------------------------------------


def test_routes_are_admitted_in_the_order_of_the_log_probes_among_them() -> None:
    events = [
        event(service="b"),
        event(service="a", kind="probe", up=True),
        event(service="c"),
        event(service="a", kind="probe", up=False, step="door"),
    ]
    whole, parts = new(standards()), new(standards())
    routed(whole, events)
    for one in events:
        routed(parts, [one])
    assert (
        list(whole._catalogue.steps) == list(parts._catalogue.steps) == [("b", ""), ("a", ""), ("c", ""), ("a", "door")]
    )
    assert whole.probe_cells("a", "door") == parts.probe_cells("a", "door")


def test_what_no_series_depends_on_makes_no_routes() -> None:
    router = new(standards(("hotline", [objective("o", RequestAvailability(None, "gold"), WEEK)])))
    events = [event(**{"class": f"c{i}"}) for i in range(50)] + [
        event(kind="feedback", score=1, step=f"s{i}") for i in range(50)
    ]
    routes = routed(router, [*events, event(**{"class": "gold"})])
    assert len(set(routes.tolist())) == 3
    assert list(router._catalogue.steps) == [("hotline", "")]


def test_forgetting_what_was_looked_up_changes_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [event(service=f"s{i % 7}", step=f"t{i % 3}") for i in range(60)]
    expected = routed(new(standards()), events).tolist()
    monkeypatch.setattr("streams.routing.router._MOST_REMEMBERED", 2)
    assert routed(new(standards()), events).tolist() == expected


def test_routes_with_the_same_limits_share_a_profile() -> None:
    router = new(standards(("hotline", [objective("o", ResponseTimeWithin(10 * S), WEEK)])))
    routed(router, [event(step=f"t{i}", failure_point=f"f{i}") for i in range(100)])
    assert len(router.edges) == 1
