"""Timelines: from probes at instants to milliseconds observed and milliseconds up.

A probe holds until the next probe of the same source (its `class`), or until its own `holds` ends. Where sources
overlap, down wins. Time for which no probe holds is unobserved and counts neither as up nor as down.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple

#: How long a probe without `holds` holds, in milliseconds.
DEFAULT_HOLD_MS: Final = 60_000
#: Later than any probe holds, in milliseconds since 1970.
_THE_END: Final = 1 << 62
_time: Final = attrgetter("time_ms")


class Probe(NamedTuple):
    """One probe; sorts by time, then by offset."""

    time_ms: int
    offset: int
    service: str
    step: str
    source: str
    up: bool
    holds_ms: int


class ProbedTime(NamedTuple):
    """Milliseconds of one slice for which one step of a service was observed as up and as down."""

    service: str
    step: str
    up_ms: int
    down_ms: int


@dataclass(slots=True)
class _Holding:
    """The last probe of one source: its result, and until when it holds."""

    until_ms: int
    up: bool


@dataclass(slots=True)
class _Timeline:
    """The timeline of one step: the sources whose probes hold, and up to when time is accounted for."""

    at_ms: int
    up_ms: int = 0  # so far in the slice
    down_ms: int = 0
    sources: dict[str, _Holding] = field(default_factory=dict)
    down: int = 0  # number of sources that hold as down
    expiries: list[tuple[int, str]] = field(default_factory=list)  # a heap; those of replaced probes stay in it

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
        """Let ``probe`` hold from now on, in place of the last one of its source."""
        self._silence(probe.source)
        if probe.holds_ms:
            self.hold(probe.source, probe.time_ms + probe.holds_ms, up=probe.up)

    def hold(self, source: str, until_ms: int, *, up: bool) -> None:
        """Let a ``source`` without a holding probe hold as ``up`` or down until ``until_ms``."""
        self.sources[source] = _Holding(until_ms, up)
        self.down += not up
        heappush(self.expiries, (until_ms, source))

    def observed(self) -> tuple[int, int]:
        """Milliseconds up and down since the last call."""
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
    """The probe of one source that holds for a step, and until when. Sorts by service, step, source."""

    service: str
    step: str
    source: str
    until_ms: int
    up: bool


class SavedTimelines(NamedTuple):
    """Saved state of `Timelines`: event time accounted for (ms since 1970), and the probes that hold then, sorted."""

    passed_ms: int
    held: tuple[Held, ...]


class Timelines:
    """The timelines of one source partition for which probes hold."""

    def __init__(self) -> None:
        """Start without probes."""
        self._holding: dict[tuple[str, str], _Timeline] = {}
        self._passed_ms = 0

    @property
    def next_start_ms(self) -> int | None:
        """Start of the next slice in which a probe holds without a further one; None: none holds."""
        return self._passed_ms if self._holding else None

    def snapshot(self) -> SavedTimelines:
        """State for `restore`."""
        of_steps = self._holding.items()
        held = [Held(*key, source, h.until_ms, h.up) for key, t in of_steps for source, h in t.sources.items()]
        return SavedTimelines(self._passed_ms, tuple(sorted(held)))

    def restore(self, saved: SavedTimelines) -> None:
        """Go on from ``saved``; no probe holds yet."""
        self._passed_ms = saved.passed_ms
        for one in saved.held:
            timeline = self._holding.setdefault((one.service, one.step), _Timeline(saved.passed_ms))
            timeline.hold(one.source, one.until_ms, up=one.up)

    def pass_slice(self, start_ms: int, end_ms: int, probes: Iterable[Probe]) -> list[ProbedTime]:
        """Apply the slice's ``probes`` in order of time and offset, and account for the slice [start, end).

        Slices come in order of time; while `next_start_ms` is not None, the slice that starts there must not be
        skipped.
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
        """Time that would be observed if no further probe came and all probes held for as long as they claim.

        Works on a copy; nothing changes here. Its time grows with the number of probes, not with how long they hold,
        because it does not go slice by slice.

        Args:
            probes: of slices that have not been passed.
            borders: ascending event times at which the result is cut.

        Returns:
            One list for each interval between ``borders``, before the first and after the last of them included.
        """
        ahead = Timelines()
        ahead.restore(self.snapshot())
        ordered = sorted(probes)
        ends = [max(border, self._passed_ms) for border in borders]
        cuts = [bisect_left(ordered, end_ms, key=_time) for end_ms in ends]
        intervals = pairwise((self._passed_ms, *ends, _THE_END))
        parts = pairwise((0, *cuts, len(ordered)))
        return [
            ahead.pass_slice(start_ms, end_ms, ordered[first:after])
            for (start_ms, end_ms), (first, after) in zip(intervals, parts, strict=True)
        ]
