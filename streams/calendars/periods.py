"""Windows and calendar periods: the intervals of event time that figures cover."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

DAY_MS: Final = 86_400_000


class Period(enum.StrEnum):
    """A calendar period in the time zone of the standards."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_LONGEST_DAYS: Final = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92, Period.YEAR: 366}


@dataclass(frozen=True, slots=True)
class Window:
    """Event time that a figure covers: the last ``rolling_ms``, or the calendar ``period`` so far. One is set."""

    name: str
    rolling_ms: int | None = None
    period: Period | None = None

    @property
    def longest_ms(self) -> int:
        """Longest possible length in milliseconds, without the hour that a change of the clocks may add."""
        return (self.rolling_ms or 0) if self.period is None else _LONGEST_DAYS[self.period] * DAY_MS


#: Windows exposed for every service and step, beside those of objectives.
STANDARD_WINDOWS: Final = (
    Window("5m", rolling_ms=300_000),
    Window("1h", rolling_ms=3_600_000),
    Window("1d", rolling_ms=DAY_MS),
)
