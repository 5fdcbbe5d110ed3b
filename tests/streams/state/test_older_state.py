"""State of the first form, in which equal measures counted everything again: what goes on, and what begins anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import orjson
import pytest

from streams.decisions.breaches import Cause, Change, Decision
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.progress import NoticeType
from streams.engine.start import Start
from streams.events import control_records
from streams.slices.ratio import Ratio
from streams.standards.model import RequestAvailability, Standards
from streams.state.framing import assemble, row_parts
from streams.state.processor import PartitionProcessor, take_over
from streams.state.rows import PARTITION, peek
from streams.state.saving import Saver
from tests.oracles.drawn_standards import standards_of
from tests.oracles.logs import HOUR, MINUTE, T0, objective, raw, rolling

AVAILABLE = objective("", RequestAvailability(), rolling("1h", HOUR), "0.8")
RINGING = objective("", RequestAvailability("ring"), rolling("1h", HOUR), "0.8")
SHARED = standards_of(
    {("hotline", "a"): AVAILABLE, ("hotline", "b"): AVAILABLE, ("hotline", "ring"): RINGING}, digest="shared"
)
PLAIN = standards_of({("hotline", "a"): AVAILABLE, ("hotline", "ring"): RINGING}, digest="plain")
A, B, RING = ("hotline", "a"), ("hotline", "b"), ("hotline", "ring")


def values(outcomes: Iterable[str], start_ms: int = T0) -> list[bytes]:
    """An event a minute."""
    return [
        raw({"service": "hotline", "step": "ring", "outcome": how}, start_ms + n * MINUTE)
        for n, how in enumerate(outcomes)
    ]


LOG = values(["ok", "failed", "failed", "ok", "ok"])
ON = values(["ok", "failed", "failed", "failed"], T0 + 5 * MINUTE)


def saved(standards: Standards, log: list[bytes] = LOG, *others: Standards) -> tuple[Engine, dict[bytes, bytes]]:
    """An engine behind ``log``, and what was saved of it, in the first form; the log may name ``others``."""
    book = {one.digest: one for one in (PLAIN, SHARED, *others)}
    engine = Engine(Start("events", 0, standards, book=book.get))
    engine.fold(Batch.of("events", 0, log, 0))
    engine.advance()
    return engine, first_form({name: value for name, value in Saver().take(engine) if value is not None})


def first_form(
    rows: Mapping[bytes, bytes], change: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[bytes, bytes]:
    """``rows`` as the first form had them, with a change of the partition row."""
    contents = assemble(rows).contents
    partition: dict[str, Any] = orjson.loads(contents[PARTITION])
    measures, members = set(), []
    for kind, service, name, point, day, offset in orjson.loads(contents[b"m/0"]):
        if kind != "objective":
            members.append([kind, service, name, point, day, offset])
        elif (service, point) not in measures:
            measures.add((service, point))
            members.append(["measure", service, point, "", day, offset])
    del partition["format"], partition["progress"]["readable"], partition["progress"]["unreadable"]
    partition["members"] = len(members)
    change(partition)
    written = contents | {PARTITION: orjson.dumps(partition), b"m/0": orjson.dumps(members)}
    return {part.name: part.value for name, value in written.items() for part in row_parts(name, value) if part.value}


def owned(rows: Mapping[bytes, bytes], standards: Standards, beginning: int) -> PartitionProcessor:
    book = {"plain": PLAIN, "shared": SHARED}.get
    return take_over(rows, Start("events", 0, standards, book), beginning=beginning)


def windows(engine: Engine) -> dict[tuple[str, str], Ratio]:
    return {(one.service, one.objective.name): one.window for one in engine.read(AVAILABLE.window).objectives}


def go_on(processor: PartitionProcessor, log: list[bytes]) -> list[Decision]:
    """Read ``log`` on from where the owner stands; the decisions that it tells, and its rows in today's form."""
    first = processor.expected
    processor.fold(Batch.of("events", 0, log[first:], first))
    taken = processor.take()
    told = [notice for notice in taken.notices if notice.type is NoticeType.FORMAT]
    assert len(told) == 1
    row = peek({row.name: row.value for row in taken.rows if row.value is not None})
    assert row is not None
    assert row.format == 2
    return list(taken.decisions)


def test_what_nobody_shared_goes_on() -> None:
    engine, rows = saved(PLAIN)
    processor = owned(rows, PLAIN, beginning=1)
    assert not go_on(processor, [*LOG, *ON[:1]])
    engine.fold(Batch.of("events", 0, ON[:1], len(LOG)))
    engine.advance()
    assert windows(processor.engine) == windows(engine) == {A: Ratio(4, 6), RING: Ratio(4, 6)}
    assert engine.closing.decisions.breached_since == processor.engine.closing.decisions.breached_since != {}


