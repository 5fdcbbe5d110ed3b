"""Rekeying: records of topics that are not keyed by service, made into records that are.

An event in the wire format, CloudEvents included, passes byte for byte under its service. A topic that the standards
map is mapped here, once, so that what is rekeyed always has the wire format; records that the mapping drops end here.
Values that the mapping could not read are told in their places, to be counted where the event is.
So do the monitor's own control records, which speak of the log that they stand in.

A record that is no event passes too, under the name of its source partition: whoever monitors the rekeyed topic
rejects it there, as this module did here, and writes the one dead letter that there is of it. Two kinds pass changed,
for otherwise they could not pass, or would be taken for what they are not:

- a value above `LARGEST` is cut down to what is still too large for an event; the header `SIZE` has its true size;
- a record that does not fit its topic's mapping but happens to read as the wire format gets `UNMAPPED` in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import msgspec
import orjson

from streams.decoding.batch import Batch, record_digest
from streams.decoding.decode import Rejection, decode_values
from streams.events.cloud_event import wrap
from streams.events.event import MAX_BYTES, Event, Interaction
from streams.events.rejections import Reason, Unreadable
from streams.events.wire_format import UNREADABLE
from streams.mappings.mapping import Mapper
from streams.mappings.paths import Path

#: Header of every rekeyed record: `TOPIC/PARTITION/OFFSET` of the record that it was made from.
SOURCE: Final = "slm-source"
#: Header of records that are no events: the reason, as found by the mapping of the topic that they come from.
REASON: Final = "slm-reason"
#: Header of records that were cut: bytes that the value had.
SIZE: Final = "slm-size"

#: Longest value that passes whole, in bytes; far above what an event may have, and far below what a topic takes.
LARGEST: Final = 4 * MAX_BYTES
#: What no JSON begins with.
UNMAPPED: Final = b"unmapped: "


class Rekeyed(NamedTuple):
    """A record as it goes to the rekeyed topic.

    Args:
        offset: of the source record.
        timestamp_ms: of the source record; `NO_TIMESTAMP` where it has none.
        key: the service, or the source partition of a record that is no event.
        value: as it is monitored.
        reason: why it is no event; None: it is one.
        size: bytes of a value that was cut; None: it was not.
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
    """What became of a batch: its records in log order, how many were dropped on purpose, and how many mapped."""

    records: Sequence[Rekeyed]
    dropped: int
    mapped: int = 0

    @property
    def rejected(self) -> int:
        """How many of the records are no events."""
        return sum(record.reason is not None for record in self.records)


def place_of(topic: str, partition: int) -> str:
    """A source partition as keys and headers have it; no topic has a slash in its name."""
    return f"{topic}/{partition}"


def origin_of(header: bytes) -> tuple[str, int] | None:
    """Source partition, as `place_of` names it, and offset in a `SOURCE` header; None where it holds neither."""
    place, _, offset = header.decode("utf-8", "replace").rpartition("/")
    return (place, int(offset)) if offset.isascii() and offset.isdecimal() else None


def rekey(batch: Batch, mapper: Mapper | None = None, sought: set[Path] | None = None) -> Rekeying:
    """Make ``batch`` into records for the rekeyed topic; nothing that a record contains raises.

    Args:
        batch: records of one source partition.
        mapper: of the topic, where the standards have one.
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
    """Value for a record that is no event, which must not be one downstream either; its size, if it was cut."""
    if raw is not None and len(raw) > LARGEST:
        return raw[: MAX_BYTES + 1], len(raw)
    if mapped and not _rejections(raw):
        return UNMAPPED + (raw or b""), None
    return raw, None


def _rejections(raw: bytes | None) -> list[Rejection]:
    return decode_values([raw]).rejected


_FIELDS: Final = tuple((one.name, one.encode_name, one.default) for one in msgspec.structs.fields(Event))


def encode(event: Interaction, left_out: Mapping[str, Unreadable] | None = None, source: str = "") -> bytes:
    """``event`` in the wire format; fields that have their default are left out.

    What was ``left_out`` of it is told in its place, so that it is counted by whoever reads the event. One that was
    mapped from a CloudEvent stays one, for its ``source`` is part of what tells it from others.
    """
    values = ((name, getattr(event, field, default), default) for field, name, default in _FIELDS)
    document = {name: value for name, value, default in values if value is not default and value != default}
    document |= {name: {UNREADABLE: one.reason} for name, one in (left_out or {}).items()}
    return orjson.dumps(wrap(document, source) if source else document)


class Baseline(NamedTuple):
    """What is known for good of a source partition in the rekeyed topic.

    Everything before ``offset`` is there. What comes from ``offset`` on may be there or not, and lies, in each
    partition of the rekeyed topic, at or behind its number in ``ends``.
    """

    offset: int
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RekeyMark:
    """What is kept beside the offset up to which a source partition has been rekeyed.

    ``timestamp_ms`` and ``digest`` tell whether the source still has the last record that was rekeyed.
    """

    timestamp_ms: int
    digest: str
    baseline: Baseline

    @classmethod
    def of(cls, batch: Batch, baseline: Baseline) -> Self:
        """Mark for the last record of ``batch``, which is not empty."""
        return cls(int(batch.timestamps[-1]), record_digest(batch.values[-1]), baseline)

    def to_text(self) -> str:
        """As metadata of a committed offset."""
        offset, ends = self.baseline
        return f"slm1 {self.timestamp_ms} {self.digest} {offset} {','.join(map(str, ends))}"

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Mark in the metadata of a committed offset; None where somebody else has committed it."""
        match text.split(" "):
            case ["slm1", timestamp, digest, offset, ends]:
                return cls(int(timestamp), digest, Baseline(int(offset), tuple(map(int, ends.split(",")))))
        return None

    def matches(self, timestamp_ms: int, value: bytes | None) -> bool:
        """Whether this is the record that was rekeyed last."""
        return (self.timestamp_ms, self.digest) == (timestamp_ms, record_digest(value))
