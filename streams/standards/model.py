"""The compiled standards, as read by router and views: plain immutable values. The file's form is in `form`.

Units: durations are integer microseconds, windows integer milliseconds, targets exact fractions.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from streams.calendars.periods import STANDARD_WINDOWS, Window
from streams.slices.ratio import RatioUnit
from streams.texts.phrase import Text

if TYPE_CHECKING:
    from streams.calendars.business_hours import Calendar
    from streams.mappings.mapping import MappingSpec

#: Version of the form of the file.
VERSION: Final = 1


class Stage(enum.StrEnum):
    """Where a step happens on the service blueprint: seen by the customer (前台) or not (后台)."""

    FRONT = "front"
    BACK = "back"


class PokaYoke(enum.StrEnum):
    """Class of a fail point (防错): who errs, and how. Source: Chase and Stewart, 1994."""

    TASK = "task"
    TREATMENT = "treatment"
    TANGIBLE = "tangible"
    PREPARATION = "preparation"
    ENCOUNTER = "encounter"
    RESOLUTION = "resolution"


class Verdict(enum.StrEnum):
    """How one interaction counts in a ratio."""

    GOOD = "good"
    BAD = "bad"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Abandonment:
    """How abandoned interactions count: the four published contact-centre formulas are four values of this.

    ``in_time`` judges those abandoned within the objective's limit, ``otherwise`` the rest. Those shorter than
    ``short_us`` are excluded first (0: none is).
    """

    in_time: Verdict = Verdict.BAD
    otherwise: Verdict = Verdict.BAD
    short_us: int = 0


@dataclass(frozen=True, slots=True)
class ResponseTimeWithin:
    """Good: served, and the response time is at most ``within_us``.

    ``failed`` says how failed interactions count (usually bad). Interactions without a duration cannot be judged
    and are excluded, unless they failed or were abandoned.
    """

    within_us: int
    step: str | None = None
    class_: str | None = None
    abandoned: Abandonment = field(default_factory=Abandonment)
    failed: Verdict = Verdict.BAD


@dataclass(frozen=True, slots=True)
class RequestAvailability:
    """Availability by request: ok / (ok + failed); abandoned interactions are in neither number."""

    step: str | None = None
    class_: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeAvailability:
    """Availability by time: milliseconds up / milliseconds observed, from probes."""

    step: str | None = None


@dataclass(frozen=True, slots=True)
class FailureFree:
    """Interactions in which none of ``failure_points`` (empty: any at all) was hit / all interactions."""

    failure_points: frozenset[str] = frozenset()
    step: str | None = None
    class_: str | None = None


Measure = ResponseTimeWithin | RequestAvailability | ProbeAvailability | FailureFree


@dataclass(frozen=True, slots=True)
class Objective:
    """An indicator, the share of it that must be good, and the window over which that holds."""

    name: str
    measure: Measure
    target: Fraction
    window: Window
    title: Text
    minimum_total: int = 1
    alert: bool = True

    @property
    def unit(self) -> RatioUnit:
        """Unit of good and total: milliseconds where probes judge, events elsewhere."""
        return RatioUnit.MILLISECONDS if isinstance(self.measure, ProbeAvailability) else RatioUnit.EVENTS


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the service blueprint with its declared fail points."""

    name: str
    title: Text
    stage: Stage | None = None
    failure_points: Mapping[str, PokaYoke | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """A monitored service, its steps and its objectives."""

    name: str
    title: Text
    owner: str = ""
    steps: Mapping[str, Step] = field(default_factory=dict)
    objectives: Mapping[str, Objective] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standards:
    """The written levels that services must reach, as compiled from a standards file.

    ``digest`` is a function of the content and of the version of the time-zone data alone.
    """

    timezone: str = "UTC"
    services: Mapping[str, Service] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    mappings: Mapping[str, MappingSpec] = field(default_factory=dict)
    lateness_ms: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""

    def windows(self) -> tuple[Window, ...]:
        """Standard windows and those of objectives, each once, in the order of their names' first appearance."""
        own = (o.window for s in self.services.values() for o in s.objectives.values())
        return tuple({w.name: w for w in (*STANDARD_WINDOWS, *own)}.values())
