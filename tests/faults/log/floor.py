"""The events of a run: fifty services with good and bad times, and producers that repeat, reorder, delay and err."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from tests.faults.log.promises import PROBED, SERVICES, STEPS

#: Values that are no events, and the reason of each.
MALFORMED: Final[dict[bytes, str]] = {
    b"junk": "not-json",
    b"[1, 2]": "not-an-object",
    b"\xff\xfe": "invalid-utf8",
    b'{"time": NaN, "service": "service-00"}': "not-finite",
    b'{"time": 1772328600, "service": "service-01", "outcome": 3}': "wrong-type",
    b'{"time": 1772328600, "service": "service-02", "kind": "rumour"}': "unknown-kind",
    b'{"time": 1772328600}': "missing-service",
    b'{"service": "service-03"}': "missing-time",
    b'{"time": "2026-03-01T09:30:00", "service": "service-04"}': "time-without-offset",
    b'{"time": 1772328600, "service": "service-05", "kind": "feedback", "score": -1}': "negative",
    b'{"time": 1772328600000, "service": "service-06"}': "time-out-of-range",
    b"x" * 70_000: "too-large",
}

#: Event time that a run spans, and how long before its beginning it ends: sixty times as fast as the clock, and every
#: slice is old enough to be closed when an event of the present comes.
SPAN_MS: Final = 20 * 60_000
ENDS_BEFORE_MS: Final = 2 * 60_000

_PROBES: Final = 0.08
_HOUR_MS: Final = 3_600_000


class Row(NamedTuple):
    """A record to send."""

    key: bytes
    value: bytes


class _Fate(NamedTuple):
    """What may become of an event on its way, and how often."""

    name: str
    share: float


_FATES: Final = (
    _Fate("repeated", 0.02),
    _Fate("malformed", 0.004),
    _Fate("late", 0.005),
    _Fate("future", 0.003),
    _Fate("out-of-order", 0.1),
    _Fate("traced", 0.02),
)
#: What stands in place of a duration where there was none to measure: failures lack it more often than not.
_UNREADABLE: Final = ('"-"', "-1", '""', "NaN", '"12ms"')
_FAILURES_UNREADABLE: Final = 0.6
#: How many records later a repeated one comes at most, and the share that is delayed, by at most so much of a run.
_REPEATED_WITHIN: Final = 3_000
_DELAYED: Final = 0.05
_LONGEST_DELAY: Final = 0.02


def rows(seed: int, count: int, now_ms: int) -> list[Row]:
    """``count`` records in the order in which they are sent; a function of the arguments."""
    rng = random.Random(f"events {seed}")
    moods = _moods(rng)
    began_ms = now_ms - ENDS_BEFORE_MS - SPAN_MS
    made: list[Row] = []
    for number in range(count):
        time_ms = began_ms + number * SPAN_MS // count
        fate = _fate(rng.random())
        made.append(_row(rng, moods, made, number, time_ms, fate))
    return _delayed(rng, made)


def _fate(chance: float) -> str:
    for name, share in _FATES:
        if chance < share:
            return name
        chance -= share
    return "plain"


def _row(rng: random.Random, moods: list[_Mood], made: list[Row], number: int, time_ms: int, fate: str) -> Row:
    if fate == "repeated" and made:
        return made[-rng.randint(1, min(len(made), _REPEATED_WITHIN))]
    place = rng.randrange(len(SERVICES))
    if fate == "traced" and made:
        return _traced(rng, made, SERVICES[place])
    if fate == "malformed":
        return Row(SERVICES[place].encode(), rng.choice(list(MALFORMED)))
    bad = moods[place].is_bad(time_ms)
    if fate == "late":
        time_ms -= rng.randint(100_000, 900_000)
    elif fate == "future":
        time_ms += rng.randint(2 * _HOUR_MS, 9 * _HOUR_MS)
    elif fate == "out-of-order":
        time_ms -= rng.randint(0, 50_000)
    # One event in ten has no id: it cannot be told from its repetition, and counts twice.
    identity = f',"id":"{number}"' if rng.random() < 0.9 else ""
    return Row(SERVICES[place].encode(), event(rng, SERVICES[place], time_ms, bad=bad, identity=identity))


def _traced(rng: random.Random, made: list[Row], service: str) -> Row:
    """What another service tells of what a record tells of, under the same id and at the same time: no repetition."""
    told = made[-rng.randint(1, min(len(made), _REPEATED_WITHIN))]
    mine = f'"service":"{service}"'.encode()
    return Row(service.encode(), told.value.replace(b'"service":"%s"' % told.key, mine))


def event(rng: random.Random, service: str, time_ms: int, *, bad: bool, identity: str = "") -> bytes:
    """One event of ``service``; ``bad``: it is one of its bad times."""
    head = f'"time":{time_ms // 1_000}.{time_ms % 1_000:03},"service":"{service}"{identity}'
    chance = rng.random()
    if chance < _PROBES:
        up = "false" if bad and chance < _PROBES / 2 else "true"
        return f'{{"kind":"probe",{head},"step":"{PROBED}","up":{up},"holds":{rng.choice((15, 30, 45))}}}'.encode()
    step = STEPS[int(chance * 1_000) % len(STEPS)]
    slow = rng.random() < (0.5 if bad else 0.04)
    duration = rng.randint(2_001, 30_000) if slow else rng.randint(1, 2_000)
    failed, abandoned = (0.3, 0.4) if bad else (0.01, 0.03)
    outcome = rng.random()
    how = ',"outcome":"failed"' if outcome < failed else ',"outcome":"abandoned"' if outcome < abandoned else ""
    took = str(duration / 1_000)
    if outcome < failed and rng.random() < _FAILURES_UNREADABLE:
        took = rng.choice(_UNREADABLE)
    return f'{{{head},"step":"{step}","duration":{took}{how}}}'.encode()


class _Mood(NamedTuple):
    """When a service has a bad time: again and again."""

    every_ms: int
    lasts_ms: int
    shift_ms: int

    def is_bad(self, time_ms: int) -> bool:
        return (time_ms + self.shift_ms) % self.every_ms < self.lasts_ms


def _moods(rng: random.Random) -> list[_Mood]:
    return [
        _Mood(rng.randint(240_000, 420_000), rng.randint(40_000, 140_000), rng.randrange(400_000)) for _ in SERVICES
    ]


def _delayed(rng: random.Random, made: list[Row]) -> list[Row]:
    """Let some come later than those that were made after them."""
    longest = max(1, int(len(made) * _LONGEST_DELAY))
    places = [place + (rng.randrange(longest) if rng.random() < _DELAYED else 0) for place in range(len(made))]
    return [made[place] for place in sorted(range(len(made)), key=places.__getitem__)]
