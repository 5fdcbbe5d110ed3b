"""Floods of names and ids into one engine: they stay within the caps, what is beyond is counted, nothing is lost."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.routing.series_catalogue import Caps
from tests.fuzz.choices import Choices, pick
from tests.fuzz.subjects.folding import STANDARDS
from tests.oracles.logs import T0

CAPS: Final = Caps(services=100, steps=20, failure_points=20, sources=20, days=2, in_all=1_500)
#: Events at once.
SIZE: Final = 2_000
#: Event time that passes from one to the next; slices close, and with them what is only in memory.
_PACE_MS: Final = 10

Make = Callable[[int], str]

#: Fields of event number n, none of which was ever there before.
KINDS: Final[dict[str, Make]] = {
    "services": lambda n: f'"service":"s{n}"',
    "steps": lambda n: f'"service":"hotline","step":"t{n}"',
    "steps of many services": lambda n: f'"service":"s{n % 3_000}","step":"t{n}"',
    "failure points": lambda n: f'"service":"hotline","outcome":"failed","failure_point":"p{n}"',
    "failure points of checks": lambda n: (
        f'"service":"desk","kind":"check","item":"i{n}","passed":false,"failure_point":"p{n}"'
    ),
    "probed services": lambda n: f'"service":"p{n}","kind":"probe","up":true,"holds":5',
    "probe sources": lambda n: f'"service":"hotline","kind":"probe","up":true,"holds":5,"class":"c{n}"',
    "classes": lambda n: f'"service":"hotline","class":"c{n}"',
    "customers": lambda n: f'"service":"hotline","customer":"c{n}","case":"k{n}"',
    "ids": lambda n: f'"service":"hotline","id":"i{n}"',
    "unknown fields": lambda n: f'"service":"hotline","x{n}":{n}',
    "items": lambda n: f'"service":"desk","kind":"feedback","score":1,"dimension":"d{n}","item":"i{n}"',
    "indicators": lambda n: f'"service":"desk","kind":"measure","indicator":"m{n}","amount":{n}',
}


class Flooded:
    """An engine, and how many events it has had."""

    def __init__(self, caps: Caps = CAPS) -> None:
        """Begin with nothing."""
        self.engine = Engine(Start("events", 0, STANDARDS["utc"], book=STANDARDS.get, caps=caps))
        self.count = 0

    def flood(self, kind: str, size: int = SIZE) -> None:
        """Fold ``size`` events of ``kind``, with names that are new."""
        make, numbers = KINDS[kind], range(self.count, self.count + size)
        values = [f'{{"time":{(T0 + n * _PACE_MS) / 1_000:.3f},{make(n)}}}'.encode() for n in numbers]
        self.engine.fold(Batch.of("events", 0, values, self.count))
        self.engine.advance()
        self.count += size


def most_members(caps: Caps) -> int:
    """How many members a catalogue can have under ``caps``, with those that the standards here declare."""
    return 3 * caps.in_all + 2 * caps.services * caps.days + 100


@functools.cache
def flooded() -> Flooded:
    """One engine for the whole run, on purpose: what is kept of a flood would add up."""
    return Flooded()


def generate(choices: Choices) -> str:
    """A kind of flood."""
    return pick(choices, tuple(KINDS))


def check(kind: str) -> int:
    """Flood the engine, and see that it is as large as before. Gives how many events there were."""
    one = flooded()
    one.flood(kind)
    is_within_bounds(one)
    return SIZE


def is_within_bounds(one: Flooded) -> None:
    """All events are counted, and names are within the caps."""
    progress, caps = one.engine.progress, one.engine.catalogue.caps
    assert progress.records == progress.accepted == one.count
    assert len(one.engine.catalogue.members) <= most_members(caps)
    assert len(one.engine.eras.now.router.labels) <= 30 * most_members(caps)
    assert progress.open_slices <= 10
