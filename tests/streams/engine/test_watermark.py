"""The watermark, and which events count by it; drawn as logs of seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding.batch import NO_TIMESTAMP, Batch
from streams.decoding.columns import Observations, read_batch
from streams.decoding.key_dictionary import KeyDictionary
from streams.engine.admission import admit
from streams.engine.open_slices import OpenSlices
from streams.engine.watermark import TimePolicy, Watermark
from streams.events.rejections import Reason
from streams.routing.router import Router
from streams.routing.series_catalogue import SeriesCatalogue
from streams.standards.model import Standards

S = 1_000
ORIGIN = 1_000_000  # seconds
POLICY = TimePolicy(lateness_ms=20 * S, max_ahead_ms=30 * S)

# Events as (seconds, record's seconds or None), in log order; below, what became of each: accepted, late, future.
LOGS = {
    "in order": ([(0, None), (5, None), (30, None)], "aaa"),
    "a slice closes when the watermark reaches its end": ([(0, None), (30, None), (9, None)], "aal"),
    "and not a second before": ([(0, None), (29, None), (9, None)], "aaa"),
    "an event within an open slice is not late, however old": ([(39, None), (10, None)], "aa"),
    "nothing is late for its own sake": ([(500, None)], "a"),
    "the newest closes slices for what follows, not for what came before": (
        [(10, None), (500, None), (480, None), (10, None)],
        "aaal",
    ),
    "a fast clock closes nothing": ([(0, 0), (25, 0), (0, 1)], "aaa"),
    "a fast clock is believed as far as its record": ([(0, 0), (29, 60), (25, 90), (89, 90), (19, 91)], "aaaal"),
    "too fast is the future": ([(30, 0), (31, 0)], "af"),
    "the future moves nothing": ([(0, 0), (900, 0), (0, 0)], "afa"),
    "a slow clock is late by its own time": ([(100, 100), (0, 101)], "al"),
    "without timestamps every clock is believed": ([(0, None), (900, None), (0, None)], "aal"),
}


def observed(values: Sequence[bytes | None]) -> Observations:
    return read_batch(values, KeyDictionary()).observations


def admitted(seconds: list[tuple[int, int | None]], sizes: int = 100) -> str:
    watermark, opened = Watermark(POLICY), OpenSlices(Router(Standards(), SeriesCatalogue(), KeyDictionary()))
    became = ""
    for first in range(0, len(seconds), sizes):
        part = seconds[first : first + sizes]
        values = [b'{"time":%d,"service":"a"}' % (ORIGIN + time) for time, _ in part]
        stamps = [NO_TIMESTAMP if stamp is None else (ORIGIN + stamp) * S for _, stamp in part]
        batch = Batch.of("x", 0, values, first, stamps)
        result = admit(batch, observed(batch.values), watermark, opened)
        letters = {rejection.position: rejection.reason for rejection in result.rejected}
        names = {Reason.LATE: "l", Reason.FUTURE: "f"}
        became += "".join(names[letters[i]] if i in letters else "a" for i in range(len(part)))
        assert result.observations.positions.tolist() == [i for i in range(len(part)) if i not in letters]
    return became


@pytest.mark.parametrize(("log", "expected"), LOGS.values(), ids=LOGS)
def test_what_becomes_of_events(log: list[tuple[int, int | None]], expected: str) -> None:
    assert admitted(log) == expected
    assert admitted(log, 1) == expected


@given(st.lists(st.tuples(st.integers(0, 200), st.none() | st.integers(0, 200)), max_size=40), st.integers(1, 7))
def test_it_does_not_matter_in_what_batches_events_come(log: list[tuple[int, int | None]], size: int) -> None:
    assert admitted(log, size) == admitted(log)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-1, 10**6)), min_size=1, max_size=30))
def test_the_watermark_is_the_largest_of_what_is_believed_and_never_goes_back(log: list[tuple[int, int]]) -> None:
    watermark = Watermark(POLICY)
    assert watermark.value_ms is None
    times, stamps = np.array(log, np.int64).T
    left = watermark.advance(times, stamps).tolist()
    believed = [time if stamp == NO_TIMESTAMP else min(time, stamp) for time, stamp in log]
    assert left == [max(believed[: i + 1]) - POLICY.lateness_ms for i in range(len(log))]
    assert watermark.value_ms == left[-1]
    assert watermark.advance(np.array([0]), np.array([0])).tolist() == [max(0 - POLICY.lateness_ms, left[-1])]


def test_an_empty_batch_moves_nothing() -> None:
    watermark = Watermark(POLICY)
    assert len(watermark.advance(np.empty(0, np.int64), np.empty(0, np.int64))) == 0
    assert watermark.frontier_ms is None


# -- repetitions ------------------------------------------------------------------------------------------------------

_A = b'{"time":1000000,"service":"a","id":"1"}'


@pytest.mark.parametrize(
    ("second", "repeats"),
    [
        (_A, 1),
        (b'{"id":"1","service":"a","duration":9,"customer":"c","class":"x","outcome":"failed","time":1000000.0}', 1),
        (b'{"time":1000000,"service":"a","step":"","id":"1","case":""}', 1),
        (b'{"time":"1970-01-12T13:46:40Z","service":"a","id":"1"}', 1),
        (b'{"time":1000000.001,"service":"a","id":"1"}', 0),
        (b'{"time":1000000,"service":"a","id":"2"}', 0),
        (b'{"time":1000000,"service":"a","id":""}', 0),
        (b'{"time":1000000,"service":"a"}', 0),
        (b'{"time":1000000,"service":"b","id":"1"}', 0),
        (b'{"time":1000000,"service":"a","step":"s","id":"1"}', 0),
        (b'{"time":1000000,"service":"a","kind":"probe","up":true,"id":"1"}', 0),
        (b'{"time":1000000,"service":"a","case":"c","id":"1"}', 0),
        (b'{"specversion":"1.0","source":"/x","id":"1","time":"1970-01-12T13:46:40Z","data":{"service":"a"}}', 0),
        (b'{"specversion":"1.0","source":"","id":"1","time":"1970-01-12T13:46:40Z","data":{"service":"a"}}', 1),
        (b'{"specversion":"1.0","source":7,"id":"1","time":"1970-01-12T13:46:40Z","data":{"service":"a"}}', 1),
    ],
    ids=[
        "the same bytes",
        "other fields that are no part of its scope",
        "an empty step and an empty case are none",
        "the time as text",
        "another time",
        "another id",
        "an empty id",
        "no id",
        "another service",
        "another step",
        "another kind",
        "of a case",
        "of a source",
        "of an empty source",
        "of a source that is no text",
    ],
)
def test_an_event_repeats_another_by_id_and_time_in_its_scope(second: bytes, repeats: int) -> None:
    for sizes in ((2,), (1, 1)):
        watermark, opened = Watermark(POLICY), OpenSlices(Router(Standards(), SeriesCatalogue(), KeyDictionary()))
        duplicates, values = 0, [_A, second]
        for size in sizes:
            part, values = values[:size], values[size:]
            duplicates += admit(Batch.of("x", 0, part), observed(part), watermark, opened).duplicates
        assert duplicates == repeats


def test_what_repeats_an_event_in_a_closed_slice_is_late_not_repeated() -> None:
    watermark, opened = Watermark(POLICY), OpenSlices(Router(Standards(), SeriesCatalogue(), KeyDictionary()))
    values = [_A, b'{"time":1000500,"service":"a"}', _A]
    result = admit(Batch.of("x", 0, values), observed(values), watermark, opened)
    assert result.duplicates == 0
    assert [rejection.reason for rejection in result.rejected] == [Reason.LATE]
