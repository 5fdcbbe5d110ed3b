"""The catalogue of a source partition: every series that was ever admitted, in log order.

Series have numbers, which the tables of slices use as keys. The numbers follow from the order of admission, which is
log order, so that an engine made from saved members continues with the same numbers. Names that no standards declare
are admitted up to `Caps`; names beyond are counted under the label `other`.

Records that are folded again must get the same labels as before, so names are judged by the members known at the time:
see `SeriesCatalogue.go_back`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

#: Label of names beyond the caps.
OTHER: Final = "other"
#: Label of failures that name no fail point.
UNSPECIFIED: Final = "unspecified"

#: "measure" stands for an objective in the first form of state: see `streams.state.older_state`.
Kind = Literal["step", "failure-point", "objective", "source", "measure"]
#: Later than the offset of any record.
LATEST_OFFSET: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Caps:
    """Most names in one source partition that no standards declare.

    ``services``, ``steps`` (of a service), ``failure_points`` (of a service) and ``sources`` (of the probes of a step)
    bound new names per day of event time, in UTC; ``days`` times as many are admitted in all. ``in_all`` bounds the
    steps of all services together, likewise their fail points and their sources.
    """

    services: int = 1_000
    steps: int = 100
    failure_points: int = 100
    sources: int = 20
    days: int = 10
    in_all: int = 20_000


class Member(NamedTuple):
    """One admission: a step of a service, a fail point or a source of probes of a step, or a version of an objective.

    ``name`` is the step, or the objective; ``point`` the fail point, the source, or the identity of the objective's
    measure; ``day`` counts days of event time since 1970, for objectives how often they began anew because their saved
    ratio was wrong; ``offset`` is that of the record that brought it, −1 for the standards that the partition began
    with.
    """

    kind: Kind
    service: str
    name: str
    point: str
    day: int
    offset: int


@dataclass(slots=True)
class StepSeries:
    """Numbers of the series of one step of one service."""

    availability: int
    answered: int
    probes: int
    distribution: int
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def ratios(self) -> tuple[int, int, int]:
        """Numbers of the ratios, in the order of the fields."""
        return self.availability, self.answered, self.probes


class _Admissions:
    """Numbers of admitted names of one sort, by owner: in all, and by day."""

    def __init__(self) -> None:
        self.ever: Counter[Hashable] = Counter()
        self.by_day: Counter[tuple[Hashable, int]] = Counter()
        self.in_all = 0

    def count(self, owner: Hashable, day: int) -> None:
        self.ever[owner] += 1
        self.by_day[owner, day] += 1
        self.in_all += 1

    def room(self, owner: Hashable, day: int, most: int, caps: Caps) -> bool:
        return self.by_day[owner, day] < most and self.ever[owner] < most * caps.days and self.in_all < caps.in_all


class SeriesCatalogue:
    """Members and the numbers of their series.

    ``members`` only grows: it is the saved state, taken back by the constructor and `go_back`.
    """

    def __init__(self, caps: Caps | None = None, members: Iterable[Member] = ()) -> None:
        """Start with ``members``, in the order in which they were admitted."""
        self.caps = caps or Caps()
        self.members: list[Member] = []
        self.steps: dict[tuple[str, str], StepSeries] = {}
        self._measures: dict[tuple[str, str, int, int], int] = {}  # by service, identity, offset and day
        self._objectives: dict[tuple[str, str, str], list[tuple[int, int]]] = {}  # (offset, day) of each version
        self.ratios = self.sums = self.distributions = 0
        self._offset = -1
        self._later: deque[Member] = deque()  # those admitted after the current record
        self._forget_names()
        for member in members:
            self._add(member)

    @property
    def met(self) -> int:
        """Number of names known at the current record; labels stay the same until it grows."""
        return len(self._met) + len(self._sources)

    def go_to(self, offset: int) -> None:
        """Make the record at ``offset`` the current one."""
        self._offset = offset
        while self._later and self._later[0].offset <= offset:
            self._meet(self._later.popleft())

    def go_back(self, offset: int) -> None:
        """Judge names as before the record at ``offset``; `go_to` brings back the members admitted since."""
        self._forget_names()
        self._later.clear()
        for member in self.members:
            if member.offset < offset:
                self._meet(member)
            else:
                self._later.append(member)

    def place(self, service: str, step: str, day: int, *, declared: tuple[bool, bool]) -> tuple[str, str]:
        """Labels under which an observation at ``step`` of ``service`` is counted; admit new ones.

        Args:
            service: as the event names it.
            step: as the event names it; "" for none.
            day: of event time, since 1970.
            declared: whether the standards declare the service, and the step.
        """
        if (service, step, None) in self._met:
            return service, step
        if service not in self._services and not declared[0] and not self._has_room_for_service(day):
            return self._admitted(OTHER, OTHER, day)
        if not declared[1] and not self._new_steps.room(service, day, self.caps.steps, self.caps):
            return self._admitted(service, OTHER, day)
        return self._admitted(service, step, day)

    def point(self, service: str, step: str, point: str, day: int, *, declared: bool) -> str:
        """Label under which failures at ``point`` are counted; ``service`` and ``step`` are members."""
        if (service, step, point) in self._met:
            return point
        exempt = declared or point in (UNSPECIFIED, OTHER)
        if not exempt and not self._new_points.room(service, day, self.caps.failure_points, self.caps):
            point = OTHER
        if (service, step, point) not in self._met:
            self._add(Member("failure-point", service, step, point, day, self._offset))
        return point

    def source(self, service: str, step: str, source: str, day: int) -> str:
        """Name that distinguishes probes of ``source`` from others of their step, which is a member."""
        if source in ("", OTHER) or (service, step, source) in self._sources:
            return source
        if not self._new_sources.room((service, step), day, self.caps.sources, self.caps):
            return OTHER
        self._add(Member("source", service, step, source, day, self._offset))
        return source

    def bring(self, service: str, objective: str, identity: str) -> None:
        """Let ``objective`` of ``service`` measure ``identity`` from the current record on.

        Objectives that the same record brings share a ratio where they measure the same. Those of other records do
        not: otherwise an objective's figures would depend on which others exist or existed.
        """
        self._add(Member("objective", service, objective, identity, 0, self._offset))

    def objective(self, service: str, objective: str, identity: str, before: int = LATEST_OFFSET) -> int:
        """Number of the ratio by which ``objective`` of ``service`` is judged.

        ``before``: as it was for records before that offset. Raises `KeyError` if no record has brought it.
        """
        brought = self._objectives.get((service, objective, identity), ())
        since = max((one for one in brought if one[0] < before), default=None)
        if since is None:
            raise KeyError(f"{service} / {objective}")
        return self._measures[service, identity, *since]

    def _has_room_for_service(self, day: int) -> bool:
        return self._new_services.room("", day, self.caps.services, self.caps)

    def _admitted(self, service: str, step: str, day: int) -> tuple[str, str]:
        if (service, step, None) not in self._met:
            self._add(Member("step", service, step, "", day, self._offset))
        return service, step

    def _add(self, member: Member) -> None:
        self.members.append(member)
        if member.kind == "step":
            self._add_step(member)
        elif member.kind == "failure-point":
            self.steps[member.service, member.name].failures[member.point] = self.sums
            self.sums += 1
        elif member.kind == "objective":
            self._add_objective(member)
        self._meet(member)

    def _add_step(self, member: Member) -> None:
        first = self.ratios
        self.steps[member.service, member.name] = StepSeries(first, first + 1, first + 2, self.distributions)
        self.ratios += 3
        self.distributions += 1

    def _add_objective(self, member: Member) -> None:
        since = member.offset, member.day
        self._objectives.setdefault((member.service, member.name, member.point), []).append(since)
        measure = (member.service, member.point, *since)
        if measure not in self._measures:
            self._measures[measure] = self.ratios
            self.ratios += 1

    def _forget_names(self) -> None:
        self._met: set[tuple[str, str, str | None]] = set()  # steps (no fail point), and fail points
        self._sources: set[tuple[str, str, str]] = set()
        self._services: set[str] = set()
        self._new_services = _Admissions()
        self._new_steps = _Admissions()
        self._new_points = _Admissions()
        self._new_sources = _Admissions()

    def _meet(self, member: Member) -> None:
        """Make ``member`` known to the current record."""
        if member.kind == "failure-point":
            self._met.add((member.service, member.name, member.point))
            self._new_points.count(member.service, member.day)
        elif member.kind == "source":
            self._sources.add((member.service, member.name, member.point))
            self._new_sources.count((member.service, member.name), member.day)
        elif member.kind == "step":
            self._met.add((member.service, member.name, None))
            self._new_steps.count(member.service, member.day)
            if member.service not in self._services:
                self._services.add(member.service)
                self._new_services.count("", member.day)
