"""Logs that mean harm: ends of time, made-up timestamps, long jumps and long holds, many names, overflowing sums."""

from __future__ import annotations

import pytest

from streams.calendars.periods import DAY_MS
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.standards.model import ProbeAvailability, ResponseTimeWithin
from tests.oracles.logs import HOUR, MINUTE, T0, Run, S, objective, raw, rich_standards, rolling, standards
from tests.oracles.oracle import Record

RICH = {zone: rich_standards(zone) for zone in ("UTC", "Asia/Shanghai")}


def test_events_at_both_ends_of_time_are_taken_in_and_closed() -> None:
    events = [0, 1, 9_999, 10_000, DAY_MS, 400 * DAY_MS, 32_503_679_999_000, 32_503_679_999_999]
    records = [Record(raw({"service": "hotline", "duration": 1}, time)) for time in events]
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12", "America/New_York"):
        run = Run(rich_standards(zone), records)
        assert run.engine.progress.accepted == len(events)
        assert run.engine.read(rolling("28d", 28 * DAY_MS)).steps[0].ok == 2
        assert run.engine.cumulative().steps[0].ok == len(events)


def test_a_time_that_rounds_to_the_year_3000_is_out_of_range() -> None:
    run = Run(RICH["UTC"], [Record(b'{"time":32503679999.9999,"service":"hotline"}')])
    assert [str(letter.reason) for letter in run.letters] == ["time-out-of-range"]


@pytest.mark.parametrize("stamp", [-(2**63), -2, 0, 2**63 - 1], ids=["smallest", "negative", "zero", "largest"])
def test_record_timestamps_that_producers_made_up_do_no_harm(stamp: int) -> None:
    records = [
        Record(raw({"service": "hotline"}, T0), stamp),
        Record(raw({"service": "hotline"}, T0 + HOUR), T0 + HOUR),
    ]
    run = Run(RICH["UTC"], records)
    assert run.engine.progress.records == 2
    assert [str(letter.reason) for letter in run.letters] == (["future"] if stamp < T0 else [])


def test_far_apart_events_cost_as_much_as_there_are_not_as_much_time_as_passes() -> None:
    year = 366 * DAY_MS
    records = [Record(raw({"service": "hotline", "duration": 1}, i * year)) for i in range(1_000)]
    run = Run(RICH["Asia/Shanghai"], records)
    assert sum(len(advanced.slices) for advanced in run.advanced) == 999
    assert run.engine.progress.open_slices == 1


def test_probes_that_hold_for_a_day_do_not_open_a_day_of_slices_at_once() -> None:
    records = [
        Record(raw({"service": "desk", "kind": "probe", "up": i % 2 == 0, "holds": 86_400}, i * 30 * DAY_MS))
        for i in range(3)
    ]
    run = Run(standards(("desk", [objective("up", ProbeAvailability(), rolling("1d", DAY_MS))])), records)
    level = run.engine.cumulative().steps[0]
    assert (level.probes.good, level.probes.total) == (DAY_MS, 2 * DAY_MS)
    assert [str(d.change) for d in run.decisions] == ["opened", "closed"]


def test_breaches_close_in_time_however_far_the_next_event_lies() -> None:
    """Roll-up to that event's time must not join slices that leave a window one by one before it."""
    up = standards(("desk", [objective("up", ProbeAvailability(), rolling("1h", HOUR))]))
    probe = Record(raw({"service": "desk", "kind": "probe", "up": False}, T0))
    idle = Record(raw({"service": "desk", "kind": "feedback", "score": 1}, T0 + 7 * DAY_MS))
    end = Record(raw({"service": "desk", "kind": "feedback", "score": 1}, T0 + 8 * DAY_MS))
    for size in (1, 3):
        run = Run(up, [probe, idle, end], sizes=[size])
        assert [d.at_ms - T0 for d in run.decisions] == [10 * S, HOUR + MINUTE]


def test_free_texts_do_not_multiply_routes() -> None:
    records = [Record(raw({"service": "hotline", "class": f"class {i}", "duration": 1}, T0)) for i in range(2_000)]
    engine = Run(RICH["UTC"], records).engine
    assert len(engine.eras.now.router.columns.cell_start) == 1


def test_limits_are_kept_apart_however_many_routes_there_are() -> None:
    measure = ResponseTimeWithin(10_000_000)
    strict = standards(("hotline", [objective("o", measure, rolling("1h", HOUR))]))
    values = [b'{"time":1772438400,"service":"s%d"}' % i for i in range(140_000)]
    engine = Engine(Start("events", 0, strict))
    engine.fold(Batch.of("events", 0, values))
    last = [b'{"time":1772438400,"service":"hotline","step":"x","duration":%d}' % seconds for seconds in (10, 11)]
    engine.fold(Batch.of("events", 0, last, len(values)))
    (level,) = engine.read(rolling("1h", HOUR)).objectives
    assert (level.window.good, level.window.total) == (1, 2)


def test_a_sum_of_durations_that_overflows_is_shown_so_and_forgotten_with_its_window() -> None:
    longest = Record(raw({"service": "hotline", "duration": 34_560_000}, T0))
    engine = Engine(Start("events", 0, RICH["UTC"]))
    for number in range(28):
        engine.fold(Batch.of("events", 0, [longest.raw] * 10_000, number * 10_000))
    after = [Record(raw({"service": "hotline", "duration": 1}, T0 + i * 10 * S)) for i in range(1, 100)]
    window = rolling("5m", 300_000)
    saturated = []
    for number, record in enumerate(after):
        engine.fold(Batch.of("events", 0, [record.raw], 280_000 + number))
        engine.advance()
        saturated.append(engine.read(window).steps[0].response)
    assert saturated[0].sum_us == 2**63 - 1
    assert saturated[0].count == 280_001
    assert (saturated[-1].count, saturated[-1].sum_us) == (30, 30_000_000)
    assert engine.cumulative().steps[0].response.sum_us == 2**63 - 1
