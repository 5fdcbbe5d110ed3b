"""Time zones, calendar periods and business hours, as half-open intervals of integer milliseconds since 1970.

The entries are `LocalTime` in `local_time`, `Window` in `periods` and `Calendar` in `business_hours`. The current time
has no place here, nor the system's own time-zone data.
"""