def test_what_objectives_shared_begins_anew_and_its_breaches_are_withdrawn() -> None:
    _, rows = saved(SHARED)
    processor = owned(rows, SHARED, beginning=1)
    decisions = go_on(processor, [*LOG, *ON[:1]])
    # What is open is in the log, and is counted rightly: the last two minutes of the old log, and what is new.
    assert windows(processor.engine) == {A: Ratio(3, 3), B: Ratio(3, 3), RING: Ratio(4, 6)}
    assert [(one.objective, one.change, one.cause) for one in decisions] == [
        ("a", Change.WITHDRAWN, Cause.REBUILT),
        ("b", Change.WITHDRAWN, Cause.REBUILT),
    ]


def test_where_the_log_reaches_back_everything_is_rebuilt_and_breaches_that_differ_are_told() -> None:
    def falsify(partition: dict[str, Any]) -> None:
        since = {name: at for _, name, at in partition["breaches"]}
        assert since.keys() == {"a", "b", "ring"}
        partition["breaches"] = [["hotline", "a", since["a"]], ["hotline", "b", since["b"] - MINUTE]]

    engine, _ = saved(SHARED)
    _, rows = saved(SHARED)
    rows = first_form(today(rows), falsify)
    processor = owned(rows, SHARED, beginning=0)
    decisions = go_on(processor, [*LOG, *ON])
    engine.fold(Batch.of("events", 0, ON, len(LOG)))
    expected = engine.advance().decisions
    assert windows(processor.engine) == windows(engine)
    since_ms = T0 + MINUTE + 10_000
    assert [(one.objective, one.change, one.since_ms, one.ratio) for one in decisions if one.cause] == [
        ("b", Change.WITHDRAWN, since_ms - MINUTE, Ratio()),
        ("b", Change.OPENED, since_ms, Ratio(1, 3)),
        ("ring", Change.OPENED, since_ms, Ratio(1, 3)),
    ]
    assert [one for one in decisions if not one.cause] == list(expected)


def today(rows: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Rows of the first form made rows of today's, so that they can be changed once more."""
    contents = assemble(rows).contents
    partition = orjson.loads(contents[PARTITION])
    partition["format"] = 2
    partition["progress"] |= {"readable": {}, "unreadable": []}
    members = [
        ["objective", service, "", name, day, offset]
        if kind == "measure"
        else [kind, service, name, point, day, offset]
        for kind, service, name, point, day, offset in orjson.loads(contents[b"m/0"])
    ]
    return {
        part.name: part.value
        for name, value in (contents | {PARTITION: orjson.dumps(partition), b"m/0": orjson.dumps(members)}).items()
        for part in row_parts(name, value)
        if part.value
    }


@pytest.mark.parametrize("beginning", [0, 1], ids=["though the log reaches back", "and records are, too"])
def test_where_earlier_standards_are_lost_nothing_is_believed_of_objectives(beginning: int) -> None:
    _, rows = saved(
        replace(PLAIN, digest="lost"), [*LOG, control_records.standards("plain", 0), *values(["ok"] * 4, T0 + HOUR)]
    )
    processor = owned(rows, PLAIN, beginning)
    told = [one.detail for one in processor.engine.notices if one.type is NoticeType.FORMAT]
    assert told == [{"format": 1, "anew": [A, RING]}]


@pytest.mark.parametrize("standards", [PLAIN, SHARED], ids=["not shared", "shared"])
def test_state_that_was_migrated_and_saved_goes_on_like_any_other(standards: Standards) -> None:
    _, rows = saved(standards)
    processor = owned(rows, standards, beginning=1)
    first = processor.expected
    processor.fold(Batch.of("events", 0, [*LOG, *ON][first:6], first))
    kept = dict(rows)
    for name, value in processor.take().rows:
        kept.pop(name, None) if value is None else kept.update({name: value})
    heir = owned(kept, standards, beginning=1)
    first = heir.expected
    heir.fold(Batch.of("events", 0, [*LOG, *ON][first:], first))
    processor.fold(Batch.of("events", 0, ON[1:], 6))
    assert windows(heir.engine) == windows(processor.engine)
    assert not [one for one in heir.take().notices if one.type is NoticeType.FORMAT]
    assert msgspec.to_builtins(peek(kept))["format"] == 2


def test_an_objective_that_is_about_to_come_does_not_go_on_with_another_one_s_ratio() -> None:
    later = standards_of({("hotline", "later"): AVAILABLE, ("hotline", "ring"): RINGING}, digest="later")
    only = standards_of({("hotline", "a"): AVAILABLE, ("hotline", "ring"): RINGING}, digest="only")
    book = {"later": later, "only": only}.get
    _, rows = saved(only, [*LOG, control_records.standards("later", 0)], later)
    processor = take_over(rows, Start("events", 0, only, book), beginning=1)
    log = [*LOG, control_records.standards("later", 0), *values(["failed"] * 4, T0 + 6 * MINUTE)]
    first = processor.expected
    processor.fold(Batch.of("events", 0, log[first:], first))
    # One event counted as they were, under standards that did not hold yet; the four behind them under those that do.
    assert windows(processor.engine) == {("hotline", "later"): Ratio(0, 4), RING: Ratio(3, 9)}
