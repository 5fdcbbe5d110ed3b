"""Decisions at slice ends: which objectives are in breach, and since when. Integers only."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streams.history import NEVER, History
from streams.slices import Counts
from streams.standards.model import Objective, Standards, Window
from streams.totals import RatioTotals
from streams.views.levels import Ratio
from streams.views.objectives import Verdict, judge
from streams.windows import RunningSum


class Change(enum.StrEnum):
    """What a decision does to a breach."""

    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Decision:
    """A breach of one objective opened or closed at a slice end, with the integers that decided it."""

    service: str
    objective: str
    change: Change
    at_ms: int
    ratio: Ratio


@dataclass(slots=True)
class _Judged:
    """The objectives that share a window, and their running sum."""

    window: Window
    objectives: dict[int, tuple[str, Objective]]  # by ratio id
    running: RunningSum[Counts, RatioTotals]
    leaves_at_ms: int = NEVER


class Decisions:
    """The breaches of one source partition. Judges only what a slice touched or what left a window."""

    def __init__(self, standards: Standards, ratios: Mapping[tuple[str, str], int], history: History[Counts]) -> None:
        """Judge every objective of ``standards``; ``ratios`` gives each one's ratio id."""
        self._history = history
        self.breached_since: dict[tuple[str, str], int] = {}
        by_window: dict[str, _Judged] = {}
        for service in standards.services.values():
            for objective in service.objectives.values():
                window = objective.window
                judged = by_window.setdefault(window.name, _Judged(window, {}, RunningSum(history, RatioTotals)))
                judged.objectives[ratios[service.name, objective.name]] = service.name, objective
        self._judged = tuple(by_window.values())

    def pass_to(self, time_ms: int) -> Iterator[Decision]:
        """Judge at every slice end up to ``time_ms`` at which a window loses something and no slice is closed."""
        while (due_ms := min((j.leaves_at_ms for j in self._judged), default=NEVER)) <= time_ms:
            yield from self.decide(due_ms, None)

    def decide(self, now_ms: int, counts: Counts | None) -> Iterator[Decision]:
        """Judge at the slice end ``now_ms`` what the slice's ``counts`` touched, and what has left a window."""
        touched = set(counts.ratios.keys.tolist()) if counts else set()
        for judged in self._judged:
            leaving = judged.leaves_at_ms <= now_ms
            ids = judged.objectives.keys() if leaving else judged.objectives.keys() & touched
            if ids:
                self._move(judged, now_ms, leaving=leaving)
                yield from self._judge(judged, sorted(ids), now_ms)

    def _move(self, judged: _Judged, now_ms: int, *, leaving: bool) -> None:
        start_ms = self._history.start_of(judged.window, now_ms)
        judged.running.move(start_ms, now_ms)
        if leaving or judged.leaves_at_ms == NEVER:  # otherwise its oldest slice is still the same
            judged.leaves_at_ms = self._history.leaves_at(judged.window, start_ms)

    def _judge(self, judged: _Judged, ids: list[int], now_ms: int) -> Iterator[Decision]:
        for number in ids:
            service, objective = judged.objectives[number]
            ratio = judged.running.totals.ratio(number)
            breached = judge(objective, ratio) is Verdict.BREACHED
            if breached == ((service, objective.name) in self.breached_since):
                continue
            if breached:
                self.breached_since[service, objective.name] = now_ms
            else:
                del self.breached_since[service, objective.name]
            yield Decision(service, objective.name, Change.OPENED if breached else Change.CLOSED, now_ms, ratio)
