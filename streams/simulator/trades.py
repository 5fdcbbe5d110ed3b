"""The three services: how often each step happens, how long it takes, and where it fails.

Each step is generated at its finishing times. With servers enough, departures of a steady queue are a Poisson process
as its arrivals are (M/G/∞), so that no queue needs to be simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from streams.simulator.chance import Chance
from streams.simulator.story import OUTAGE, RUSH

#: Factors at the height of the rush: of calls, and of waiting times.
_RUSH_CALLS: Final = 2.0
_RUSH_WAIT: Final = 5.0
#: During the outage: share of requests that fail, and factor of response times.
_OUTAGE_FAILURES: Final = 0.55
_OUTAGE_DELAY: Final = 8.0


@dataclass(frozen=True, slots=True)
class ServedCustomer:
    """How one customer was served at one step; ``duration`` is the response time in seconds."""

    duration: float
    outcome: str = "ok"
    failure_point: str | None = None


@dataclass(frozen=True, slots=True)
class FloorStep:
    """One step of a service. ``share`` is its share of all events in calm times.

    ``report`` gives how a customer was served, ``load`` the factor by which the step happens more often than in calm
    times, both at a time in seconds since the start; ``peak`` is the largest ``load``.
    """

    service: str
    name: str
    share: float
    report: Callable[[Chance, float], ServedCustomer]
    load: Callable[[float], float] = lambda _: 1.0
    peak: float = 1.0


def _calls(at: float) -> float:
    return 1 + (_RUSH_CALLS - 1) * RUSH.strength(at)


def _answer(chance: Chance, at: float) -> ServedCustomer:
    rush = RUSH.strength(at)
    wait = chance.duration(4 * (1 + (_RUSH_WAIT - 1) * rush), 0.5)
    patience = chance.duration(45, 0.6)
    if patience < wait:
        return ServedCustomer(patience, "abandoned")
    if chance.happens(0.002 + 0.03 * rush):
        return ServedCustomer(wait, "failed", "queue-overflow")
    return ServedCustomer(wait)


def _resolve(chance: Chance, _: float) -> ServedCustomer:
    return _served(
        chance, 150, 0.5, {"wrong-answer": 0.012, "papers-missing": 0.01, "curt": 0.005, "line-dropped": 0.003}
    )


def _check_in(chance: Chance, _: float) -> ServedCustomer:
    return _served(chance, 210, 0.4, {"booking-not-found": 0.01, "passport-forgotten": 0.006, "not-greeted": 0.004})


def _make_room(chance: Chance, _: float) -> ServedCustomer:
    """Some rooms wait for linen: served, but late, with a fail point that says why."""
    if chance.happens(0.12):
        return ServedCustomer(chance.duration(3_600, 0.2), failure_point="linen-late")
    return _served(chance, 1_500, 0.25, {"minibar-forgotten": 0.01})


def _room_service(chance: Chance, _: float) -> ServedCustomer:
    return _served(chance, 1_380, 0.3, {"cold": 0.015, "wrong-dish": 0.01})


def _authorise(chance: Chance, at: float) -> ServedCustomer:
    return _request(chance, at, 0.18, "acquirer-timeout")


def _refund(chance: Chance, at: float) -> ServedCustomer:
    return _request(chance, at, 0.35, "ledger-locked")


def _request(chance: Chance, at: float, median: float, failure_point: str) -> ServedCustomer:
    outage = OUTAGE.strength(at)
    duration = chance.duration(median * (1 + (_OUTAGE_DELAY - 1) * outage), 0.4)
    if chance.happens(0.0005 + _OUTAGE_FAILURES * outage):
        return ServedCustomer(duration, "failed", failure_point)
    return ServedCustomer(duration)


def _served(chance: Chance, median: float, spread: float, failing: Mapping[str, float]) -> ServedCustomer:
    """Served in about ``median`` seconds, or failed at one of ``failing``, each with its probability."""
    duration = chance.duration(median, spread)
    if chance.happens(sum(failing.values())):
        return ServedCustomer(duration, "failed", chance.pick(failing))
    return ServedCustomer(duration)


STEPS: Final[tuple[FloorStep, ...]] = (
    FloorStep("payments", "authorise", 0.60, _authorise),
    FloorStep("payments", "refund", 0.06, _refund),
    FloorStep("hotline", "answer", 0.13, _answer, _calls, _RUSH_CALLS),
    FloorStep("hotline", "resolve", 0.11, _resolve),
    FloorStep("hotel", "check-in", 0.03, _check_in),
    FloorStep("hotel", "housekeeping", 0.04, _make_room),
    FloorStep("hotel", "room-service", 0.03, _room_service),
)


@dataclass(frozen=True, slots=True)
class FloorProbe:
    """A probe that checks every ``every`` seconds whether a service is up; each result holds until the next."""

    service: str
    every: float
    is_up: Callable[[float], bool]


WATCHES: Final[tuple[FloorProbe, ...]] = (
    FloorProbe("payments", 1.0, lambda at: OUTAGE.strength(at) < 1),
    FloorProbe("hotline", 5.0, lambda _: True),
)
