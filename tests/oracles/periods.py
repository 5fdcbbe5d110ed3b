"""Where slices, hours, days and calendar periods begin and end, by the words of the rules of time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from streams.calendars.periods import Period

SLICE = 10_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: Slices at this age (oldest last) have this length. Of counts, and of distributions.
COUNT_AGES = ((HOUR, "slice"), (DAY, "5 min"), (8 * DAY, "hour"), (math.inf, "day"))
DISTRIBUTION_AGES = ((HOUR, "slice"), (DAY, "5 min"), (2 * DAY, "hour"), (math.inf, "day"))


def slice_end(time: int) -> int:
    return time // SLICE * SLICE + SLICE


class Periods:
    """Begins and ends of periods in one time zone, in milliseconds of event time."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._last: dict[Period, tuple[int, int]] = {}  # of each kind, the one that was asked for last

    def bounds(self, length: str, time: int) -> tuple[int, int]:
        if length == "slice":
            return time // SLICE * SLICE, slice_end(time)
        day, day_end = self.at(Period.DAY, time)
        if length == "day":
            return day, day_end
        hour = day + (time - day) // HOUR * HOUR
        hour_end = min(hour + HOUR, day_end)
        if length == "hour":
            return hour, hour_end
        five = hour + (time - hour) // (5 * MINUTE) * 5 * MINUTE
        return five, min(five + 5 * MINUTE, hour_end)

    def at(self, period: Period, time: int) -> tuple[int, int]:
        begins, ends = self._last.get(period, (0, 0))
        if not begins <= time < ends:  # as a rule one asks of the same day again and again
            begins, ends = self._last[period] = self._at(period, time)
        return begins, ends

    def _at(self, period: Period, time: int) -> tuple[int, int]:
        local = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(milliseconds=time)
        day = local.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
        if period is Period.DAY:
            first, following = day, day + timedelta(days=1)
        elif period is Period.WEEK:
            first = day - timedelta(days=day.weekday())
            following = first + timedelta(days=7)
        else:
            months = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}[period]
            first = day.replace(month=(day.month - 1) // months * months + 1, day=1)
            carry, month = divmod(first.month - 1 + months, 12)
            following = first.replace(year=first.year + carry, month=month + 1)
        return self._instant(first), self._instant(following)

    def _instant(self, wall: datetime) -> int:
        return round(wall.replace(tzinfo=self._zone).timestamp() * 1_000)
