"""Floods of new names and ids: within the caps and within memory, folded into `other`, and visible."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.web import exposition, page
from streams.calendars.periods import DAY_MS
from streams.decoding.batch import Batch
from streams.events import control_records
from streams.routing.series_catalogue import OTHER, Caps
from streams.texts.phrase import Language
from tests.fuzz.subjects.endpoints import Shown
from tests.fuzz.subjects.floods import KINDS, SIZE, Flooded, is_within_bounds
from tests.fuzz.subjects.folding import STANDARDS
from tests.oracles.logs import T0

FEW = Caps(services=100, steps=20, failure_points=20, sources=20, days=2, in_all=1_500)


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Gives how many bytes are held now that were not before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield lambda: tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_takes_no_more_memory_once_the_caps_are_reached(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.routing.router._MOST_REMEMBERED", 1_024)
    monkeypatch.setattr("streams.decoding.key_dictionary._MOST", 1_024)
    one = Flooded(FEW)
    with traced() as held:
        for _ in range(7):
            one.flood(kind)
        before = held()
        for _ in range(3):
            one.flood(kind)
        assert held() - before < 100 * 3 * SIZE
    is_within_bounds(one)


@pytest.mark.parametrize(
    ("kind", "overflowed", "admitted"),
    [
        ("services", "service", FEW.services),
        ("steps", "step", FEW.steps),
        ("failure points", "failure-point", FEW.failure_points),
        ("failure points of checks", "failure-point", FEW.failure_points),
        ("probe sources", "source", FEW.sources),
    ],
)
def test_what_the_caps_keep_out_is_counted_under_other_and_shown(kind: str, overflowed: str, admitted: int) -> None:
    one = Flooded(FEW)
    for _ in range(3):
        one.flood(kind)
    count = 3 * SIZE - admitted
    assert one.engine.progress.overflowed[overflowed] == count
    shown = Shown(one.engine, STANDARDS["utc"])
    text = exposition.render(shown, None)[0].decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    (sample,) = [s for s in samples if s.name == "slm_pipeline_folded_labels_total" and s.labels["kind"] == overflowed]
    assert sample.value == count
    events = orjson.loads(page.status_json(shown, Language.EN))["events"]
    assert {one["kind"]: one["count"] for one in events["folded"]}[overflowed] == count
    assert sum(1 for s in samples if s.name == "slm_interactions_total") <= 3 * (admitted + 5)


def test_nothing_of_a_flood_is_lost_in_the_sums() -> None:
    one = Flooded(FEW)
    for kind in ("services", "steps", "steps of many services", "classes", "ids"):
        one.flood(kind)
    steps = one.engine.cumulative().steps
    assert sum(step.ok for step in steps) == 5 * SIZE
    assert sum(step.ok for step in steps if OTHER in (step.service, step.step)) > 2 * SIZE


def test_a_flood_that_goes_on_for_days_ends_at_the_caps_of_all_days() -> None:
    one = Flooded(FEW)
    for day in range(6):
        values = [
            b'{"time":%d,"service":"s%d-%d","step":"x"}' % ((T0 + day * DAY_MS) // 1_000, day, number)
            for number in range(300)
        ]
        one.engine.fold(Batch.of("events", 0, values, one.count))
        one.engine.advance()
        one.count += len(values)
    services = {step.service for step in one.engine.cumulative().steps}
    assert len(services) == FEW.services * FEW.days  # with the one that is called other
    assert one.engine.progress.overflowed["service"] == one.count - len(services - {OTHER})


#: Of an id that is remembered.
MOST_BYTES_AN_ID = 24


def test_ids_take_little_and_are_forgotten_when_their_slice_closes() -> None:
    one = Flooded(FEW)
    count = 60_000
    with traced() as held:
        for first in range(0, count, SIZE):
            numbers = range(first, first + SIZE)
            values = [b'{"time":1772438400,"service":"desk","id":"i%d"}' % number for number in numbers]
            one.engine.fold(Batch.of("events", 0, values, first))
        values = []
        one.engine.cumulative()  # a look has counted what waits to be counted, of which there is never much
        assert held() < MOST_BYTES_AN_ID * count
        one.engine.fold(Batch.of("events", 0, [b'{"time":1772439000,"service":"desk"}'], count))
        one.engine.advance()
        assert held() < 500_000
    assert (one.engine.progress.accepted, one.engine.progress.duplicates) == (count + 1, 0)


def test_an_id_that_comes_again_while_its_slice_is_open_is_a_duplicate_however_many_there_are() -> None:
    one = Flooded(FEW)
    values = [b'{"time":%d,"service":"hotline","id":"i%d"}' % (T0 // 1_000 + n % 30, n) for n in range(30_000)]
    one.engine.fold(Batch.of("events", 0, values))
    one.engine.fold(Batch.of("events", 0, values[::-1], len(values)))
    one.engine.fold(Batch.of("events", 0, [values[7], *values[:3] * 2, values[7]], 2 * len(values)))
    assert (one.engine.progress.accepted, one.engine.progress.duplicates) == (30_000, 30_008)


@pytest.mark.parametrize("count", [100, 700])
def test_a_batch_full_of_proposals_is_folded(count: int) -> None:
    one = Flooded(FEW)
    values = [control_records.standards("unknown", number) for number in range(count)]
    assert one.engine.fold(Batch.of("events", 0, values)) == []
    assert len(one.engine.advance().notices) == count
    assert one.engine.progress.ignored == count


def test_proposals_that_replace_each_other_before_they_hold_leave_no_more_than_one() -> None:
    one = Flooded(FEW)
    values = [
        b'{"time":1772438400,"service":"desk"}',
        *(control_records.standards(("ny", "cn")[n % 2], n) for n in range(50)),
    ]
    one.engine.fold(Batch.of("events", 0, values, 0))
    assert len(one.engine.eras) <= 2


def test_sources_of_probes_stay_within_a_cap() -> None:
    one = Flooded(FEW)
    values = [
        b'{"time":1772438400,"service":"desk","kind":"probe","up":true,"holds":86400,"class":"c%d"}' % number
        for number in range(20_000)
    ]
    one.engine.fold(Batch.of("events", 0, [*values, b'{"time":1772439000,"service":"desk"}']))
    one.engine.advance()
    assert len(one.engine.timelines.snapshot().held) == FEW.sources + 1
    assert one.engine.progress.overflowed["source"] == len(values) - FEW.sources
