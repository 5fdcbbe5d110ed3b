"""A batch of records as columns: key codes, times, durations and identities of its events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from streams.decoding.batch import LATEST_MS
from streams.decoding.decode import Decoding, Rejection, decode_values
from streams.decoding.inferred_schema import EventColumns, FloatArray, floats, readable_of
from streams.decoding.key_dictionary import KeyDictionary
from streams.events.control_records import STANDARDS
from streams.events.event import ControlRecord, Event, Interaction, Kind
from streams.events.identity import NO_ID, SPREAD, IdArray, Seed, hashes
from streams.events.rejections import Reason, Unreadable
from streams.mappings.mapping import Mapper
from streams.mappings.paths import Path
from streams.slices.sparse_table import IntArray, sorting

BoolArray = npt.NDArray[np.bool_]
#: Duration of an event without one, in microseconds.
ABSENT: Final = -1
#: Event times are valid from 1970 up to the year 3000: Python's calendar ends with the year 9999, and the days, periods
#: and windows of an event have to end before that, in every time zone.
LATEST_SECONDS: Final = LATEST_MS / 1_000
#: Records that are decoded and made into columns at a time: few enough for their objects to stay in the CPU's cache.
_PIECE: Final = 1_024
_NO_INTS: Final = np.empty(0, np.int64)
_NO_FLOATS: Final = np.empty(0, np.float64)
_PROBE: Final = Kind.PROBE.value
_kind: Final = attrgetter("kind")
_id: Final = attrgetter("id")
_case: Final = attrgetter("case")
_time: Final = attrgetter("time")
_duration: Final = attrgetter("duration")


@dataclass(frozen=True, slots=True)
class Observations:
    """Events in log order, as columns of equal length.

    Attributes:
        positions: of the event's record in the batch.
        codes: of the event's key, see `KeyDictionary`.
        times_ms: event time in milliseconds since 1970; 0 where it is not valid.
        valid: whether the event time is in the accepted range.
        durations_us: in microseconds, or `ABSENT`.
        identities: equal for duplicates (see `identity`), or `NO_ID`; None where no event has an id.
        whole: the events of which more is needed than columns, by position: probes, and those without a valid time.
    """

    positions: IntArray
    codes: IntArray
    times_ms: IntArray
    valid: BoolArray
    durations_us: IntArray
    identities: IdArray | None
    whole: dict[int, Interaction]

    def __len__(self) -> int:
        """Number of events."""
        return len(self.positions)

    def take(self, which: slice | BoolArray | IntArray) -> Observations:
        """Some of the events."""
        return Observations(
            self.positions[which],
            self.codes[which],
            self.times_ms[which],
            self.valid[which],
            self.durations_us[which],
            None if self.identities is None else self.identities[which],
            self.whole,
        )


@dataclass(slots=True)
class BatchContent:
    """The content of the records of one batch."""

    observations: Observations
    rejected: list[Rejection] = field(default_factory=list)
    controls: list[tuple[int, ControlRecord]] = field(default_factory=list)  # with their positions
    unknown_fields: int = 0
    ignored: int = 0  # control records, and records that a mapping drops
    mapped: int = 0  # records that were given to a mapping
    found: frozenset[str] = frozenset()  # paths of the mapping that were sought and found in a record
    readable: Counter[str] = field(default_factory=Counter)  # values of optional fields, by field
    unreadable: Counter[tuple[str, Reason]] = field(default_factory=Counter)  # those left out of their events
    examples: dict[tuple[str, Reason], tuple[int, str]] = field(default_factory=dict)  # first position, and a line

    def proposals(self) -> list[tuple[int, ControlRecord]]:
        """The control records that name standards, with their positions."""
        return [(position, one) for position, one in self.controls if one.type == STANDARDS]

    def runs(self) -> Iterator[tuple[Observations, int, ControlRecord | None]]:
        """The events before each control record, with that record and its position; last those behind them all."""
        done = 0
        for position, control in self.controls:
            after = int(np.searchsorted(self.observations.positions, position))
            yield self.observations.take(slice(done, after)), position, control
            done = after
        yield self.observations.take(slice(done, None)) if done else self.observations, -1, None


def read_batch(
    values: Sequence[bytes | None],
    dictionary: KeyDictionary,
    mapper: Mapper | None = None,
    sought: Collection[Path] = (),
) -> BatchContent:
    """Decode every record into columns; nothing that a record contains raises.

    ``sought`` are the paths of the mapping that no record has had so far.
    """
    events, decodings, missing = _Events(), list[Decoding](), set(sought)
    for first in range(0, len(values), _PIECE):
        piece, various = values[first : first + _PIECE], dictionary.kind != Kind.INTERACTION
        decoding = decode_values(piece, mapper, schema=dictionary.schema, various=various, first=first, sought=missing)
        events.add(decoding, dictionary)
        decoding.events, decoding.matched = [], []  # freed before the next piece is decoded
        decodings.append(decoding)
    observations = events.observations(dictionary)
    for position in observations.positions[~observations.valid].tolist():
        (observations.whole[position],) = decode_values([values[position]], mapper).events
    content = BatchContent(
        observations,
        mapped=sum(decoding.mapped for decoding in decodings),
        found=frozenset(map(str, {*sought} - missing)),
        readable=events.readable,
        rejected=[rejection for decoding in decodings for rejection in decoding.rejected],
        controls=[control for decoding in decodings for control in decoding.controls],
        unknown_fields=sum(decoding.unknown_fields for decoding in decodings),
        ignored=sum(decoding.ignored for decoding in decodings),
    )
    for position, left_out in sorted(one for decoding in decodings for one in decoding.left_out.items()):
        _note_left_out(content, position, left_out)
    return content


def _note_left_out(content: BatchContent, position: int, left_out: Mapping[str, Unreadable]) -> None:
    for name, one in left_out.items():
        content.unreadable[name, one.reason] += 1
        content.examples.setdefault((name, one.reason), (position, one.detail))


class _Events:
    """The columns of events, collected piece by piece."""

    def __init__(self) -> None:
        self.codes: list[IntArray] = []
        self.times: list[FloatArray] = []
        self.durations: list[FloatArray] = []
        self.ids: list[str | None] = []
        self.scopes: list[IdArray | None] = []  # parts of identities beside ids, times and codes
        self.readable = Counter[str]()
        self.positions: list[IntArray] = []
        self.probes: dict[int, Interaction] = {}
        self.ordered = True

    def add(self, decoding: Decoding, dictionary: KeyDictionary) -> None:
        """Add the events of a piece."""
        if decoding.matched:
            assert dictionary.schema is not None
            self._add(dictionary.schema.columns(decoding.matched), decoding.matched_positions, {})
        if decoding.events:
            self.ordered = self.ordered and not decoding.matched
            self._add(_columns(decoding.events, dictionary), decoding.positions, decoding.sources)
        dictionary.note(len(decoding.matched), decoding.kinds)
        if decoding.kinds[_PROBE]:
            found = zip(decoding.positions.tolist(), decoding.events, map(_kind, decoding.events), strict=True)
            self.probes |= {position: event for position, event, kind in found if kind == _PROBE}

    def _add(self, columns: EventColumns, positions: IntArray, sources: Mapping[int, str]) -> None:
        self.codes.append(columns.codes)
        self.times.append(columns.times)
        self.durations.append(columns.durations)
        self.ids += [None] * len(positions) if columns.ids is None else columns.ids
        self.scopes.append(_scopes(columns, positions, sources))
        self.readable.update(columns.readable)
        self.positions.append(positions)

    def observations(self, dictionary: KeyDictionary) -> Observations:
        """All events, in log order."""
        times, valid = times_ms(np.concatenate([_NO_FLOATS, *self.times]))
        codes = np.concatenate([_NO_INTS, *self.codes])
        found = Observations(
            np.concatenate([_NO_INTS, *self.positions]),
            codes,
            times,
            valid,
            durations_us(np.concatenate([_NO_FLOATS, *self.durations])),
            self._identities(times, codes, dictionary),
            self.probes,
        )
        return found if self.ordered else found.take(sorting(found.positions))

    def _identities(self, times: IntArray, codes: IntArray, dictionary: KeyDictionary) -> IdArray | None:
        """Identity of each event by id, time and scope; `NO_ID` for those without an id. None if no event has one."""
        found = hashes(self.ids, len(self.ids) - self.readable["id"], Seed.ID)
        if found is None:
            return None
        absent = found == NO_ID
        found += times.astype(np.uint64) * SPREAD
        found += dictionary.scopes[codes]
        if any(part is not None for part in self.scopes):
            lengths = map(len, self.positions)
            parts = (
                np.zeros(count, np.uint64) if part is None else part
                for part, count in zip(self.scopes, lengths, strict=True)
            )
            found += np.concatenate(list(parts))
        found[absent] = NO_ID
        return found


def _columns(events: Sequence[Interaction], dictionary: KeyDictionary) -> EventColumns:
    """Columns of ``events``, none of which matches the schema."""
    ids = list(map(_id, events))
    identified = ids.count(None) < len(ids)
    return EventColumns(
        np.array(dictionary.codes_of(events), np.int64),
        floats(list(map(_time, events))),
        floats(list(map(_duration, events))),
        readable_of(events),
        ids if identified else None,
        list(map(_case, events)) if identified else None,
        [event.transition if isinstance(event, Event) else None for event in events] if identified else None,
    )


def _scopes(columns: EventColumns, positions: IntArray, sources: Mapping[int, str]) -> IdArray | None:
    """Parts of identities that cases, transitions and sources of CloudEvents make up; None where there are none."""
    if columns.ids is None:
        return None
    named = [sources.get(position) for position in positions.tolist()] if sources else None
    parts = ((columns.cases, Seed.CASE), (columns.transitions, Seed.TRANSITION), (named, Seed.SOURCE))
    known = ((texts, seed) for texts, seed in parts if texts is not None)
    found = [part for texts, seed in known if (part := hashes(texts, texts.count(None), seed)) is not None]
    return sum(found[1:], found[0]) if found else None


def times_ms(seconds: FloatArray) -> tuple[IntArray, BoolArray]:
    """Event times in integer milliseconds (half to even), and which of them are valid: from 1970 up to the year 3000.

    Times that are not valid are 0 in the first array.
    """
    rounded = np.rint(np.clip(seconds, -1.0, LATEST_SECONDS) * 1_000.0)
    valid = (rounded >= 0) & (rounded < LATEST_SECONDS * 1_000.0)
    milliseconds: IntArray = np.where(valid, rounded, 0.0).astype(np.int64)
    return milliseconds, valid


def durations_us(seconds: FloatArray) -> IntArray:
    """Durations in integer microseconds (half to even); `ABSENT` for NaN, which stands for no duration."""
    absent = np.isnan(seconds)
    microseconds: IntArray = np.rint(np.where(absent, 0.0, seconds) * 1_000_000.0).astype(np.int64)
    microseconds[absent] = ABSENT
    return microseconds
