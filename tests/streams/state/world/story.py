"""What happens in one source partition, record after record: seeded, and the same for everybody who reads it.

Ticks and proposals are records like all others. Who wrote a tick cannot be seen in it; here an owner's comes when
nothing has happened for a while, a zombie's at any time, and often more than once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from streams.calendars.periods import DAY_MS
from streams.decoding.batch import Batch
from streams.engine.start import Start
from streams.events import control_records
from streams.mappings.condition_parser import parse_path
from streams.mappings.mapping import Constant, LookupTable, MappingSpec, Taken, TimeUnit
from streams.routing.series_catalogue import Caps
from streams.standards.model import Standards
from tests.oracles.logs import HOUR, MINUTE, T0, S, raw, rich_standards
from tests.oracles.oracle import Record

SOURCE: Final = "events"
#: So small that every flood meets them.
CAPS: Final = Caps(services=3, steps=2, failure_points=1, sources=1, days=2)

_MAPPING: Final = MappingSpec(
    {
        "service": Taken(parse_path("svc")),
        "step": Constant("ring"),
        "time": Taken(parse_path("at"), TimeUnit.MILLISECONDS),
        "duration": Taken(parse_path("took")),
        "id": Taken(parse_path("number")),
        "outcome": LookupTable(parse_path("end"), {"good": "ok", "bad": "failed"}, exhaustive=True),
    }
)


#: A window of each kind, and as few objectives: engines are made by the thousand.
_JUDGED: Final = {"o1", "o4", "by-request", "by-probe", "not-rude"}


def _few(zone: str) -> Standards:
    rich = rich_standards(zone)
    services = {
        name: replace(service, objectives={key: one for key, one in service.objectives.items() if key in _JUDGED})
        for name, service in rich.services.items()
    }
    return replace(rich, services=services)


def _book() -> Iterator[Standards]:
    yield replace(_few("UTC"), digest="UTC")
    yield replace(_few("Asia/Shanghai"), digest="Asia/Shanghai", lateness_ms={SOURCE: 5 * S})
    yield replace(rich_standards("America/New_York"), digest="America/New_York", lateness_ms={SOURCE: 120 * S})
    yield replace(_few("UTC"), digest="mapped", mappings={SOURCE: _MAPPING})
    yield Standards(digest="none")


#: The content of the control topic.
BOOK: Final[Mapping[str, Standards]] = {standards.digest: standards for standards in _book()}
FIRST: Final = BOOK["UTC"]


class Entry(NamedTuple):
    """One record of the story, at its offset, and who wrote it, for people."""

    offset: int
    record: Record
    by: str


@dataclass(frozen=True)
class Story:
    """All records of one partition. ``plain``: the oracle knows everything that occurs in it."""

    seed: int
    entries: tuple[Entry, ...]
    plain: bool

    @cached_property
    def batch(self) -> Batch:
        """All records."""
        offsets = np.array([entry.offset for entry in self.entries], np.int64)
        stamps = np.array([entry.record.stamp for entry in self.entries], np.int64)
        return Batch(SOURCE, 0, [entry.record.raw for entry in self.entries], offsets, stamps)

    @property
    def caps(self) -> Caps:
        """Caps of names; a plain story meets none."""
        return Caps() if self.plain else CAPS

    def start(self, book: Callable[[str], Standards | None]) -> Start:
        """What every engine of this partition is made with."""
        return Start(SOURCE, 0, FIRST, book, caps=self.caps)

    def lines(self) -> Iterator[str]:
        """The story, for people."""
        for offset, record, by in self.entries:
            text = "null" if record.raw is None else record.raw[:150].decode(errors="replace")
            yield f"{offset:4} {record.stamp} {by:8} {text}"


@dataclass(frozen=True, slots=True)
class _Pace:
    """How time passes between records."""

    begins: tuple[int, ...]
    steps: tuple[int, ...]
    jumps: tuple[int, ...]
    jump_share: float


_MIDNIGHT: Final = T0 - 8 * HOUR
_PACES: Final = (
    _Pace((T0, _MIDNIGHT - 40 * S), (0, 1, 400, 3 * S, 8 * S), (20 * S, MINUTE), 0.05),
    _Pace((T0, _MIDNIGHT - 3 * MINUTE, 1_774_972_700_000), (500, 9 * S, 25 * S), (90 * S, 5 * MINUTE, 2 * HOUR), 0.1),
    _Pace((T0, 1_772_953_000_000), (500, 9 * S, 70 * S), (HOUR, 2 * HOUR, 26 * HOUR, 3 * DAY_MS, 9 * DAY_MS), 0.3),
    _Pace((T0, 1_793_500_000_000), (2 * S, 70 * S), (2 * HOUR, 5 * DAY_MS, 9 * DAY_MS, 410 * DAY_MS), 0.35),
)

#: Of events: how far their times lie from the moment at which they are written; most are on time.
_OFFSETS: Final = (0, 0, 0, -200, -4 * S, -20 * S, -50 * S, -150 * S, 30 * S, 400 * S)
_SERVICES: Final = ("hotline", "desk", "clinic", "hotline", "desk", "kiosk", "car park", "lift", "shop", "服务")
_STEPS: Final = (None, "ring", "door", "pay", "wait", "leave")
_DURATIONS: Final = (None, 0, 4.999999, 5, 9.999999, 10, 10.000001, 0.25, 61, 3_600)
_POINTS: Final = (None, None, "rude", "queue", "lost", "")
_GARBAGE: Final = (
    Record(None, reason="tombstone"),
    Record(b"", reason="not-json"),
    Record(b'{"time":1', reason="not-json"),
    Record(b'["time"]', reason="not-an-object"),
    Record(b'{"time":1,"service":"a\xff"}', reason="invalid-utf8"),
    Record(b'{"time":1}', reason="missing-service"),
    Record(b'{"service":"hotline"}', reason="missing-time"),
    Record(b'{"time":1,"service":"hotline","kind":"probe"}', reason="missing-field"),
    Record(b'{"time":1,"service":"hotline","outcome":"OK"}', reason="invalid-value"),
    Record(b'{"time":1772438400000,"service":"hotline"}', reason="time-out-of-range"),
)


class _Author:
    """Writes one story."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(f"story {seed}")
        self.plain = chance.random() < 0.2
        self.pace = chance.choice(_PACES)
        self.clock = chance.choice(self.pace.begins)
        self.holes = chance.random() < 0.2
        self.written: list[tuple[Record, str]] = []

    def write(self) -> Iterator[Entry]:
        for _ in range(self.chance.randrange(5, 28)):
            self._go_on()
        if self.chance.random() < 0.6:  # everything closes
            for _ in range(2):
                self.clock += 200 * S
                self._append(Record(raw({"service": "hotline", "duration": 1}, self.clock), self.clock), "producer")
        offset = self.chance.choice((0, 0, 7))
        for record, by in self.written:
            yield Entry(offset, record, by)
            offset += 1 if not self.holes or self.chance.random() < 0.9 else self.chance.randrange(2, 5)

    def _append(self, record: Record, by: str) -> None:
        self.written.append((record, by))

    def _go_on(self) -> None:
        chance = self.chance
        jumps = chance.random() < self.pace.jump_share
        self.clock += chance.choice(self.pace.jumps if jumps else self.pace.steps)
        what = chance.randrange(24)
        if what == 0:
            garbage = chance.choice(_GARBAGE)
            self._append(replace(garbage, stamp=self.clock), "producer")
        elif what == 1:
            self._tick()
        elif what == 2 and not self.plain:
            name = chance.choice((*BOOK, "unknown"))
            self._append(Record(control_records.standards(name, self.clock), self.clock), "owner")
        elif what in (3, 5) and self.written:
            again = chance.choice(self.written[-12:])
            self._append(replace(again[0], stamp=self.clock), again[1])
        elif what in (4, 6) and not self.plain:
            self._append(Record(self._foreign(), self.clock), "producer")
        else:
            time_ms = self.clock + chance.choice(_OFFSETS)
            self._append(Record(raw(self._event(), time_ms), self.clock + chance.randrange(500)), "producer")

    def _tick(self) -> None:
        """One by an owner who has nothing else to read, or some by zombies."""
        chance = self.chance
        zombies = chance.random() < 0.4
        for _ in range(chance.randrange(1, 4) if zombies else 1):
            self.clock += chance.choice((0, 10 * S) if zombies else (10 * S, 60 * S, 130 * S))
            self._append(Record(control_records.tick(), self.clock), "zombie" if zombies else "owner")

    def _foreign(self) -> bytes:
        """A record of another shape, which one of the standards maps."""
        number, end = self.chance.choice(("1", "2", "3")), self.chance.choice(("good", "bad", "odd"))
        took = self.chance.randrange(20)
        return f'{{"svc":"desk","at":{self.clock},"took":{took},"number":"{number}","end":"{end}"}}'.encode()

    def _event(self) -> dict[str, Any]:
        chance = self.chance
        services, steps, points = (
            (_SERVICES[:3], _STEPS[:3], _POINTS[:4]) if self.plain else (_SERVICES, _STEPS, _POINTS)
        )
        event: dict[str, Any] = {"service": chance.choice(services), "step": chance.choice(steps)}
        event["class"] = chance.choice((None, None, "gold", "web"))
        if chance.random() < 0.4:
            event["id"] = chance.choice("abc")
        what = chance.randrange(12)
        if what < 2:
            return event | {
                "kind": "probe",
                "up": chance.random() < 0.6,
                "holds": chance.choice((0, 0.5, 10, 25.5, 45)),
            }
        if what == 3:
            return event | self._case()
        event["duration"] = chance.choice(_DURATIONS)
        event["outcome"] = chance.choice(("ok", "ok", "ok", "failed", "abandoned"))
        event["failure_point"] = chance.choice(points)
        return event

    def _case(self) -> dict[str, Any]:
        transition = self.chance.choice(
            ("opened", "answered", "paused", "resumed", "resolved", "reopened", "cancelled")
        )
        return {"kind": "case", "case": self.chance.choice(("c1", "c2")), "transition": transition}


def story(seed: int) -> Story:
    """The story of ``seed``."""
    author = _Author(seed)
    return Story(seed, tuple(author.write()), author.plain)
