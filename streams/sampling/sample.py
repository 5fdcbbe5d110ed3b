"""The report on a sample of a log, made by `sampler` and written by `slm check --sample`.

The docstrings of these classes are published: they are the descriptions in `check.v1.schema.json`.
"""

from __future__ import annotations

from typing import Any

import msgspec


class SampleEvent(msgspec.Struct, frozen=True):
    """An event, as in the wire format, and the ``line`` of the log that became it."""

    line: int
    event: dict[str, Any]


class RefusedRecords(msgspec.Struct, frozen=True):
    """How many records are no events for one ``reason``, with the first of them."""

    reason: str
    records: int
    line: int
    detail: str


class LeftOut(msgspec.Struct, frozen=True):
    """How many events count without their value of ``field`` for one ``reason``, with the first of them."""

    field: str
    reason: str
    events: int
    line: int
    detail: str


class UnknownField(msgspec.Struct, frozen=True):
    """How many records have a field that the wire format does not, and which one was probably ``meant``."""

    name: str
    records: int
    meant: str | None


class PathUse(msgspec.Struct, frozen=True):
    """In how many records a path of the mapping was found, and where it never was, which one was probably ``meant``.

    ``fields`` are those whose rules look at it; `drop_when` is among them where the mapping drops records by it.
    """

    path: str
    fields: tuple[str, ...]
    found: int
    of: int
    meant: str | None


class ConditionUse(msgspec.Struct, frozen=True):
    """In how many records a condition of ``field`` held, by itself, and in how many it ``could_not_compare``."""

    field: str
    condition: str
    held: int
    could_not_compare: int
    of: int


class MissingKey(msgspec.Struct, frozen=True):
    """A value, as JSON writes it, that a table has no entry for."""

    value: str
    records: int


class TableUse(msgspec.Struct, frozen=True):
    """In how many records a table of ``field`` was looked at, and what it had no entry for, most frequent first."""

    field: str
    path: str
    looked_up: int
    no_entry: int
    missing: tuple[MissingKey, ...]
    of: int


class Sample(msgspec.Struct, frozen=True):
    """What the first records of a log become.

    ``ignored`` are control records, and what the mapping drops. ``ok``: at least one record is an event, and every path
    of the mapping was found in at least one record.
    """

    log: str
    topic: str
    mapped: bool
    ok: bool
    records: int
    accepted: int
    ignored: int
    events: tuple[SampleEvent, ...]
    rejected: tuple[RefusedRecords, ...]
    left_out: tuple[LeftOut, ...]
    unknown_fields: tuple[UnknownField, ...]
    paths: tuple[PathUse, ...]
    conditions: tuple[ConditionUse, ...]
    tables: tuple[TableUse, ...]

    @property
    def never_found(self) -> tuple[PathUse, ...]:
        """Paths that no record has."""
        return tuple(path for path in self.paths if not path.found)
