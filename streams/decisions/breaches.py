"""Decisions at slice ends: which objectives are in breach, and since when. Integers only."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from streams.calendars.periods import Window
from streams.slices.history import NEVER, History
from streams.slices.ratio import Ratio
from streams.slices.running_sum import RunningSum
from streams.slices.slice import Counts
from streams.slices.totals import RatioTotals
from streams.standards.model import Objective, Standards
from streams.views.objectives.standing import ObjectiveState, judge


class Change(enum.StrEnum):
    """Effect of a decision on a breach."""

    OPENED = "opened"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"  # the standards no longer have the objective as it was, or there never was a breach


class Cause(enum.StrEnum):
    """Cause of a decision that does not follow from the log at that time."""

    REBUILT = "rebuilt"  # saved state was wrong and was rebuilt


@dataclass(frozen=True, slots=True)
class Decision:
    """A breach of one objective opened, closed or withdrawn at a slice end, with the integers that decided it.

    ``since_ms`` is when the breach opened, ``start_ms`` the start of the window that was judged, both ms since 1970;
    ``standards`` is the digest of the standards it was judged by.
    """

    service: str
    objective: str
    change: Change
    at_ms: int
    ratio: Ratio
    since_ms: int
    start_ms: int
    standards: str
    cause: Cause | None = None


class OpenBreach(NamedTuple):
    """An objective in breach, and since when (ms since 1970)."""

    service: str
    objective: str
    since_ms: int


class _Judged:
    """The objectives that share a window, and their running sum.

    All are judged at once: finding out which of them a slice changed would cost as much.
    """

    def __init__(
        self, window: Window, objectives: Sequence[tuple[int, str, Objective]], history: History[Counts]
    ) -> None:
        """Judge ``objectives``, each given as ratio id, service and objective."""
        self.window = window
        self.running = RunningSum(history, RatioTotals)
        self.leaves_at_ms = NEVER
        ordered = sorted(objectives, key=lambda one: (one[0], one[2].name))
        self.keys = [(service, objective.name) for _, service, objective in ordered]
        self.objectives = [objective for _, _, objective in ordered]
        self.ids = np.array([number for number, _, _ in ordered], np.int64)
        self.breached = np.zeros(len(ordered), np.bool_)
        targets = [objective.target for objective in self.objectives]
        self._numerators = np.array([target.numerator for target in targets], object)
        self._denominators = np.array([target.denominator for target in targets], object)
        if max(target.denominator for target in targets) <= _MOST_FACTOR:
            self._numerators, self._denominators = (
                column.astype(np.int64) for column in (self._numerators, self._denominators)
            )
        self._least = np.array([max(1, objective.minimum_total) for objective in self.objectives], np.int64)
        self._is_judged = np.zeros(int(self.ids[-1]) + 1, np.bool_)
        self._is_judged[self.ids] = True

    def is_touched_by(self, counts: Counts) -> bool:
        """Whether any of the objectives depends on ``counts``."""
        keys = counts.ratios.keys
        return bool(self._is_judged[keys[keys < len(self._is_judged)]].any())

    def changed(self) -> list[int]:
        """Indexes of the objectives whose breach opens or closes by the window's current content. See `judge`."""
        good, total = self.running.totals.ratios.rows_of(self.ids).T
        if len(total) and int(total.max()) > _MOST_TOTAL:  # in Python's integers, which do not overflow
            good, total = good.astype(object), total.astype(object)
        missed = good * self._denominators < self._numerators * total
        breached = (total >= self._least) & missed.astype(np.bool_)
        return np.flatnonzero(breached != self.breached).tolist()


#: Totals up to `_MOST_TOTAL` times denominators up to `_MOST_FACTOR` fit into 64 bits.
_MOST_TOTAL: Final = 1 << 42
_MOST_FACTOR: Final = 1 << 20


