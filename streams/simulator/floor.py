"""All events of the floor, in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

import orjson

from streams.simulator.blunders import BLUNDERS
from streams.simulator.chance import Chance
from streams.simulator.trades import STEPS, WATCHES, FloorProbe, FloorStep, ServedCustomer

#: Events per second in calm times.
DEFAULT_RATE: Final = 200.0
#: Shares of all events: bad records added to them, and events that are sent twice.
_BLUNDERS: Final = 0.004
_REPEATED: Final = 0.002


@dataclass(frozen=True, slots=True)
class Emission:
    """One record: when it is sent (milliseconds since 1970), key and value."""

    at_ms: int
    key: bytes
    value: bytes


def events(seed: int, start_ms: int, rate: float = DEFAULT_RATE) -> Iterator[Emission]:
    """Records from ``start_ms`` on, without end, in order of time; ``rate`` is events per second in calm times."""
    sources = [
        *(_interactions(step, Chance(seed, f"{step.service}/{step.name}"), start_ms, rate, seed) for step in STEPS),
        *(_probes(watch, start_ms) for watch in WATCHES),
        _blunders(Chance(seed, "blunders"), start_ms, rate * _BLUNDERS),
    ]
    return heapq.merge(*sources, key=lambda emission: emission.at_ms)


def _interactions(step: FloorStep, chance: Chance, start_ms: int, rate: float, seed: int) -> Iterator[Emission]:
    key = step.service.encode()
    for number, at in enumerate(_arrivals(step, chance, rate)):
        at_ms = start_ms + round(at * 1000)
        value = _interaction(step, step.report(chance, at), at_ms, f"{step.name}-{seed}-{number}")
        yield Emission(at_ms, key, value)
        if chance.happens(_REPEATED):
            yield Emission(at_ms, key, value)


def _interaction(step: FloorStep, report: ServedCustomer, at_ms: int, identity: str) -> bytes:
    event: dict[str, object] = {"time": at_ms / 1000, "service": step.service, "step": step.name, "id": identity}
    event["duration"] = round(report.duration, 4)
    if report.outcome != "ok":
        event["outcome"] = report.outcome
    if report.failure_point is not None:
        event["failure_point"] = report.failure_point
    return orjson.dumps(event)


def _arrivals(step: FloorStep, chance: Chance, rate: float) -> Iterator[float]:
    """Times of a Poisson process whose rate changes: candidates at the peak rate, thinned (Lewis and Shedler, 1979)."""
    at, mean = 0.0, 1 / (rate * step.share * step.peak)
    while True:
        at += chance.gap(mean)
        if chance.happens(step.load(at) / step.peak):
            yield at


def _probes(watch: FloorProbe, start_ms: int) -> Iterator[Emission]:
    for number in count():
        at = number * watch.every
        at_ms = start_ms + round(at * 1000)
        event = {"kind": "probe", "time": at_ms / 1000, "service": watch.service, "up": watch.is_up(at)}
        yield Emission(at_ms, watch.service.encode(), orjson.dumps(event | {"holds": watch.every}))


def _blunders(chance: Chance, start_ms: int, rate: float) -> Iterator[Emission]:
    at = 0.0
    for number in count():
        at += chance.gap(1 / rate)
        at_ms = start_ms + round(at * 1000)
        blunder = BLUNDERS[number % len(BLUNDERS)]
        yield Emission(at_ms, blunder.service.encode(), blunder.record(at_ms / 1000))
