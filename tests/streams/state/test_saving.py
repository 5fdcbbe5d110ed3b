"""Saved state: an engine made of it goes on as if nothing had happened, wherever the log was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars.periods import DAY_MS
from streams.decoding.batch import Batch
from streams.decoding.dead_letters import DeadLetter
from streams.engine.engine import Engine
from streams.engine.progress import Notice, NoticeType
from streams.engine.standards_log import StandardsNeeded
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.events import control_records
from streams.routing.series_catalogue import Caps
from streams.standards.model import Standards
from streams.state.processor import RebuildLost, take_over
from streams.state.rows import StateUnusable, load
from streams.state.saving import Saver, rebuild, restore
from tests.oracles.logs import HOUR, T0, S, logs, raw, rolling
from tests.oracles.oracle import Record
from tests.streams.state.interrupted_log import BOOK, CAPS, PLACES, World, with_controls

T = TypeVar("T")


def shown(engine: Engine) -> tuple[object, ...]:
    """Everything that an engine shows."""
    windows = [*engine.standards.windows(), rolling("2d", 2 * DAY_MS), rolling("9d", 9 * DAY_MS)]
    readings = [engine.cumulative(), *map(engine.read, windows)]
    readings += [engine.cumulative(ended=True), *(engine.read(window, ended=True) for window in windows)]
    return engine.progress, readings, engine.standards, engine.expected, engine.tickable


@settings(max_examples=100, deadline=None)
@given(logs(), PLACES, st.lists(st.integers(0, 45), max_size=6), st.sampled_from((1, 3, 100)))
def test_an_interrupted_engine_says_what_an_undisturbed_one_says(
    records: list[Record], places: list[tuple[int, str]], stops: list[int], size: int
) -> None:
    records = with_controls(records, places)
    undisturbed, interrupted = World(records), World(records)
    whole = undisturbed.begin()
    undisturbed.read(whole, len(records), 1, save=False)
    for stop in sorted(stops):
        interrupted.read(interrupted.begin(), min(stop, len(records)), size, save=True)
    engine = interrupted.begin()
    interrupted.read(engine, len(records), size, save=False)
    assert interrupted.told() == undisturbed.told()
    if records:
        assert shown(engine) == shown(whole)


@settings(max_examples=60, deadline=None)
@given(logs(), PLACES, st.lists(st.integers(1, 45), min_size=1, max_size=4))
def test_rows_are_the_same_however_often_they_are_taken(
    records: list[Record], places: list[tuple[int, str]], stops: list[int]
) -> None:
    records = with_controls(records, places)
    once, often = World(records), World(records)
    once.read(once.begin(), len(records), 7, save=True)
    engine = often.begin()
    for stop in sorted(stops):
        often.read(engine, min(stop, len(records)), 3, save=True)
    often.read(engine, len(records), 5, save=True)
    assert often.saved == once.saved


@settings(max_examples=60, deadline=None)
@given(logs(), PLACES, st.integers(1, 45))
def test_an_engine_rebuilt_from_the_log_tells_nothing_twice_and_leaves_the_rows_that_were(
    records: list[Record], places: list[tuple[int, str]], stop: int
) -> None:
    records = with_controls(records, places)
    if not records:
        return
    stop = min(stop, len(records))
    world, undisturbed = World(records), World(records)
    undisturbed.read(undisturbed.begin(), len(records), 4, save=True)
    world.read(world.begin(), stop, 2, save=True)
    rebuilt = rebuild(world.saved, Start("events", 0, Standards(), book=BOOK.get, caps=CAPS))
    assert rebuilt.engine.restoring
    world.saved[b"s/c/0/10"] = b"left behind"
    world.saver = rebuilt.saver
    world.saver._writer._orphans.add(b"s/c/0/10")
    world.saver._writer._parts[b"s/c/0/10"] = 1
    world.read(rebuilt.engine, len(records), 3, save=True)
    assert world.told() == undisturbed.told()
    assert world.saved == undisturbed.saved


def events(count: int, *, gap_ms: int = 30 * S, **fields: object) -> list[Record]:
    event = {"service": "hotline", "step": "ring", "duration": 3, **fields}
    return [Record(raw(event, T0 + i * gap_ms), T0 + i * gap_ms + 100) for i in range(count)]


def saved(records: Sequence[Record]) -> dict[bytes, bytes]:
    world = World(records)
    world.read(world.begin(), len(records), 10, save=True)
    return world.saved


def test_a_damaged_slice_is_left_out_kept_aside_and_told_of() -> None:
    rows = saved(events(20))
    name = next(name for name in sorted(rows) if name.startswith(b"s/c"))
    damaged = rows[name][:-1] + bytes([rows[name][-1] ^ 1])
    restored = restore({**rows, name: damaged}, Start("events", 0, Standards(), book=BOOK.get))
    assert restored.damaged == (name.decode(),)
    world = World(events(21), dict(rows), saver=restored.saver)
    world.read(restored.engine, 21, 1, save=True)
    notices = [notice for advanced in world.advanced for notice in advanced.notices]
    assert [notice.type for notice in notices] == [NoticeType.DAMAGE]
    assert name not in world.saved
    assert world.saved[b"q/" + name] == damaged
    assert not restore(world.saved, Start("events", 0, Standards(), book=BOOK.get)).damaged


@pytest.mark.parametrize("name", [b"p", b"m/0"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_without_the_partition_row_or_the_catalogue_nothing_can_go_on(name: bytes, how: str) -> None:
    rows = saved(events(20))
    value = rows.pop(name)
    if how == "damaged":
        rows[name] = value[:-1] + bytes([value[-1] ^ 1])
    with pytest.raises(StateUnusable, match="partition row" if name == b"p" else "catalogue"):
        restore(rows, Start("events", 0, Standards(), book=BOOK.get))


def test_state_of_another_partition_is_refused() -> None:
    with pytest.raises(StateUnusable, match="events/0"):
        restore(saved(events(3)), Start("events", 1, Standards(), book=BOOK.get))


def test_standards_that_are_to_be_looked_up_are_asked_for_and_nothing_has_changed() -> None:
    known: dict[str, Standards] = {}

    def book(digest: str) -> Standards | None:
        if digest not in known:
            raise StandardsNeeded(digest)
        return known[digest]

    records = [*events(3), Record(control_records.standards("rich UTC", 1), T0), *events(3)]
    engine = Engine(Start("events", 0, BOOK["none"], book=book))
    batch = Batch.of("events", 0, [r.raw for r in records], 0, [r.stamp for r in records])
    with pytest.raises(StandardsNeeded) as needed:
        engine.fold(batch)
    assert engine.expected is None
    known[needed.value.hash] = BOOK["rich UTC"]
    engine.fold(batch)
    assert engine.progress.accepted == 6
    assert engine.latest_standards == ("rich UTC", 1)


def test_records_folded_again_count_once_though_standards_are_looked_up_in_between() -> None:
    """The first batch again holds records behind several standards, none of which is known yet to the heir."""
    names = ("none", "rich Asia/Shanghai", "rich America/New_York", "none")
    records = events(2, gap_ms=100)
    for name in names:
        records += [Record(control_records.standards(name, 1), T0), *events(2, gap_ms=100)]
    rows, known = saved(records), set[str]()

    def book(digest: str) -> Standards | None:
        if digest not in known:
            raise StandardsNeeded(digest)
        return BOOK[digest]

    def patiently(act: Callable[[], T]) -> T:
        while True:
            try:
                return act()
            except StandardsNeeded as needed:
                known.add(needed.hash)

    engine = patiently(lambda: restore(rows, Start("events", 0, Standards(), book=book, caps=CAPS))).engine
    batch = Batch.of("events", 0, [r.raw for r in records], 0, [r.stamp for r in records])
    patiently(lambda: engine.fold(batch))
    assert not engine.restoring
    assert sum(step.ok for step in engine.cumulative().steps) == 10


def test_records_folded_again_are_judged_by_what_was_believed_of_the_future_then() -> None:
    """A record that was a dead letter stays one, though more is believed of what came after it."""
    records = [
        Record(raw({"service": "hotline", "step": "ring"}, T0 + ahead_s * S), T0)
        for ahead_s in (0, 20, 50, 20, 50, 20, 50)
    ]
    policies = [TimePolicy(max_ahead_ms=seconds * S) for seconds in (30, 100, 10)]
    engine = Engine(Start("events", 0, BOOK["none"], policy=policies[0]))
    saver = Saver()
    letters, rows = list[DeadLetter](), dict[bytes, bytes]()
    for policy, first, after in zip(policies, (0, 3, 5), (3, 5, 7), strict=True):
        if rows:
            restored = restore(rows, Start("events", 0, Standards(), book=BOOK.get, policy=policy))
            engine, saver = restored.engine, restored.saver
        part = records[:after]  # read again as far as the engine likes
        letters += engine.fold(Batch.of("events", 0, [r.raw for r in part], 0, [r.stamp for r in part]))
        engine.advance()
        assert engine.progress.accepted == sum(step.ok for step in engine.cumulative().steps), first
        rows = {name: value for name, value in [*rows.items(), *saver.take(engine)] if value is not None}
    assert [letter.offset for letter in letters] == [2, 5, 6]
    assert engine.progress.accepted == 4

    again = rebuild(
        rows, Start("events", 0, Standards(), book=BOOK.get, policy=TimePolicy(max_ahead_ms=100 * S))
    ).engine
    part = [*records, records[-1]]
    assert again.fold(Batch.of("events", 0, [r.raw for r in part], 0, [r.stamp for r in part])) == []
    assert again.progress.accepted == 4 + 1, "those before as they were judged, the new one as things are now"


def test_a_gap_in_the_log_is_gone_over() -> None:
    rows = saved(events(20))
    engine = restore(rows, Start("events", 0, Standards(), book=BOOK.get)).engine
    assert engine.restoring
    engine.start_from(500)
    assert not engine.restoring
    assert engine.expected == 500


def test_a_rebuild_whose_records_are_lost_gives_way_to_what_state_is_left() -> None:
    rows = saved(events(20))
    name = next(name for name in sorted(rows) if name.startswith(b"s/c"))
    rows[name] = rows[name][:-1] + bytes([rows[name][-1] ^ 1])
    start = Start("events", 0, BOOK["rich UTC"], BOOK.get)
    processor = take_over(rows, start, beginning=0)
    with pytest.raises(RebuildLost):
        processor.skip_to(10)
    again = take_over(rows, start, beginning=10)
    again.check(10, 20, again.engine.saved.last if again.engine.saved else None)
    assert again.engine.progress.records == 20
    assert again.damaged == (name.decode(),)


def test_other_settings_of_time_hold_for_what_is_new_and_are_told_of() -> None:
    records = events(20)
    rows = saved(records)
    policy = TimePolicy(lateness_ms=1 * S)
    engine = restore(rows, Start("events", 0, Standards(), book=BOOK.get, policy=policy)).engine
    world = World(records, rows)
    world.read(engine, 20, 5, save=False)
    notices: list[Notice] = [notice for advanced in world.advanced for notice in advanced.notices]
    assert [(notice.type, notice.detail["lateness_ms"]) for notice in notices] == [(NoticeType.POLICY, 1 * S)]


def test_large_rows_are_written_in_parts_and_old_parts_do_not_stay() -> None:
    many = [
        Record(raw({"service": f"s{i}", "step": "a" * 150, "kind": "probe", "up": True, "holds": 130}, T0), T0)
        for i in range(9_000)
    ]
    later = [Record(raw({"service": "s0"}, T0 + 40 * HOUR), T0 + 40 * HOUR)] * 2
    world = World([*many, Record(raw({"service": "s0"}, T0 + 80 * S), T0 + 80 * S), *later])
    engine = Engine(Start("events", 0, BOOK["none"], caps=Caps(services=10_000)))
    world.read(engine, len(many) + 1, 1_000, save=True)
    assert b"p#1" in world.saved
    assert max(map(len, world.saved.values())) < 600_000
    restored = restore(world.saved, Start("events", 0, Standards(), book=BOOK.get, caps=Caps(services=10_000))).engine
    world.read(restored, len(world.records), 1_000, save=True)
    assert b"p#1" not in world.saved
    assert load(world.saved).damaged == {}
