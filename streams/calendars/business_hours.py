"""Business hours: a clock that runs while the office is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final

from streams.calendars.local_time import Interval, LocalTime, local_time

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """A business clock: it runs while the office is open.

    ``weekly`` holds, from Monday, each day's opening hours as minutes of the local clock, sorted; an end past 1440 is
    after midnight. A shift belongs to the day on which it begins: a holiday cancels the shifts that begin on it, but
    not the one that began the evening before. ``workdays`` (make-up working days, 调休) are open on any weekday and
    even within holidays, with the weekday's own hours or, if it has none, those of the week's first working day.
    Elapsed time counts: a night shift is an hour shorter or longer when the clocks change.
    """

    zone: str
    weekly: tuple[tuple[Interval, ...], ...]
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    _shifts_by_day: dict[date, tuple[Interval, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Refuse a clock that never runs. Raises `ValueError`, or `LookupError` for an unknown zone."""
        if len(self.weekly) != 7 or not any(self.weekly):  # noqa: PLR2004 - days of a week
            message = "a business clock has seven days, and hours on one of them at least"
            raise ValueError(message)
        local_time(self.zone)

    def worked_ms(self, start_ms: int, end_ms: int) -> int:
        """Milliseconds that the clock runs within [``start_ms``, ``end_ms``); 0 for an empty interval."""
        return sum(min(closes, end_ms) - opens for opens, closes in self._open_from(start_ms, end_ms))

    def add(self, start_ms: int, worked_ms: int) -> int:
        """First instant at which the clock has run ``worked_ms`` since ``start_ms``: the deadline.

        If the time is used up exactly at closing time, that is the deadline, not the next opening.
        """
        if worked_ms <= 0:
            return start_ms
        for opens, closes in self._open_from(start_ms, None):
            if worked_ms <= closes - opens:
                return opens + worked_ms
            worked_ms -= closes - opens
        raise AssertionError  # the clock runs every week

    def is_open(self, t_ms: int) -> bool:
        """Whether the clock runs at ``t_ms``."""
        return self.worked_ms(t_ms, t_ms + 1) == 1

    def _open_from(self, start_ms: int, end_ms: int | None) -> Iterator[Interval]:
        """Open intervals from ``start_ms`` on that begin before ``end_ms``, in order and without overlap."""
        covered = start_ms
        # Yesterday's night shift may still run; one day more where clocks turn back.
        day = self._local.local_date(start_ms) - 2 * _DAY
        while end_ms is None or self._local.start_of(day) < end_ms:
            for opens, closes in self._shifts(day):
                begins = max(opens, covered)
                if begins < closes and (end_ms is None or begins < end_ms):
                    yield begins, closes
                    covered = closes
            day += _DAY

    def _shifts(self, day: date) -> tuple[Interval, ...]:
        """Shifts that begin on ``day``, as instants."""
        found = self._shifts_by_day.get(day)
        if found is None:
            found = self._shifts_by_day[day] = tuple(self._on_clock(day, hours) for hours in self._hours(day))
        return found

    def _on_clock(self, day: date, hours: Interval) -> Interval:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a reading of the local clock
        opens, closes = (self._local.instant(midnight + timedelta(minutes=minute)) for minute in hours)
        return opens, closes

    def _hours(self, day: date) -> tuple[Interval, ...]:
        if day in self.workdays:
            return self.weekly[day.weekday()] or next(hours for hours in self.weekly if hours)
        return () if day in self.holidays else self.weekly[day.weekday()]

    @cached_property
    def _local(self) -> LocalTime:
        return local_time(self.zone)
