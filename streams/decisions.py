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
    WITHDRAWN = "withdrawn"  # the standards changed and no longer promise it as it was


@dataclass(frozen=True, slots=True)
class Decision:
    """A breach of one objective opened or closed at a slice end, with the integers that decided it.

    ``since_ms`` is when the breach opened, ``start_ms`` where the window began that was judged, ``standards`` the
    digest of those that it was judged by.
    """

    service: str
    objective: str
    change: Change
    at_ms: int
    ratio: Ratio
    since_ms: int
    start_ms: int
    standards: str


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
        self._standards = standards
        self._history = history
        self.breached_since: dict[tuple[str, str], int] = {}  # by service and objective
        by_window: dict[str, _Judged] = {}
        for service in standards.services.values():
            for objective in service.objectives.values():
                window = objective.window
                judged = by_window.setdefault(window.name, _Judged(window, {}, RunningSum(history, RatioTotals)))
                judged.objectives[ratios[service.name, objective.name]] = service.name, objective
        self._judged = tuple(by_window.values())

    def resume(self, breached_since: Mapping[tuple[str, str], int], now_ms: int) -> None:
        """Go on after ``now_ms``, up to which everything was judged, with the breaches that were open then."""
        self.breached_since = dict(breached_since)
        for judged in self._judged:
            start_ms = self._history.start_of(judged.window, now_ms)
            judged.leaves_at_ms = self._history.leaves_at(judged.window, start_ms)

    def succeed(self, earlier: Decisions, now_ms: int) -> Iterator[Decision]:
        """Take over from the decisions under earlier standards at the slice end ``now_ms``, and judge everything.

        A breach goes on where its objective is still the same; else it is withdrawn.
        """
        kept = {}
        for (service, name), since_ms in sorted(earlier.breached_since.items()):
            if _same(earlier.objective(service, name), self.objective(service, name)):
                kept[service, name] = since_ms
            else:
                digest = self._standards.digest
                yield Decision(service, name, Change.WITHDRAWN, now_ms, Ratio(), since_ms, now_ms, digest)
        self.resume(kept, now_ms)
        for judged in self._judged:
            self._move(judged, now_ms, leaving=True)
            yield from self._judge(judged, sorted(judged.objectives), now_ms)

    def objective(self, service: str, name: str) -> Objective | None:
        """The objective ``name`` of ``service``, if there is one."""
        declared = self._standards.services.get(service)
        return declared.objectives.get(name) if declared else None

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
            key = service, objective.name
            ratio = judged.running.totals.ratio(number)
            breached = judge(objective, ratio) is Verdict.BREACHED
            if breached == (key in self.breached_since):
                continue
            since_ms = now_ms if breached else self.breached_since.pop(key)
            if breached:
                self.breached_since[key] = now_ms
            change = Change.OPENED if breached else Change.CLOSED
            digest = self._standards.digest
            yield Decision(*key, change, now_ms, ratio, since_ms, judged.running.start_ms, digest)


def _same(earlier: Objective | None, later: Objective | None) -> bool:
    """Whether two objectives promise the same, whatever their titles and whether they alert."""
    if earlier is None or later is None:
        return False
    return (earlier.measure, earlier.target, earlier.window, earlier.minimum_total) == (
        later.measure,
        later.target,
        later.window,
        later.minimum_total,
    )
