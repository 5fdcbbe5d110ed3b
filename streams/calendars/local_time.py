"""Local time: days, hours and calendar periods of a time zone.

Instants are integer milliseconds since 1970; intervals are half-open. Everything follows from one rule: a reading of
the local clock stands for the *first instant at which the clock shows it or a later one*. So days tile time without gap
or overlap, in zones that skip midnight (or, as Apia in 2011, a whole day) and in zones that repeat an hour.

Zones come from the tzdata wheel alone: `zoneinfo` by itself prefers the system's data, which differs between machines.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped] # its stubs are a package of their own, for one constant

from streams.calendars.periods import DAY_MS, Period

HOUR_MS: Final = 3_600_000
#: Version of the time-zone data, which decides what local time means.
TZDATA_VERSION: Final[str] = tzdata.IANA_VERSION

Interval = tuple[int, int]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_MS: Final = timedelta(milliseconds=1)
_DAY: Final = timedelta(days=1)
#: Days from the first day of a period that always lead into the next period, and never beyond it.
_STRIDE: Final = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92, Period.YEAR: 366}
#: Entries kept per zone and kind of look-up: eleven years of days.
_CACHED: Final = 4_096


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Names of all time zones of the tz database."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Time zone ``name`` from the tzdata wheel. Raises `LookupError` for an unknown one."""
    if name not in zone_names():
        message = f"{name!r} is no time zone of the tz database {TZDATA_VERSION}"
        raise LookupError(message)
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


class LocalTime:
    """Days, hours and periods of one time zone. Look-ups are cached, because every roll-up needs them."""

    def __init__(self, zone_name: str) -> None:
        """Read the zone. Raises `LookupError` for an unknown one."""
        self.zone_name = zone_name
        self._zone = zone(zone_name)
        self._days = lru_cache(maxsize=_CACHED)(self._days_of_utc_day)
        self._periods = lru_cache(maxsize=_CACHED)(self._period_of_day)

    def day(self, t_ms: int) -> Interval:
        """Local day that contains ``t_ms``: 23 to 25 hours long, as a rule."""
        for bounds in self._days(t_ms // DAY_MS):
            if t_ms < bounds[1]:
                return bounds
        message = f"no local day contains {t_ms}"
        raise AssertionError(message)

    def hour(self, t_ms: int) -> Interval:
        """Hour slice that contains ``t_ms``: hours elapsed since the local day began, the last cut at the day's end."""
        start, end = self.day(t_ms)
        begun = t_ms - (t_ms - start) % HOUR_MS
        return begun, min(begun + HOUR_MS, end)

    def hours(self, t_ms: int) -> tuple[Interval, ...]:
        """All hour slices of the local day that contains ``t_ms``; they tile it."""
        start, end = self.day(t_ms)
        return tuple((begun, min(begun + HOUR_MS, end)) for begun in range(start, end, HOUR_MS))

    def period(self, kind: Period, t_ms: int) -> Interval:
        """Calendar period that contains ``t_ms``. Weeks begin on Monday (ISO 8601)."""
        return self._periods(kind, self.day(t_ms)[0])

    def local_date(self, t_ms: int) -> date:
        """Date on the local clock at ``t_ms``."""
        return self._clock(t_ms).date()

    def instant(self, wall: datetime) -> int:
        """First instant at which the local clock shows ``wall`` (a naive date and time) or a later one."""
        before = _to_ms(wall - self._offset(wall.replace(fold=0)))
        if self._clock(before) == wall:
            return before
        return self._end_of_gap(wall, before)

    def start_of(self, day: date) -> int:
        """Instant at which ``day`` begins."""
        return self.instant(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - a reading of the local clock

    def _end_of_gap(self, wall: datetime, late: int) -> int:
        """Instant at which the clock skips ``wall``; at most ``late``."""
        early = _to_ms(wall - self._offset(wall.replace(fold=1)))
        while late - early > 1:
            middle = (early + late) // 2
            if self._clock(middle) >= wall:
                late = middle
            else:
                early = middle
        return late

    def _clock(self, t_ms: int) -> datetime:
        utc = _EPOCH + timedelta(milliseconds=t_ms)
        return self._zone.fromutc(utc.replace(tzinfo=self._zone)).replace(tzinfo=None, fold=0)

    def _offset(self, wall: datetime) -> timedelta:
        offset = self._zone.utcoffset(wall)
        assert offset is not None
        return offset

    def _days_of_utc_day(self, number: int) -> tuple[Interval, ...]:
        """Every local day that shares an instant with the UTC day ``number`` since 1970, in order."""
        first, after = number * DAY_MS, (number + 1) * DAY_MS
        day = self.local_date(first) - _DAY
        starts = [self.start_of(day)]
        while starts[-1] < after:
            day += _DAY
            starts.append(self.start_of(day))
        return tuple((start, end) for start, end in pairwise(starts) if end > max(start, first))

    def _period_of_day(self, kind: Period, day_start_ms: int) -> Interval:
        first = first_day(kind, self.local_date(day_start_ms))
        return self.start_of(first), self.start_of(following(kind, first))


def first_day(kind: Period, day: date) -> date:
    """First day of the period that contains ``day``."""
    match kind:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Period.YEAR:
            return day.replace(month=1, day=1)


def following(kind: Period, first: date) -> date:
    """First day of the period after the one that begins on ``first``."""
    return first_day(kind, first + timedelta(days=_STRIDE[kind]))


@lru_cache(maxsize=64)
def local_time(zone_name: str) -> LocalTime:
    """Shared `LocalTime` of a zone, with its cache. Raises `LookupError` for an unknown zone."""
    return LocalTime(zone_name)


def period(kind: Period, t_ms: int, zone_name: str) -> Interval:
    """Calendar period of ``zone_name`` that contains ``t_ms``."""
    return local_time(zone_name).period(kind, t_ms)


def _to_ms(naive_utc: datetime) -> int:
    return (naive_utc - _EPOCH) // _MS
