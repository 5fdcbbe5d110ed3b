"""The events that benchmarks measure on, with what follows from them: a function of the arguments, made by columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

STEPS: Final = ("greet", "ask", "solve", "bill", "leave")
_POOL: Final = 20_000
_TRANSITIONS: Final = (b"opened", b"answered", b"paused", b"resumed", b"resolved")
_FAILED, _ABANDONED = 0.02, 0.03
_HOUR_S: Final = 3_600


class Row(NamedTuple):
    """A record to send: its key, and its value."""

    key: bytes
    value: bytes


class _Ending(NamedTuple):
    """What follows the time in an event, and what it counts as."""

    service: str
    step: str
    outcome: str
    duration_us: int
    text: bytes


@dataclass(frozen=True)
class Floor:
    """A service floor: ``services`` with ``steps`` each, ``rate`` events a second of event time, ``count`` in all.

    ``burst``: so many of them at a time, and the next ones an hour later; 0: all in a row.
    ``busiest`` is the share of the events that the first service has beyond its part; ``ids``: every event has an id;
    ``malformed`` is the share of records that are no events. ``cases``: all events are transitions of cases, five each.
    """

    count: int
    services: int = 50
    steps: int = 5
    rate: int = 20_000
    burst: int = 0
    busiest: float = 0.0
    ids: bool = False
    malformed: float = 0.0
    cases: bool = False
    seed: int = 1

    @property
    def names(self) -> list[str]:
        """Names of the services."""
        return [f"service-{number:04}" for number in range(self.services)]

    @property
    def span_s(self) -> float:
        """Event time that passes."""
        return self._after_s(self.count - 1)

    def rows(self, began_s: float) -> Iterator[Row]:
        """The records, in order; the first event's time is ``began_s`` (seconds since 1970)."""
        pool, chosen, bad = self._pool(), self._chosen(), self._bad()
        keys = [ending.service.encode() for ending in pool]
        texts = [ending.text for ending in pool]
        for number, (place, broken) in enumerate(zip(chosen.tolist(), bad.tolist(), strict=True)):
            if broken:
                yield Row(keys[place], b'{"time":"?",' + texts[place])
                continue
            head = b'{"time":%.3f,' % (began_s + self._after_s(number))
            if self.cases:
                case, transition = divmod(number, len(_TRANSITIONS))
                about = b'"kind":"case","case":"case-%d","transition":"%s",' % (case, _TRANSITIONS[transition])
                yield Row(keys[place], head + about + texts[place])
                continue
            yield Row(keys[place], head + (b'"id":"%d",' % number if self.ids else b"") + texts[place])

    def _after_s(self, number: int) -> float:
        """How long after the first event the one with this ``number`` happens."""
        bursts, number = divmod(number, self.burst or self.count)
        return bursts * _HOUR_S + number / self.rate

    def interactions(self) -> Counter[tuple[str, str, str]]:
        """How many events count, by service, step and outcome."""
        pool, counts = self._pool(), np.bincount(self._chosen()[~self._bad()], minlength=_POOL)
        found: Counter[tuple[str, str, str]] = Counter()
        if self.cases:
            return found
        for ending, count in zip(pool, counts.tolist(), strict=True):
            if count:
                found[ending.service, ending.step, ending.outcome] += count
        return found

    def waited_us(self) -> int:
        """Sum of the durations of all events that count, microseconds."""
        durations = np.array([ending.duration_us for ending in self._pool()], np.int64)
        return int(durations[self._chosen()[~self._bad()]].sum())

    @property
    def rejected(self) -> int:
        """How many records are no events."""
        return int(self._bad().sum())

    def standards_file(self) -> str:
        """Three promises for every service, in JSON, which is YAML."""
        steps = STEPS[: self.steps]
        measures: dict[str, object] = {
            "asks-do-not-fail": {"availability": {"by": "request", "step": steps[min(1, len(steps) - 1)]}},
            "quick": {"response_time": {"within": "2s", "abandoned": "excluded"}},
            "all-do-not-fail": {"availability": {"by": "request"}},
        }
        objectives = {
            name: {"measure": measure, "target": "90%", "window": "5m", "minimum_total": 5}
            for name, measure in measures.items()
        }
        service = {"steps": {step: {} for step in steps}, "objectives": objectives}
        return json.dumps({"version": 1, "services": dict.fromkeys(self.names, service)})

    def _pool(self) -> list[_Ending]:
        rng = np.random.default_rng(self.seed)
        names, steps = self.names, STEPS[: self.steps]
        size = _POOL
        routes = np.arange(size) % (len(names) * len(steps))  # each of them occurs
        durations = np.round(rng.lognormal(7.0, 1.0, size)).astype(np.int64) + 1  # milliseconds
        chances = rng.random(size)
        return [
            _ending(names[route // len(steps)], steps[route % len(steps)], duration, chance)
            for route, duration, chance in zip(routes.tolist(), durations.tolist(), chances.tolist(), strict=True)
        ]

    def _chosen(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        rng = np.random.default_rng(self.seed + 1)
        chosen = rng.integers(0, _POOL, self.count)
        if self.busiest:
            mine = np.flatnonzero((np.arange(_POOL) % (self.services * self.steps)) < self.steps)
            hit = rng.random(self.count) < self.busiest
            chosen[hit] = rng.choice(mine, int(hit.sum()))
        return chosen

    def _bad(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        bad: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
            np.random.default_rng(self.seed + 2).random(self.count) < self.malformed
        )
        return bad


def _ending(service: str, step: str, duration_ms: int, chance: float) -> _Ending:
    outcome = "failed" if chance < _FAILED else "abandoned" if chance < _FAILED + _ABANDONED else "ok"
    how = "" if outcome == "ok" else f',"outcome":"{outcome}"'
    about = f'"customer":"customer-{duration_ms:010}","class":"web"'
    text = f'"service":"{service}","step":"{step}","duration":{duration_ms / 1_000}{how},{about}}}'
    return _Ending(service, step, outcome, duration_ms * 1_000, text.encode())
