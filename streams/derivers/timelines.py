"""Timelines: from probes at moments to milliseconds observed and milliseconds up.

A probe holds until the next one of the same source (its `class`), or for as long as it says. Where sources overlap,
down wins. Time that no probe holds for is unobserved and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: How long a probe holds that does not say, milliseconds.
DEFAULT_HOLD_MS: Final = 60_000


class Probe(NamedTuple):
    """One probe as a transition; sorts by time, then by offset."""

    time_ms: int
    offset: int
    service: str
    step: str
    source: str
    up: bool
    holds_ms: int


class Observed(NamedTuple):
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
    sources: dict[str, _Holding] = field(default_factory=dict)

    def pass_to(self, time_ms: int) -> tuple[int, int]:
        """Account for the time up to ``time_ms``: milliseconds up, milliseconds down."""
        up_ms = down_ms = 0
        while self.sources and self.at_ms < time_ms:
            until = min([time_ms, *(holding.until_ms for holding in self.sources.values())])
            if all(holding.up for holding in self.sources.values()):
                up_ms += until - self.at_ms
            else:
                down_ms += until - self.at_ms
            self.at_ms = until
            self.sources = {name: held for name, held in self.sources.items() if held.until_ms > until}
        self.at_ms = max(self.at_ms, time_ms)
        return up_ms, down_ms

    def hear(self, probe: Probe) -> None:
        """Let ``probe`` hold from now on, in place of what its source said before."""
        self.sources.pop(probe.source, None)
        if probe.holds_ms:
            self.sources[probe.source] = _Holding(probe.time_ms + probe.holds_ms, probe.up)


class Timelines:
    """The timelines of one source partition that still hold."""

    def __init__(self) -> None:
        """None holds."""
        self._holding: dict[tuple[str, str], _Timeline] = {}

    def __bool__(self) -> bool:
        """Whether any timeline will yield observations in the next slice without a further probe."""
        return bool(self._holding)

    def pass_slice(self, start_ms: int, end_ms: int, probes: Iterable[Probe]) -> Iterator[Observed]:
        """Apply the slice's ``probes`` in the order of time and offset, and account for the slice [start, end)."""
        observed: dict[tuple[str, str], tuple[int, int]] = dict.fromkeys(self._holding, (0, 0))
        for timeline in self._holding.values():
            timeline.at_ms = start_ms
        for probe in sorted(probes):
            key = probe.service, probe.step
            timeline = self._holding.setdefault(key, _Timeline(probe.time_ms))
            observed[key] = _plus(observed.get(key, (0, 0)), timeline.pass_to(probe.time_ms))
            timeline.hear(probe)
        for (service, step), so_far in sorted(observed.items()):
            yield Observed(service, step, *_plus(so_far, self._holding[service, step].pass_to(end_ms)))
        self._holding = {key: timeline for key, timeline in self._holding.items() if timeline.sources}


def _plus(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    return left[0] + right[0], left[1] + right[1]
