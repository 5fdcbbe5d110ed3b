"""A naive oracle of the monitor: plain Python over one record at a time, written from the definitions alone.

It keeps every accepted event for ever and works each figure out from the beginning, by the words of the wire format,
of the rules of time and of the indicators. Nothing is taken from the engine but the standards that both judge by.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from streams.calendars.periods import Window
from streams.standards.model import Objective, ProbeAvailability, Standards, Verdict
from tests.oracles.periods import COUNT_AGES, MINUTE, SLICE, Periods, slice_end
from tests.oracles.verdicts import judge
from tests.oracles.wire_format import (
    SOURCE,
    Document,
    failure_point,
    is_unreadable,
    microseconds,
    milliseconds,
    unwrapped,
)

YEAR_3000 = 32_503_680_000_000
NEVER = 10 * YEAR_3000
#: What an id is given within, beside the kind and the service.
SCOPE = ("step", "case", "transition", SOURCE)


@dataclass(frozen=True)
class Record:
    """One record of a log: its bytes, its timestamp (−1: none), and for bytes that are no event, the reason."""

    raw: bytes | None
    stamp: int = -1
    reason: str | None = None


@dataclass
class Figures:
    """What one step gathered in an interval."""

    ok: int = 0
    failed: int = 0
    abandoned: int = 0
    failure_points: Counter[str] = field(default_factory=Counter)
    durations_us: list[int] = field(default_factory=list)
    probes: tuple[int, int] = (0, 0)  # milliseconds up, milliseconds observed
    coverage: tuple[int, int] = (0, 0)  # milliseconds observed, milliseconds that could have been


@dataclass(frozen=True)
class Accepted:
    """An event that counts."""

    time: int
    offset: int
    event: Document

    @property
    def step(self) -> tuple[str, str]:
        return self.event["service"], self.event.get("step") or ""

    @property
    def kind(self) -> str:
        return str(self.event.get("kind", "interaction"))


class Oracle:
    """Everything that follows from the log of one partition."""

    def __init__(
        self, standards: Standards, records: Sequence[Record], lateness: int = 60_000, ahead: int = 300_000
    ) -> None:
        self.standards = standards
        self.periods = Periods(ZoneInfo(standards.timezone))
        self.lateness = lateness
        self.ahead = ahead
        self.frontier: int | None = None
        self.newest: int | None = None
        self.newest_stamp = -1
        self.accepted: list[Accepted] = []
        self.became: list[str] = []  # of each record: accepted, duplicate, ignored, or the reason of its rejection
        self.left_out: Counter[str] = Counter()  # values that cannot be read, by field
        self._known: set[tuple[object, ...]] = set()
        for offset, record in enumerate(records):
            self.became.append(self._receive(offset, record))

    # -- one record after the other ---------------------------------------------------------------------------------

    def _receive(self, offset: int, record: Record) -> str:  # noqa: PLR0911 - one for each thing that may become of it
        if record.reason is not None:
            return record.reason
        assert record.raw is not None
        written = unwrapped(json.loads(record.raw))
        if written.get("kind") == "control":
            self._control(written, record.stamp)
            return "ignored"
        event = {name: value for name, value in written.items() if not is_unreadable(name, value)}
        self.left_out.update(written.keys() - event.keys())
        time = milliseconds(event["time"])
        if not 0 <= time < YEAR_3000:
            return "time-out-of-range"
        if record.stamp != -1 and time > record.stamp + self.ahead:
            return "future"
        if self.newest is None or time > self.newest:
            self.newest, self.newest_stamp = time, record.stamp
        believed = time if record.stamp == -1 else min(time, record.stamp)
        self.frontier = believed if self.frontier is None else max(self.frontier, believed)
        if slice_end(time) <= self.frontier - self.lateness:
            return "late"
        scope = (event.get("kind", "interaction"), event["service"], *(event.get(name) or "" for name in SCOPE))
        identity = (event.get("id") or "", time, *scope)
        if identity[0] and identity in self._known:
            return "duplicate"
        self._known.add(identity)
        self.accepted.append(Accepted(time, offset, event))
        return "accepted"

    def _control(self, record: Document, stamp: int) -> None:
        """A tick: since the newest event as much time has passed as between its record's timestamp and the tick's."""
        if record["type"] != "tick" or self.newest is None or stamp == -1 or self.newest_stamp == -1:
            return
        if abs(self.newest - self.newest_stamp) <= 5 * MINUTE:
            assert self.frontier is not None
            self.frontier = max(self.frontier, min(self.newest + stamp - self.newest_stamp, stamp, YEAR_3000))

    @property
    def final(self) -> int:
        """Event time up to which slices are closed."""
        assert self.frontier is not None
        return (self.frontier - self.lateness) // SLICE * SLICE

    # -- windows ----------------------------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """End of the slice that the frontier lies in, where windows end."""
        assert self.frontier is not None
        return slice_end(self.frontier)

    def start(self, window: Window, end: int, ages: Sequence[tuple[float, str]] = COUNT_AGES) -> int:
        """⌊end − length⌋ at the length that slices have at that age; or the begin of the calendar period."""
        if window.period is not None:
            return self.periods.at(window.period, end - 1)[0]
        reach = window.rolling_ms or 0
        length = next(length for age, length in ages if reach <= age)
        return self.periods.bounds(length, end - reach)[0]

    # -- figures ----------------------------------------------------------------------------------------------------

    def figures(
        self, start: int, end: int, distributions_from: int | None = None, *, ended: bool = False
    ) -> dict[tuple[str, str], Figures]:
        """Figures by (service, step) of the events in [start, end).

        Probes count as far as slices are closed or, where the log has ended, from ``start`` to the end of all claims.
        """
        found = {accepted.step: Figures() for accepted in self.accepted if _has_figures(accepted)}
        for accepted in self.accepted:
            if start <= accepted.time < end:
                _count(found.get(accepted.step, Figures()), accepted)
            since = start if distributions_from is None else distributions_from
            duration = accepted.event.get("duration")
            served = accepted.kind == "interaction" and accepted.event.get("outcome", "ok") == "ok"
            if since <= accepted.time < end and served and duration is not None:
                found[accepted.step].durations_us.append(microseconds(duration))
        for step, figures in found.items():
            figures.durations_us.sort()
            figures.probes = self._observed(step[0], step[1], start, self._probed_until(end, ended=ended))
            figures.coverage = self._coverage(step, start, min(end, self.final))
        return found

    def _coverage(self, step: tuple[str, str], start: int, end: int) -> tuple[int, int]:
        """Observed, and all of the closed slices from ``start`` on; nothing before any probe was."""
        ever = self._observed(*step, -(1 << 62), self.final)[1]
        return (self._observed(*step, start, end)[1], end - start) if ever and end > start else (0, 0)

    def ratio(
        self, service: str, objective: Objective, start: int, end: int, *, ended: bool = False
    ) -> tuple[int, int]:
        """Good and total of ``objective`` over [start, end); ``ended`` as in `figures`."""
        measure = objective.measure
        if isinstance(measure, ProbeAvailability):
            steps = sorted({a.step[1] for a in self.accepted if a.kind == "probe" and a.step[0] == service})
            observed = [
                self._observed(service, step, start, self._probed_until(end, ended=ended))
                for step in steps
                if measure.step in (None, step)
            ]
            return sum(up for up, _ in observed), sum(total for _, total in observed)
        good = total = 0
        for accepted in self.accepted:
            if start <= accepted.time < end and accepted.kind == "interaction" and accepted.step[0] == service:
                verdict = judge(measure, accepted.event)
                good += verdict is Verdict.GOOD
                total += verdict in (Verdict.GOOD, Verdict.BAD)
        return good, total

    def _probed_until(self, end: int, *, ended: bool) -> int:
        return NEVER if ended else min(end, self.final)

    def _observed(self, service: str, step: str, start: int, end: int) -> tuple[int, int]:
        """Sweep over the probes of a step: milliseconds up and milliseconds observed within [start, end)."""
        claims = list(self._claims(service, step))
        moments = sorted({start, end, *(moment for claim in claims for moment in claim[:2])})
        up = observed = 0
        for left, right in pairwise(moments):
            if not start <= left < right <= end:
                continue
            said = [is_up for begins, ends, is_up in claims if begins <= left and right <= ends]
            observed += (right - left) if said else 0
            up += (right - left) if said and all(said) else 0
        return up, observed

    def _claims(self, service: str, step: str) -> Iterator[tuple[int, int, bool]]:
        """What each source claims: from its probe until its next one, or as long as the probe holds."""
        by_source: dict[str, list[Accepted]] = {}
        for accepted in sorted(self.accepted, key=lambda a: (a.time, a.offset)):
            if accepted.kind == "probe" and accepted.step == (service, step):
                by_source.setdefault(accepted.event.get("class") or "", []).append(accepted)
        for probes in by_source.values():
            for probe, following in zip(probes, [*probes[1:], None], strict=True):
                holds = milliseconds(probe.event.get("holds", 60))
                ends = probe.time + holds if following is None else min(probe.time + holds, following.time)
                yield probe.time, ends, probe.event["up"]

    # -- breaches ---------------------------------------------------------------------------------------------------

    def decisions(self, *, at_every_slice: bool) -> list[tuple[int, str, str, str, int, int]]:
        """(slice end, service, objective, opened or closed, good, total) as decided, in the order of time.

        Judged at every slice end, or only at those where something enters or leaves (the same, only faster).
        """
        found = []
        for service in self.standards.services.values():
            for objective in service.objectives.values():
                breached = False
                for now in self._slice_ends(service.name, objective, at_every_slice=at_every_slice):
                    good, total = self.ratio(service.name, objective, self.start(objective.window, now), now)
                    enough = total >= max(1, objective.minimum_total)
                    missed = enough and Fraction(good, total) < objective.target
                    if missed != breached:
                        breached = missed
                        change = "opened" if missed else "closed"
                        found.append((now, service.name, objective.name, change, good, total))
        return sorted(found)

    def _slice_ends(self, service: str, objective: Objective, *, at_every_slice: bool) -> list[int]:
        if not self.accepted:
            return []
        if at_every_slice:
            first = min(slice_end(accepted.time) for accepted in self.accepted)
            return list(range(first, self.final + 1, SLICE))
        ends = set()
        for time in self._eventful(service, objective):
            ends |= {slice_end(time), self._leaves(objective.window, time)}
        return sorted(end for end in ends if end <= self.final)

    def _eventful(self, service: str, objective: Objective) -> set[int]:
        """A time in every slice in which something was counted, or observed, that ``objective`` may be judged by."""
        kind = "probe" if isinstance(objective.measure, ProbeAvailability) else "interaction"
        judged = [accepted for accepted in self.accepted if accepted.kind == kind and accepted.step[0] == service]
        if kind == "interaction":
            return {accepted.time for accepted in judged}
        claims = {claim for step in {accepted.step for accepted in judged} for claim in self._claims(*step)}
        return {time for begins, ends, _ in claims for time in range(begins // SLICE * SLICE, ends, SLICE)}

    def _leaves(self, window: Window, time: int) -> int:
        """First slice end at which ``window`` no longer reaches back to ``time``."""
        if window.period is not None:
            return self.periods.at(window.period, time)[1] + SLICE
        reach = window.rolling_ms or 0
        length = next(length for age, length in COUNT_AGES if reach <= age)
        return self.periods.bounds(length, time)[1] + reach


def _has_figures(accepted: Accepted) -> bool:
    if accepted.kind in {"case", "check"}:
        return bool(accepted.event.get("failure_point"))
    return accepted.kind in {"interaction", "probe"}


def _count(figures: Figures, accepted: Accepted) -> None:
    event = accepted.event
    if accepted.kind == "interaction":
        outcome = event.get("outcome", "ok")
        figures.ok += outcome == "ok"
        figures.failed += outcome == "failed"
        figures.abandoned += outcome == "abandoned"
    point = failure_point(event) if accepted.kind in {"interaction", "case", "check"} else None
    if point is not None:
        figures.failure_points[point] += 1
