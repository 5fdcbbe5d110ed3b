"""Rows of saved state, damaged and forged: damage is found, the rest is as it was written, and nothing breaks."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from unittest import mock

from streams.calendars.periods import DAY_MS
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.standards.model import Standards
from streams.state.framing import assemble, row_parts
from streams.state.rows import Loaded, StateUnusable, load, peek
from streams.state.saving import Saver, restore
from tests.fuzz.choices import Choices, pick
from tests.fuzz.mutation import worsened
from tests.fuzz.subjects.folding import CAPS, STANDARDS, shown
from tests.oracles.digest import log
from tests.oracles.logs import raw
from tests.oracles.oracle import Record

#: Bytes of content in a part, so that small rows have several.
_PART_BYTES: Final = 700
#: Bytes that mean something in a row.
_TOKENS: Final = (
    *(
        b"SL",
        b"\x00",
        b"\xff" * 8,
        b"\x7f" + b"\xff" * 7,
        b"\n",
        b"{",
        b"]",
        b",",
        b'"rows":',
        b'"columns":',
        b"null",
        b"-1",
    ),
    *(
        b"9223372036854775807",
        b"18446744073709551616",
        b"1e308",
        b"1000000000000",
        b"4294967295",
        b'"x"',
        b"true",
        b"0",
    ),
    *(
        b'"current":9',
        b'"step"',
        b'"failure-point"',
        b'"measure"',
        b'"utc"',
        b'"no"',
        b'"offset":',
        b'"key":8',
        b"[]",
        b"{}",
    ),
)

_NUMBER: Final = re.compile(rb"-?[0-9]+")
_NUMBERS: Final = (
    *(b"-1", b"0", b"1", b"255", b"65535", b"4294967296", b"-9223372036854775808", b"9223372036854775807", b"1e3"),
    *(b"18446744073709551615", b"1" * 40, b"100000000000000", b"-10000000000000", b"null", b"[]", b'"x"'),
)


class World(NamedTuple):
    """What one engine has saved, and what it shows."""

    records: Mapping[bytes, bytes]
    loaded: Loaded
    contents: Mapping[bytes, bytes]  # of whole rows
    needed: Mapping[bytes, bytes]  # records without which nothing can be loaded
    shown: tuple[object, ...]
    part: Batch  # what comes next


class Case(NamedTuple):
    """Records with one changed, all of them or the fewest that can be loaded."""

    records: Mapping[bytes, bytes]
    changed: bytes  # the row
    forged: bool  # its checksums hold: somebody meant it
    whole: bool


@functools.cache
def world() -> World:
    """Rows of an engine that has read a log with a bit of everything."""
    records = log(640)
    later_ms = max(record.stamp for record in records) + 40 * DAY_MS
    records += [
        Record(raw({"service": "desk", "step": "ring", "duration": 1, "id": "a"}, at_ms), at_ms)
        for at_ms in range(later_ms, later_ms + 1_200_000, 20_000)
    ]
    values = [record.raw for record in records]
    values[300], values[500] = control_records.standards("cn", 7), control_records.standards("ny", 8)
    batch = Batch.of("events", 0, values, 0, [record.stamp for record in records])
    saved: dict[bytes, bytes] = {}
    with (
        mock.patch("streams.state.framing.PART_BYTES", _PART_BYTES),
        mock.patch("streams.slices.history.RETENTION_MS", DAY_MS),
    ):
        engine, saver = Engine(Start("events", 0, STANDARDS["utc"], book=STANDARDS.get, caps=CAPS)), Saver()
        for first in range(0, 690, 230):
            engine.fold(batch.between(first, min(first + 230, 680)))
            engine.advance()
            for name, value in saver.take(engine):
                saved.pop(name, None) if value is None else saved.update({name: value})
    contents = assemble(saved).contents
    needed = {name: value for name, value in saved.items() if _row(name) == b"p" or name.startswith(b"m/")}
    again = restore(saved, Start("events", 0, Standards(), book=STANDARDS.get, caps=CAPS)).engine
    return World(saved, load(saved), contents, needed, shown(again), batch.between(660, 700))


def _row(name: bytes) -> bytes:
    return name.partition(b"#")[0]


def generate(choices: Choices) -> list[Case]:
    """Cases as long as there is something to choose."""
    cases: list[Case] = []
    while len(cases) < 100 and choices.more():
        cases.append(_case(choices))
    return cases


def _case(choices: Choices) -> Case:
    saved = world()
    names, how = _names(), choices.below(8)
    name, other, whole = pick(choices, names), pick(choices, names), choices.below(128) == 127  # dear
    value, forged = saved.records[name], how >= 6
    changed: dict[bytes, bytes] = {}
    if forged:
        content = saved.contents[_row(name)]
        for _ in range(1 + choices.below(3)):
            content = (_renumbered if choices.below(2) else _worsened)(choices, content, saved.contents[_row(other)])
        with mock.patch("streams.state.framing.PART_BYTES", _PART_BYTES):
            changed = {part: bytes_ for part, bytes_ in row_parts(_row(name), content) if bytes_ is not None}
    elif how == 0:
        changed[name] = saved.records[other]
    elif how == 1:
        changed[name] = choices.octets(60)
    else:
        changed[name] = worsened(choices, value, _TOKENS, saved.records[other])
    kept = saved.records if whole else {**saved.needed, **_parts(_row(name))}
    return Case({**kept, **changed}, _row(name), forged, whole)


def _worsened(choices: Choices, content: bytes, other: bytes) -> bytes:
    return worsened(choices, content, _TOKENS, other)


def _renumbered(choices: Choices, content: bytes, _: bytes) -> bytes:
    """``content`` with another number in the place of one of its first."""
    places = list(_NUMBER.finditer(content, 0, 3_000))
    if not places:
        return content
    place = pick(choices, places)
    return content[: place.start()] + pick(choices, _NUMBERS) + content[place.end() :]


@functools.cache
def _names() -> tuple[bytes, ...]:
    """Names of records; those that everything rests on are there more often."""
    saved = world()
    return tuple(sorted(saved.records)) + tuple(sorted(saved.needed)) * 6


@functools.cache
def _parts(row: bytes) -> Mapping[bytes, bytes]:
    return {name: value for name, value in world().records.items() if _row(name) == row}


def check(cases: list[Case]) -> int:
    """Load every case; restore those that are whole. Gives how many there are."""
    for case in cases:
        _is_found(case)
        if case.whole:
            _goes_on(case)
    return len(cases)


def _is_found(case: Case) -> None:
    """Damage is reported, or what was loaded is what was written."""
    try:
        loaded = load(case.records)
    except StateUnusable:
        assert case.forged or case.changed == b"p" or case.changed.startswith(b"m/")
        peek(case.records)
        return
    if not case.forged and case.changed not in loaded.damaged:
        original = world().loaded
        assert loaded.partition == original.partition
        assert loaded.members == original.members
        assert loaded.counts.items() <= original.counts.items()
        assert loaded.distributions.items() <= original.distributions.items()
        assert case.whole or len(loaded.counts) + len(loaded.distributions) <= 1
        for row, found, written in zip((b"b/c", b"b/d"), loaded.beyond, original.beyond, strict=True):
            assert found == written or (row != case.changed and not case.whole), row
        sort, row = case.changed[:3], case.changed
        if sort in {b"s/c", b"s/d"}:
            assert len(loaded.counts if sort == b"s/c" else loaded.distributions) >= 1, row


def _goes_on(case: Case) -> None:
    """An engine made of the rows shows what the original did, or says what is damaged and goes on without it."""
    try:
        restored = restore(case.records, Start("events", 0, Standards(), book=STANDARDS.get, caps=CAPS))
    except StateUnusable:
        return
    if not restored.damaged and not case.forged:
        assert shown(restored.engine) == world().shown
    engine = restored.engine
    engine.start_from(1_000)
    shown(engine)
    if case.forged:  # what it says of the past is another's, and so is what follows from it
        return
    engine.fold(world().part)
    rows = dict(case.records)
    for name, value in restored.saver.take(engine):
        rows.pop(name, None) if value is None else rows.update({name: value})
    assert not load(rows).damaged, "what is damaged is kept aside"
