"""The whole engine on hostile logs: every record is counted once; saved state goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from streams.calendars.periods import DAY_MS
from streams.decoding.batch import NO_TIMESTAMP, Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.routing.series_catalogue import Caps
from streams.standards.model import Standards
from streams.state.framing import StateRow
from streams.state.saving import Saver, restore
from tests.fuzz.choices import Choices, pick
from tests.fuzz.subjects.hostile_events import GOOD, Member, changed, event, written
from tests.oracles.logs import T0, rich_standards, rolling

CAPS: Final = Caps(services=3, steps=2, failure_points=2, sources=2, days=2)
STANDARDS: Final = {
    name: replace(rich_standards(zone), digest=name)
    for name, zone in (("utc", "UTC"), ("ny", "America/New_York"), ("cn", "Asia/Shanghai"))
}
_STEPS: Final = (0, 1, 900, 4_000, 9_999, 10_000, 61_000, 600_000, 7_200_000, DAY_MS, 40 * DAY_MS, 500 * DAY_MS)
_OFF: Final = (0, 0, 0, 0, -1, -5_000, -59_999, -60_001, -DAY_MS, 299_000, 301_000, DAY_MS)
_STAMPS: Final = (-(2**63), -2, 0, 2**63 - 1, 32_503_680_000_000)
_BEGINNINGS: Final = (T0, T0, T0, 0, 1_772_953_000_000, 32_503_600_000_000)


class Read(NamedTuple):
    """One record as it was read from the log."""

    offset: int
    stamp: int
    raw: bytes | None


class Log(NamedTuple):
    """A log, and after which of its records state is saved and read again."""

    records: tuple[Read, ...]
    size: int  # of a batch
    stops: frozenset[int]


def generate(choices: Choices) -> Log:
    """A log of good and hostile records, with gaps, clocks that jump, and made-up timestamps."""
    clock, offset, records = pick(choices, _BEGINNINGS), choices.below(3), list[Read]()
    stamped, size = choices.below(4), 1 + choices.below(50)
    stops = frozenset(choices.below(80) for _ in range(choices.below(3)))
    while len(records) < 120 and choices.more():
        clock += _STEPS[choices.below(len(_STEPS))] if choices.below(8) == 0 else choices.below(3) * 700
        offset += 1 + (choices.below(16) == 0) * choices.below(5)
        raw = event(choices) if choices.below(4) == 0 else _timed(choices, max(0, clock + pick(choices, _OFF)))
        stamp = clock + choices.below(500) if stamped else NO_TIMESTAMP
        stamp = stamp if choices.below(32) else pick(choices, _STAMPS)
        records.append(Read(offset, stamp, raw))
    return Log(tuple(records), size, stops)


def _timed(choices: Choices, time_ms: int) -> bytes:
    """An event at ``time_ms``, or a control record."""
    members = list(pick(choices, GOOD))
    if any(name == b'"type"' for name, _ in members):
        members[-1] = (
            members[-1] if choices.below(2) else (b'"hash"', b'"%b"' % pick(choices, (b"utc", b"ny", b"cn", b"no")))
        )
        return written(members)
    kept = changed(choices, members) if choices.below(4) == 0 else members
    return written([m for m in kept if m[0] != b'"time"'] + [_time(time_ms)])


def _time(time_ms: int) -> Member:
    return b'"time"', b"%d.%03d" % divmod(time_ms, 1_000)


def check(log: Log) -> int:
    """Fold the log; where it stops, go on with an engine made of the saved rows. Gives how many records there are."""
    engine, saver = Engine(Start("events", 0, STANDARDS["utc"], book=STANDARDS.get, caps=CAPS)), Saver()
    saved: dict[bytes, bytes] = {}
    letters = 0
    for first in range(0, len(log.records), log.size):
        part = log.records[first : first + log.size]
        letters += len(engine.fold(_batch(part)))
        engine.advance()
        _all_counted(engine, first + len(part), letters)
        if log.stops.intersection(range(first, first + log.size)):
            _keep(saved, saver.take(engine))
            engine, saver = _again(engine, saved, log.records[: first + len(part)])
    _is_bounded(engine)
    return len(log.records)


def _batch(records: Sequence[Read]) -> Batch:
    offsets = np.array([one.offset for one in records], np.int64)
    stamps = np.array([one.stamp for one in records], np.int64)
    return Batch("events", 0, [one.raw for one in records], offsets, stamps)


def _all_counted(engine: Engine, records: int, letters: int) -> None:
    progress = engine.progress
    rejected = sum(progress.rejected.values())
    assert progress.records == records
    assert rejected == letters
    assert progress.accepted + progress.duplicates + progress.ignored + rejected == records


def _is_bounded(engine: Engine) -> None:
    cumulative = engine.cumulative()
    assert len(cumulative.steps) <= (CAPS.services * CAPS.days + 4) * (CAPS.steps * CAPS.days + 3)
    assert all(0 <= level.probes.good <= level.probes.total for level in cumulative.steps)


def _keep(saved: dict[bytes, bytes], rows: Sequence[StateRow]) -> None:
    for name, value in rows:
        if value is None:
            del saved[name]
        else:
            saved[name] = value


def _again(engine: Engine, saved: dict[bytes, bytes], records: Sequence[Read]) -> tuple[Engine, Saver]:
    """An engine made of what was saved, which has read on to where ``engine`` is and shows the same."""
    restored = restore(saved, Start("events", 0, Standards(), book=STANDARDS.get, caps=CAPS))
    assert not restored.damaged
    again = restored.engine
    rest = [one for one in records if again.expected is not None and one.offset >= again.expected]
    for first in range(0, len(rest), 7):
        assert not again.fold(_batch(rest[first : first + 7])), "told twice"
        told = again.advance()
        assert not told.slices
        assert not told.decisions
    again.go_on()
    assert shown(again) == shown(engine)
    return again, restored.saver


def shown(engine: Engine) -> tuple[object, ...]:
    """Everything that an engine shows."""
    windows = [*engine.standards.windows(), rolling("2d", 2 * DAY_MS)]
    readings = [engine.cumulative(), *map(engine.read, windows)]
    return engine.progress, readings, engine.standards, engine.expected, engine.tickable
