"""What follows from one log, by naive code: one record after the other, plain numbers, no import of the product.

It is written from the wire format and the rules of time alone. Each figure is worked out in the plainest way that is
still linear, so that a hundred thousand records take a second or two.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.faults.log.promises import AHEAD_MS, LATENESS_MS, PROMISES, SERVICES, SLICE_MS, Promise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PRESENT_MS = 5 * 60_000
_LAST_MS = 32_503_680_000_000  # the year 3000
_HOLDS_MS = 60_000


class Decided(NamedTuple):
    """One decision as it must be taken, with the integers that decide it."""

    at: int  # seconds since 1970, a slice end
    service: str
    objective: str
    change: str
    good: int
    total: int


class Probe(NamedTuple):
    """One accepted probe; sorts by time, then by offset."""

    time: int
    offset: int
    holds: int
    up: bool


class PartitionOracle:
    """Everything that follows from the log of one partition.

    Args:
        malformed: the reason for every value that is no event.
    """

    def __init__(self, malformed: Mapping[bytes, str]) -> None:
        self.events: Counter[tuple[str, str]] = Counter()  # by result and reason
        self.interactions: Counter[tuple[str, str, str]] = Counter()  # by service, step and outcome
        self.answered: Counter[tuple[str, str]] = Counter()  # those with a response time
        self.waited_us: Counter[tuple[str, str]] = Counter()  # and its sum
        self.letters: dict[int, str] = {}  # reason by offset
        self.frontier: int | None = None
        self.unknown_control: list[bytes] = []
        self._malformed = malformed
        self._newest: tuple[int, int] | None = None  # time, and the timestamp of its record
        self._seen: dict[int, set[tuple[str, ...]]] = {}  # ids with their scopes, by end of the slice
        self._seen_to = 0
        self._judged: dict[tuple[str, str], dict[int, list[int]]] = defaultdict(dict)  # good, total by slice end
        self._probes: dict[tuple[str, str], list[Probe]] = defaultdict(list)
        self._first_end: int | None = None
        self.left_out = 0  # durations that cannot be read
        self._promised = frozenset(SERVICES)

    def receive(self, offset: int, stamp: int, raw: bytes) -> None:
        """Take in the next record of the log: its offset, its timestamp in milliseconds, and its value."""
        reason = self._malformed.get(raw)
        if reason is not None:
            self._reject(offset, "malformed", reason)
            return
        event = json.loads(raw)
        if event.get("kind") == "control":
            self._control(event, stamp, raw)
            return
        self.left_out += "duration" in event and not _is_duration(event["duration"])
        time = round(event["time"] * 1_000)
        if time > stamp + AHEAD_MS:
            self._reject(offset, "future", "future")
            return
        self._believe(time, stamp)
        self._place(offset, time, event)

    def _reject(self, offset: int, result: str, reason: str) -> None:
        self.events[result, reason] += 1
        self.letters[offset] = reason

    def _control(self, event: Mapping[str, Any], stamp: int, raw: bytes) -> None:
        """A tick: as much time has passed since the newest event as between its record's timestamp and the tick's."""
        self.events["ignored", ""] += 1
        if event["type"] != "tick":
            self.unknown_control.append(raw)
        elif self._newest is not None and self.frontier is not None:
            newest, newest_stamp = self._newest
            if abs(newest - newest_stamp) <= _PRESENT_MS:
                self.frontier = max(self.frontier, min(newest + stamp - newest_stamp, stamp))

    def _believe(self, time: int, stamp: int) -> None:
        if self._newest is None or time > self._newest[0]:
            self._newest = time, stamp
        believed = min(time, stamp)
        self.frontier = believed if self.frontier is None else max(self.frontier, believed)

    def _place(self, offset: int, time: int, event: Mapping[str, Any]) -> None:
        assert self.frontier is not None
        end = time // SLICE_MS * SLICE_MS + SLICE_MS
        if end <= self.frontier - LATENESS_MS:
            self._reject(offset, "late", "late")
        elif self._repeats(end, time, event):
            self.events["duplicate", ""] += 1
        else:
            self.events["accepted", ""] += 1
            self._first_end = end if self._first_end is None else min(end, self._first_end)
            if event.get("kind") == "probe":
                holds = round(event["holds"] * 1_000) if "holds" in event else _HOLDS_MS
                probe = Probe(time, offset, holds, event["up"])
                self._probes[event["service"], event["step"]].append(probe)
            else:
                self._count(end, event)

    def _repeats(self, end: int, time: int, event: Mapping[str, Any]) -> bool:
        """Whether it has been accepted before: its id and time, within service, kind and step.

        Ids of closed slices are forgotten.
        """
        assert self.frontier is not None
        if self.final > self._seen_to:
            self._seen_to = self.final
            self._seen = {of: seen for of, seen in self._seen.items() if of > self._seen_to}
        if not event.get("id"):
            return False
        identity = (event["id"], str(time), event["service"], event.get("kind", ""), event.get("step", ""))
        seen = self._seen.setdefault(end, set())
        known = identity in seen
        seen.add(identity)
        return known

    def _count(self, end: int, event: Mapping[str, Any]) -> None:
        service, step, outcome = event["service"], event.get("step") or "", event.get("outcome", "ok")
        duration = event["duration"] if _is_duration(event.get("duration")) else None
        self.interactions[service, step, outcome] += 1
        if outcome == "ok" and duration is not None:
            self.answered[service, step] += 1
            self.waited_us[service, step] += round(duration * 1_000_000)
        for promise in PROMISES if service in self._promised else ():
            verdict = _verdict(promise, outcome, duration)
            if promise.step == step and not promise.by_probe and verdict is not None:
                tally = self._judged[service, promise.name].setdefault(end, [0, 0])
                tally[0] += verdict
                tally[1] += 1

    # -- what is final ------------------------------------------------------------------------------------------------

    @property
    def final(self) -> int:
        """Event time up to which slices are closed, in milliseconds; 0 before the first event."""
        return 0 if self.frontier is None else (self.frontier - LATENESS_MS) // SLICE_MS * SLICE_MS

    def observed(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Milliseconds up, and milliseconds observed, of each probed step in closed slices."""
        found = {}
        for key, probes in self._probes.items():
            claims = [(start, min(end, self.final), up) for start, end, up in _claims(probes) if start < self.final]
            if claims:
                up = sum(end - start for start, end, is_up in claims if is_up)
                found[key] = up, sum(end - start for start, end, _ in claims)
        return found

    def decisions(self) -> list[Decided]:
        """Every decision that is due, in the order of time: each objective is judged anew at every slice end."""
        found: list[Decided] = []
        if self._first_end is None:
            return found
        for promise in PROMISES:
            for service in SERVICES:
                tallies = self._by_probes(service, promise) if promise.by_probe else self._judged[service, promise.name]
                if tallies:
                    found += self._judge(service, promise, tallies)
        return sorted(found)

    def _judge(self, service: str, promise: Promise, tallies: Mapping[int, list[int]]) -> Iterator[Decided]:
        breached = False
        good = total = 0
        assert self._first_end is not None
        for now in range(self._first_end, self.final + 1, SLICE_MS):
            entered, left = tallies.get(now, (0, 0)), tallies.get(now - promise.window_ms, (0, 0))
            good += entered[0] - left[0]
            total += entered[1] - left[1]
            missed = total >= max(1, promise.least) and good * 100 < promise.target * total
            if missed != breached:
                breached = missed
                yield Decided(now // 1_000, service, promise.name, "opened" if missed else "closed", good, total)

    def _by_probes(self, service: str, promise: Promise) -> dict[int, list[int]]:
        """Milliseconds up and observed by slice end."""
        found: dict[int, list[int]] = {}
        for start, end, up in _claims(self._probes.get((service, promise.step), [])):
            for slice_start in range(start // SLICE_MS * SLICE_MS, end, SLICE_MS):
                inside = min(end, slice_start + SLICE_MS) - max(start, slice_start)
                tally = found.setdefault(slice_start + SLICE_MS, [0, 0])
                tally[0] += inside * up
                tally[1] += inside
        return found


def _claims(probes: list[Probe]) -> Iterator[tuple[int, int, bool]]:
    """What each probe claims: from its time until the next one, or as long as it holds. All are of one source."""
    ordered = sorted(probes)
    for number, probe in enumerate(ordered):
        end = probe.time + probe.holds
        if number + 1 < len(ordered):
            end = min(end, ordered[number + 1].time)
        if end > probe.time:
            yield probe.time, end, probe.up


def _is_duration(value: object) -> bool:
    """Whether ``value`` is a number of seconds; NaN is none."""
    return isinstance(value, int | float) and value >= 0


def _verdict(promise: Promise, outcome: str, duration: float | None) -> bool | None:
    """Whether an interaction keeps a promise; None: it does not count."""
    if outcome == "abandoned":
        return None
    if promise.within_us is None or outcome == "failed":
        return outcome == "ok"
    return None if duration is None else round(duration * 1_000_000) <= promise.within_us
