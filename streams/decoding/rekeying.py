"""Rekeying: turns records of topics that are not keyed by service into records that are.

An event in the wire format, CloudEvents included, passes byte for byte under its service. A topic with a mapping is
mapped here, once, so that rekeyed events always have the wire format. A value that the mapping could not read is
replaced by the reason, to be counted where the event is. Two kinds of records end here: those that the mapping drops,
and the monitor's own control records, which apply only to the log that they are in.

A record that is no event passes too, under the name of its source partition: the monitor of the rekeyed topic rejects
it as this module does, and writes its only dead letter. Two kinds of these pass changed, because unchanged they could
not pass, or would be accepted as events:

- a value above `LARGEST` is cut to a size that is still too large for an event; the header `SIZE` has its true size;
- a record that does not fit its topic's mapping but happens to be an event in the wire format gets the prefix
  `UNMAPPED`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import msgspec
import orjson

from streams.decoding.batch import Batch, record_digest
from streams.decoding.decode import decode_values
from streams.events.cloud_event import wrap
from streams.events.event import MAX_BYTES, Event, Interaction
from streams.events.rejections import Reason, Unreadable
from streams.events.wire_format import UNREADABLE
from streams.mappings.mapping import Mapper
from streams.mappings.paths import Path

#: Header of every rekeyed record: `TOPIC/PARTITION/OFFSET` of its source record.
SOURCE: Final = "slm-source"
#: Header of records that are no events: the reason, as found here with the mapping of their topic.
REASON: Final = "slm-reason"
#: Header of records that were cut: size of the whole value in bytes.
SIZE: Final = "slm-size"

#: Largest value that passes whole, in bytes: far above the largest event, and far below Kafka's limit for records.
LARGEST: Final = 4 * MAX_BYTES
#: Prefix that makes any value invalid JSON.
UNMAPPED: Final = b"unmapped: "
_FIELDS: Final = tuple((one.name, one.encode_name, one.default) for one in msgspec.structs.fields(Event))


class Rekeyed(NamedTuple):
    """A record for the rekeyed topic.

    Args:
        offset: of the source record.
        timestamp_ms: of the source record; `NO_TIMESTAMP` where it has none.
        key: the service, or the source partition of a record that is no event.
        value: of the rekeyed record.
        reason: why it is no event; None for an event.
        size: of a value that was cut, in bytes; None for a whole value.
    """

    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes | None
    reason: Reason | None = None
    size: int | None = None

    def headers(self, place: str) -> list[tuple[str, bytes]]:
        """Kafka headers; ``place`` is the source partition, see `place_of`."""
        headers = [(SOURCE, f"{place}/{self.offset}".encode())]
        if self.reason is not None:
            headers.append((REASON, self.reason.encode()))
        if self.size is not None:
            headers.append((SIZE, str(self.size).encode()))
        return headers


@dataclass(frozen=True, slots=True)
class Rekeying:
    """A rekeyed batch: its records in log order, and how many were dropped on purpose and given to a mapping."""

    records: Sequence[Rekeyed]
    dropped: int
    mapped: int = 0

    @property
    def rejected(self) -> int:
        """Number of records that are no events."""
        return sum(record.reason is not None for record in self.records)


def place_of(topic: str, partition: int) -> str:
    """Name of a source partition in keys and headers; no topic has a slash in its name."""
    return f"{topic}/{partition}"


def origin_of(header: bytes) -> tuple[str, int] | None:
    """Source partition (as of `place_of`) and offset in a `SOURCE` header; None for a header of another form."""
    place, _, offset = header.decode("utf-8", "replace").rpartition("/")
    return (place, int(offset)) if offset.isascii() and offset.isdecimal() else None


def rekey(batch: Batch, mapper: Mapper | None = None, sought: set[Path] | None = None) -> Rekeying:
    """Turn ``batch`` into records for the rekeyed topic; nothing that a record contains raises.

    Args:
        batch: records of one source partition.
        mapper: of the topic, where the standards map it.
        sought: paths of the mapping; those that any record has are removed.
    """
    decoding = decode_values(batch.values, mapper, sought=sought)
    stamps, offsets = batch.timestamps.tolist(), batch.offsets.tolist()
    found: list[Rekeyed | None] = [None] * len(batch)
    for position, event in zip(decoding.positions.tolist(), decoding.events, strict=True):
        value = batch.values[position]
        if mapper is not None:
            value = encode(event, decoding.left_out.get(position, {}), decoding.sources.get(position, ""))
        found[position] = Rekeyed(offsets[position], stamps[position], event.service.encode(), value)
    key = place_of(batch.source, batch.partition).encode()
    for rejection in decoding.rejected:
        value, size = _rejected(batch.values[rejection.position], mapped=mapper is not None)
        at = rejection.position
        found[at] = Rekeyed(offsets[at], stamps[at], key, value, rejection.reason, size)
    records = [record for record in found if record is not None]
    return Rekeying(records, len(batch) - len(records), decoding.mapped)


def _rejected(raw: bytes | None, *, mapped: bool) -> tuple[bytes | None, int | None]:
    """Value for a record that is no event, such that it is none downstream either, and its size if it was cut."""
    if raw is not None and len(raw) > LARGEST:
        return raw[: MAX_BYTES + 1], len(raw)
    if mapped and not decode_values([raw]).rejected:
        return UNMAPPED + (raw or b""), None
    return raw, None


def encode(event: Interaction, left_out: Mapping[str, Unreadable] | None = None, source: str = "") -> bytes:
    """``event`` in the wire format; fields with their default value are left out.

    A value that was ``left_out`` is replaced by its reason, so that the reader of the event counts it. An event that
    was mapped from a CloudEvent stays one, because its ``source`` is part of its identity.
    """
    values = ((name, getattr(event, field, default), default) for field, name, default in _FIELDS)
    document = {name: value for name, value, default in values if value is not default and value != default}
    document |= {name: {UNREADABLE: one.reason} for name, one in (left_out or {}).items()}
    return orjson.dumps(wrap(document, source) if source else document)


class Baseline(NamedTuple):
    """How far a source partition is certainly in the rekeyed topic.

    All records before ``offset`` are there. Records from ``offset`` on may be there; if so, they lie at or behind the
    offset in ``ends``, which has one for each partition of the rekeyed topic.
    """

    offset: int
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RekeyMark:
    """Metadata of the committed offset up to which a source partition has been rekeyed.

    ``timestamp_ms`` and ``digest`` serve to check that the source still holds the record that was rekeyed last.
    """

    timestamp_ms: int
    digest: str
    baseline: Baseline

    @classmethod
    def of(cls, batch: Batch, baseline: Baseline) -> Self:
        """Mark for the last record of ``batch``, which is not empty."""
        return cls(int(batch.timestamps[-1]), record_digest(batch.values[-1]), baseline)

    def to_text(self) -> str:
        """The mark as text."""
        offset, ends = self.baseline
        return f"slm1 {self.timestamp_ms} {self.digest} {offset} {','.join(map(str, ends))}"

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """The mark in ``text``; None for metadata that another program committed."""
        match text.split(" "):
            case ["slm1", timestamp, digest, offset, ends]:
                return cls(int(timestamp), digest, Baseline(int(offset), tuple(map(int, ends.split(",")))))
        return None

    def matches(self, timestamp_ms: int, value: bytes | None) -> bool:
        """Whether this is the record that was rekeyed last."""
        return (self.timestamp_ms, self.digest) == (timestamp_ms, record_digest(value))