class Decisions:
    """The breaches of one source partition. Judges only where a slice touched an objective or left its window."""

    def __init__(self, standards: Standards, ratios: Mapping[tuple[str, str], int], history: History[Counts]) -> None:
        """Judge every objective of ``standards``; ``ratios`` gives the ratio id of each (service, name)."""
        self._standards = standards
        self._history = history
        self.breached_since: dict[tuple[str, str], int] = {}  # by service and objective
        by_window: dict[str, tuple[Window, list[tuple[int, str, Objective]]]] = {}
        for service in standards.services.values():
            for objective in service.objectives.values():
                window = objective.window
                _, judged = by_window.setdefault(window.name, (window, []))
                judged.append((ratios[service.name, objective.name], service.name, objective))
        self._judged = tuple(_Judged(window, objectives, history) for window, objectives in by_window.values())

    def snapshot(self) -> tuple[OpenBreach, ...]:
        """The open breaches, by service and objective."""
        return tuple(OpenBreach(*key, since_ms) for key, since_ms in sorted(self.breached_since.items()))

    def restore(self, saved: Iterable[OpenBreach], now_ms: int) -> None:
        """Go on after ``now_ms``, up to which everything was judged, with the breaches open at that time."""
        self.breached_since = _since(saved)
        for judged in self._judged:
            start_ms = self._history.start_of(judged.window, now_ms)
            judged.leaves_at_ms = self._history.leaves_at(judged.window, start_ms)
            judged.breached = np.array([key in self.breached_since for key in judged.keys], np.bool_)

    def succeed(self, earlier: Decisions, now_ms: int) -> Iterator[Decision]:
        """Continue from the decisions under ``earlier`` standards at the slice end ``now_ms``, and judge everything.

        A breach stays open where its objective is unchanged; otherwise it is withdrawn.
        """
        kept = []
        for breach in earlier.snapshot():
            service, name, since_ms = breach
            if _same(earlier.objective(service, name), self.objective(service, name)):
                kept.append(breach)
            else:
                yield self._withdrawn((service, name), since_ms, now_ms)
        self.restore(kept, now_ms)
        for judged in self._judged:
            self._move(judged, now_ms, leaving=True)
            yield from self._judge(judged, now_ms)

    def correct(self, reported: Iterable[OpenBreach], now_ms: int) -> Iterator[Decision]:
        """Decisions that lead from the breaches that were ``reported`` to those that are open."""
        before, found = _since(reported), self.breached_since
        for key in sorted(before.keys() | found.keys()):
            if before.get(key) == found.get(key):
                continue
            if key in before:
                yield self._withdrawn(key, before[key], now_ms, Cause.REBUILT)
            if key in found:
                judged = next(one for one in self._judged if key in one.keys)
                ratio = judged.running.totals.ratio(int(judged.ids[judged.keys.index(key)]))
                start_ms, digest = judged.running.start_ms, self._standards.digest
                yield Decision(*key, Change.OPENED, now_ms, ratio, found[key], start_ms, digest, Cause.REBUILT)

    def _withdrawn(self, key: tuple[str, str], since_ms: int, now_ms: int, cause: Cause | None = None) -> Decision:
        return Decision(*key, Change.WITHDRAWN, now_ms, Ratio(), since_ms, now_ms, self._standards.digest, cause)

    def objective(self, service: str, name: str) -> Objective | None:
        """The objective ``name`` of ``service``; None if there is none."""
        declared = self._standards.services.get(service)
        return declared.objectives.get(name) if declared else None

    def pass_to(self, time_ms: int) -> Iterator[Decision]:
        """Judge at every time up to ``time_ms`` at which a window loses a slice, without a slice being closed."""
        while (due_ms := min((j.leaves_at_ms for j in self._judged), default=NEVER)) <= time_ms:
            yield from self.decide(due_ms, None)

    def decide(self, now_ms: int, counts: Counts | None) -> Iterator[Decision]:
        """Judge at the slice end ``now_ms`` the windows that the slice's ``counts`` touched or that lose a slice."""
        for judged in self._judged:
            leaving = judged.leaves_at_ms <= now_ms
            if leaving or (counts is not None and judged.is_touched_by(counts)):
                self._move(judged, now_ms, leaving=leaving)
                yield from self._judge(judged, now_ms)

    def _move(self, judged: _Judged, now_ms: int, *, leaving: bool) -> None:
        start_ms = self._history.start_of(judged.window, now_ms)
        judged.running.move(start_ms, now_ms)
        if leaving or judged.leaves_at_ms == NEVER:  # otherwise its oldest slice is unchanged
            judged.leaves_at_ms = self._history.leaves_at(judged.window, start_ms)

    def _judge(self, judged: _Judged, now_ms: int) -> Iterator[Decision]:
        for index in judged.changed():
            key, ratio = judged.keys[index], judged.running.totals.ratio(int(judged.ids[index]))
            breached = judge(judged.objectives[index], ratio) is ObjectiveState.BREACHED
            judged.breached[index] = breached
            since_ms = now_ms if breached else self.breached_since.pop(key)
            if breached:
                self.breached_since[key] = now_ms
            change = Change.OPENED if breached else Change.CLOSED
            digest = self._standards.digest
            yield Decision(*key, change, now_ms, ratio, since_ms, judged.running.start_ms, digest)


def _since(breaches: Iterable[OpenBreach]) -> dict[tuple[str, str], int]:
    return {(service, objective): since_ms for service, objective, since_ms in breaches}


def _same(earlier: Objective | None, later: Objective | None) -> bool:
    """Whether two objectives promise the same; titles and alerting do not matter."""
    if earlier is None or later is None:
        return False
    return (earlier.measure, earlier.target, earlier.window, earlier.minimum_total) == (
        later.measure,
        later.target,
        later.window,
        later.minimum_total,
    )
