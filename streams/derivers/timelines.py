"""Timelines: from probes at moments to milliseconds observed and milliseconds up.

A probe holds until the next one of the same source (its `class`), or for as long as it says. Where sources overlap,
down wins. Time that no probe holds for is unobserved and counts nowhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple

#: How long a probe holds that does not say, milliseconds.
DEFAULT_HOLD_MS: Final = 60_000
#: Later than anything holds, milliseconds since 1970.
_THE_END: Final = 1 << 62


class Probe(NamedTuple):
    """One probe as a transition; sorts by time, then by offset."""

    time_ms: int
    offset: int
    service: str
    step: str
    source: str
    up: bool
    holds_ms: int


_time: Final = attrgetter("time_ms")


class ProbedTime(NamedTuple):
    """Milliseconds of one slice that one step of a service was observed as up, and as down."""

    service: str
    step: str
    up_ms: int
    down_ms: int


@dataclass(slots=True)
class _Holding:
    """What one source last said, and until when it holds."""

    until_ms: int
    up: bool


@dataclass(slots=True)
class _Timeline:
    """The sources of one step that hold, and how far it has been accounted for."""

    at_ms: int
    up_ms: int = 0  # so far in the slice
    down_ms: int = 0
    sources: dict[str, _Holding] = field(default_factory=dict)
    down: int = 0  # how many sources say so
    expiries: list[tuple[int, str]] = field(default_factory=list)  # a heap; of replaced probes too

    def pass_to(self, time_ms: int) -> None:
        """Account for the time up to ``time_ms``."""
        while self.expiries and self.expiries[0][0] <= time_ms:
            until_ms, source = heappop(self.expiries)
            held = self.sources.get(source)
            if held is not None and held.until_ms == until_ms:
                self._account(until_ms)
                self._silence(source)
        self._account(time_ms)

    def hear(self, probe: Probe) -> None:
        """Let ``probe`` hold from now on, in place of what its source said before."""
        self._silence(probe.source)
        if probe.holds_ms:
            self.hold(probe.source, probe.time_ms + probe.holds_ms, up=probe.up)

    def hold(self, source: str, until_ms: int, *, up: bool) -> None:
        """Let what a silent ``source`` says hold until ``until_ms``."""
        self.sources[source] = _Holding(until_ms, up)
        self.down += not up
        heappush(self.expiries, (until_ms, source))

    def observed(self) -> tuple[int, int]:
        """Milliseconds up and down since this was last asked."""
        found = self.up_ms, self.down_ms
        self.up_ms = self.down_ms = 0
        return found

    def _account(self, time_ms: int) -> None:
        if self.down:
            self.down_ms += time_ms - self.at_ms
        elif self.sources:
            self.up_ms += time_ms - self.at_ms
        self.at_ms = time_ms

    def _silence(self, source: str) -> None:
        held = self.sources.pop(source, None)
        if held is not None:
            self.down -= not held.up


class Held(NamedTuple):
    """What one source last said of a step, and until when it holds. Sorts by service, step, source."""

    service: str
    step: str
    source: str
    until_ms: int
    up: bool


class Timelines:
    """The timelines of one source partition that still hold."""

    def __init__(self) -> None:
        """None holds."""
        self._holding: dict[tuple[str, str], _Timeline] = {}
        self._passed_ms = 0

    @property
    def next_start_ms(self) -> int | None:
        """Start of the next slice in which something holds without a further probe; None: nothing holds."""
        return self._passed_ms if self._holding else None

    def held(self) -> tuple[int, list[Held]]:
        """Up to when everything is accounted for, and what holds then."""
        of_steps = self._holding.items()
        held = [Held(*key, source, h.until_ms, h.up) for key, t in of_steps for source, h in t.sources.items()]
        return self._passed_ms, sorted(held)

    def restore(self, passed_ms: int, held: Iterable[Held]) -> None:
        """Go on from what `held` gave."""
        self._passed_ms = passed_ms
        for one in held:
            timeline = self._holding.setdefault((one.service, one.step), _Timeline(passed_ms))
            timeline.hold(one.source, one.until_ms, up=one.up)

    def pass_slice(self, start_ms: int, end_ms: int, probes: Iterable[Probe]) -> list[ProbedTime]:
        """Apply the slice's ``probes`` in the order of time and offset, and account for the slice [start, end).

        Slices come in the order of time, none left out while `next_start_ms` asks for it.
        """
        for probe in sorted(probes):
            timeline = self._holding.setdefault((probe.service, probe.step), _Timeline(start_ms))
            timeline.pass_to(probe.time_ms)
            timeline.hear(probe)
        for timeline in self._holding.values():
            timeline.pass_to(end_ms)
        observed = [ProbedTime(*key, *timeline.observed()) for key, timeline in self._holding.items()]
        self._holding = {key: timeline for key, timeline in self._holding.items() if timeline.sources}
        self._passed_ms = end_ms
        return observed

    def look_ahead(self, probes: Iterable[Probe], borders: Sequence[int]) -> list[list[ProbedTime]]:
        """What would be observed if no further probe came, and those that hold did so to the end of what they claim.

        ``probes`` are those of slices that have not been passed. Event time is cut at ``borders``, which ascend:
        first comes what would be observed up to the first of them, last what would be from the last on. Nothing
        changes here. It takes time by probes, whatever they claim: the way does not lead over slices.
        """
        ahead = Timelines()
        ahead.restore(*self.held())
        ordered = sorted(probes)
        ends = [max(border, self._passed_ms) for border in borders]
        places = [bisect_left(ordered, end_ms, key=_time) for end_ms in ends]
        intervals = pairwise((self._passed_ms, *ends, _THE_END))
        parts = pairwise((0, *places, len(ordered)))
        return [
            ahead.pass_slice(start_ms, end_ms, ordered[first:after])
            for (start_ms, end_ms), (first, after) in zip(intervals, parts, strict=True)
        ]
