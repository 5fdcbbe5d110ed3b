"""A sample of a log, decoded record by record: its events, its rejected records, and how a mapping fits it.

The result for each record is that of decoding. Lateness and duplicates depend on other records and are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from streams.decoding.batch import LATEST_MS
from streams.events.cloud_event import SPECVERSION
from streams.events.control_records import is_own
from streams.events.event import KNOWN_FIELDS, Event, Interaction, Kind
from streams.events.rejections import BadEvent, Reason, Unreadable
from streams.events.wire_format import control_of, from_document, parse_document
from streams.mappings.mapping import MappingSpec, compile_mapping
from streams.sampling.mapping_use import MappingUse
from streams.sampling.sample import LeftOut, RefusedRecords, Sample, SampleEvent, UnknownField
from streams.sampling.spelling import meant_field

#: Events that are reported, and most unknown fields that are counted separately.
SHOWN: Final = 5
_MOST_FIELDS: Final = 1_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: Final = tuple((one.name, one.encode_name, one.default) for one in msgspec.structs.fields(Event))


class Sampler:
    """Decodes the records of a sample one by one. ``spec`` is the mapping of its topic; None: the wire format."""

    def __init__(self, spec: MappingSpec | None) -> None:
        """Start without records."""
        self._mapper = compile_mapping(spec) if spec is not None else None
        self._use = MappingUse(spec) if spec is not None else None
        self._records = self._accepted = self._ignored = 0
        self._events: list[SampleEvent] = []
        self._refused: dict[Reason, RefusedRecords] = {}
        self._left_out: dict[tuple[str, Reason], LeftOut] = {}
        self._unknown: dict[str, int] = {}
        self._known: set[str] = set()  # fields of the wire format that records have

    def add(self, line: int, raw: bytes) -> None:
        """Decode the record in ``line`` of the log."""
        self._records += 1
        try:
            document = parse_document(raw)
            if self._is_control(document):
                control_of(document)
                event = None
            else:
                event = self._event(line, document)
        except BadEvent as bad:
            self._refuse(line, bad)
            return
        if event is None:
            self._ignored += 1
            return
        self._accepted += 1
        if len(self._events) < SHOWN:
            self._events.append(SampleEvent(line, shown(event)))

    def sample(self, log: str, topic: str) -> Sample:
        """Report on the records so far of ``log``, read as ``topic``."""
        use = self._use
        paths = use.paths() if use else ()
        return Sample(
            log=log,
            topic=topic,
            mapped=use is not None,
            ok=self._accepted > 0 and all(path.found for path in paths),
            records=self._records,
            accepted=self._accepted,
            ignored=self._ignored,
            events=tuple(self._events),
            rejected=tuple(sorted(self._refused.values(), key=lambda each: (-each.records, each.reason))),
            left_out=tuple(self._left_out[key] for key in sorted(self._left_out)),
            unknown_fields=tuple(
                UnknownField(name, records, self._meant(name))
                for name, records in sorted(self._unknown.items(), key=lambda each: (-each[1], each[0]))
            ),
            paths=paths,
            conditions=use.conditions() if use else (),
            tables=use.tables() if use else (),
        )

    def _is_control(self, document: Mapping[str, object]) -> bool:
        return document.get("kind") == Kind.CONTROL if self._mapper is None else is_own(document)

    def _event(self, line: int, document: dict[str, object]) -> Interaction | None:
        """Event in ``document``; None where the mapping drops it. Raises `BadEvent`."""
        if self._mapper is None:
            self._note_unknown(document)
        elif (mapped := self._mapped(document)) is None:
            return None
        else:
            document = mapped
        decoded = from_document(document)
        assert decoded.event is not None
        _require_time(decoded.event)
        for name, value in decoded.unreadable.items():
            self._leave_out(line, name, value)
        return decoded.event

    def _mapped(self, document: dict[str, object]) -> dict[str, object] | None:
        assert self._mapper is not None
        assert self._use is not None
        dropped = False
        try:
            mapped = self._mapper.map(document)
            dropped = mapped is None
        finally:
            self._use.add(document, dropped=dropped)
        return mapped

    def _refuse(self, line: int, bad: BadEvent) -> None:
        first = self._refused.get(bad.reason) or RefusedRecords(bad.reason, 0, line, bad.detail)
        self._refused[bad.reason] = msgspec.structs.replace(first, records=first.records + 1)

    def _leave_out(self, line: int, name: str, value: Unreadable) -> None:
        key = name, value.reason
        first = self._left_out.get(key) or LeftOut(name, value.reason, 0, line, value.detail)
        self._left_out[key] = msgspec.structs.replace(first, events=first.events + 1)

    def _meant(self, name: str) -> str | None:
        """Field that ``name`` probably means, unless records have that field too."""
        meant = meant_field(name)
        return None if meant in self._known else meant

    def _note_unknown(self, document: Mapping[str, object]) -> None:
        data = document.get("data") if SPECVERSION in document else document
        for name in data if isinstance(data, dict) else ():
            if name in KNOWN_FIELDS:
                self._known.add(name)
            elif name in self._unknown or len(self._unknown) < _MOST_FIELDS:
                self._unknown[name] = self._unknown.get(name, 0) + 1


def shown(event: Interaction) -> dict[str, Any]:
    """``event`` in the wire format, with times as texts; fields with their default value are left out."""
    values = ((name, getattr(event, field, default), default) for field, name, default in _FIELDS)
    return {
        name: _instant(value) if name in {"time", "due"} else value
        for name, value, default in values
        if value is not default and value != default
    }


def _instant(time: float | datetime) -> str | float:
    """RFC 3339 in UTC, to the microsecond; unchanged where the calendar does not reach."""
    try:
        moment = time.astimezone(UTC) if isinstance(time, datetime) else _EPOCH + timedelta(seconds=time)
    except (OverflowError, ValueError):
        return time if isinstance(time, float) else time.isoformat()
    return moment.isoformat().replace("+00:00", "Z")


def _require_time(event: Interaction) -> None:
    """Raise `BadEvent` where the time of ``event`` is out of the accepted range, as when a log is read."""
    time = event.time
    seconds = time.timestamp() if isinstance(time, datetime) else time
    if not 0 <= round(min(max(seconds, -1.0), LATEST_MS / 1_000) * 1_000) < LATEST_MS:
        rule = "seconds since 1970, before the year 3000; other units are named in the mapping, as in unit: ms"
        raise BadEvent(Reason.TIME_OUT_OF_RANGE, f"time: {time}; {rule}")
