"""Decoding of many records at once: the events among them, control records, and rejections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import attrgetter, itemgetter
from typing import Any, Final

import msgspec
import numpy as np

from streams.decoding.alike import events_without, together
from streams.decoding.fast_pass import REFUSALS, FastPass
from streams.decoding.inferred_schema import InferredSchema
from streams.decoding.json_lines import Lines
from streams.events.cloud_event import source_of
from streams.events.control_records import is_own
from streams.events.event import KNOWN_FIELDS, MAX_BYTES, ControlRecord, Interaction, Kind, may_lack, require_complete
from streams.events.rejections import BadEvent, Reason, Unreadable, classify_all, refused_field
from streams.events.wire_format import Decoded, control_of, decode_counting, from_document, parse_document
from streams.mappings.mapping import Mapper
from streams.mappings.paths import Path
from streams.slices.sparse_table import IntArray

_OPENING: Final = ord("{")
_INTERACTION: Final[str] = Kind.INTERACTION.value
_kind: Final = attrgetter("kind")


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """A rejected record: its position in the batch, the reason, and one line of text."""

    position: int
    reason: Reason
    detail: str


@dataclass(slots=True)
class Decoding:
    """The decoded records of one batch. ``positions`` gives the record of each event; both are in log order.

    Events of other kinds than interactions are of type `Event`. ``matched`` are events that the decoder of an inferred
    schema made, as objects of its own. ``left_out`` has, by position, the values that events lack because they cannot
    be read, and ``sources`` the sources of CloudEvents.
    """

    events: list[Interaction] = field(default_factory=list)
    positions: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    matched: list[Any] = field(default_factory=list)
    matched_positions: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    rejected: list[Rejection] = field(default_factory=list)
    controls: list[tuple[int, ControlRecord]] = field(default_factory=list)  # with their positions
    left_out: dict[int, Mapping[str, Unreadable]] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    unknown_fields: int = 0
    ignored: int = 0  # control records, and records that a mapping drops
    mapped: int = 0  # records that were given to a mapping
    first: int = 0  # position of the first record
    various: bool = False  # whether there may be other events than interactions
    kinds: Counter[str] = field(default_factory=Counter)  # number of events of each kind, without those matched


def decode_values(
    values: Sequence[bytes | None],
    mapper: Mapper | None = None,
    *,
    schema: InferredSchema | None = None,
    various: bool = False,
    first: int = 0,
    sought: set[Path] | None = None,
) -> Decoding:
    """Decode every record; nothing that a record contains raises.

    Args:
        values: the records.
        mapper: of a topic in another form than the wire format.
        schema: that most events are expected to match.
        various: whether most events are expected to be no interactions.
        first: position of the first record; positions count from there.
        sought: paths of the mapping; those that any record has are removed.
    """
    decoding = Decoding(first=first, various=various)
    if mapper is None:
        if not (isinstance(values, Lines) and schema and _decode_lines(values, decoding, schema)):
            _decode_records(values, decoding, schema)
    else:
        decoder, decoding.various = _mapped(mapper, sought, decoding), True
        are_events = [_take(position, raw, decoder, decoding) for position, raw in enumerate(values)]
        decoding.positions = first + np.flatnonzero(are_events)
    if decoding.various:
        _reject_incomplete(decoding)
    else:
        decoding.kinds[_INTERACTION] = len(decoding.events)
    return decoding


def _decode_lines(lines: Lines, decoding: Decoding, schema: InferredSchema) -> bool:
    """Decode all lines in one call. Returns False, with nothing done, where not every line is an event of ``schema``.

    An event of a schema holds no other object, so that no event spans two lines where each line begins with one.
    """
    if not len(lines) or lines.longest > MAX_BYTES or (lines.firsts != _OPENING).any():
        return False
    try:
        events = schema.decode_lines(lines.text)
    except REFUSALS:
        return False
    if len(events) != len(lines):  # several on one line
        return False
    decoding.matched = events
    decoding.matched_positions = decoding.first + np.arange(len(events))
    return True


def _decode_records(values: Sequence[bytes | None], decoding: Decoding, schema: InferredSchema | None) -> None:
    """Decode record by record: each with the narrowest decoder that takes it, the refused ones with care."""

    def take(position: int) -> bool:
        return _take(position, values[position], decode_counting, decoding)

    records = FastPass(values, schema, decoding.events, decoding.matched, take, various=decoding.various)
    records.run()
    decoding.various = decoding.various or records.refused > 0
    decoding.positions = decoding.first + records.positions
    decoding.matched_positions = decoding.first + records.matched_positions
    if records.alike:
        _explain_together(values, records.alike, decoding)


def _explain_together(values: Sequence[bytes | None], alike: Mapping[str, list[int]], decoding: Decoding) -> None:
    """Reject the records that were refused ``alike``, or take them as events without their unreadable values.

    Records with the same refusal are explained in one go; where more than that is wrong with any of them, one by one.
    """
    late: list[int] = []  # positions of those that are events after all
    for refusal, positions in alike.items():
        documents = together([values[position] for position in positions])
        if documents is None or not _settled(refusal, documents, positions, decoding, late):
            late += [one for one in positions if _take(one, values[one], decode_counting, decoding)]
    decoding.controls.sort(key=itemgetter(0))
    if late:
        unordered = np.concatenate((decoding.positions, np.array(late) + decoding.first))
        order = np.argsort(unordered)
        decoding.positions = unordered[order]
        decoding.events = [decoding.events[place] for place in order.tolist()]


def _settled(
    refusal: str,
    documents: Sequence[Mapping[str, object]],
    positions: Sequence[int],
    decoding: Decoding,
    late: list[int],
) -> bool:
    """Reject ``documents``, or take them as events without the refused value; ``late`` gets the positions of events.

    Returns False, with nothing done, where more than the refused value is wrong with them.
    """
    shifted = [decoding.first + position for position in positions]
    name = refused_field(refusal)
    if not may_lack(name, None):
        decoding.rejected += map(Rejection, shifted, *zip(*classify_all(refusal, documents), strict=True))
        return True
    events = events_without(name, documents)
    if events is None:
        return False
    ((reason, detail),) = classify_all(refusal, documents[:1])
    decoding.events += events
    lacking = {name: Unreadable(reason, detail)}
    decoding.left_out.update((position, lacking) for position in shifted)
    decoding.unknown_fields += sum(len(document.keys() - KNOWN_FIELDS) for document in documents)
    late += positions
    return True


def _take(
    position: int, raw: bytes | None, decoder: Callable[[bytes | None], Decoded | None], decoding: Decoding
) -> bool:
    """Decode one record with care and file it in ``decoding``. Returns whether it is an event."""
    try:
        decoded = decoder(raw)
    except BadEvent as bad:
        decoding.rejected.append(Rejection(decoding.first + position, bad.reason, bad.detail))
        return False
    if decoded is not None and decoded.control is not None:
        decoding.controls.append((decoding.first + position, decoded.control))
    if decoded is None or decoded.event is None:
        decoding.ignored += 1
        return False
    decoding.events.append(decoded.event)
    decoding.unknown_fields += decoded.unknown_fields
    if decoded.unreadable:
        decoding.left_out[decoding.first + position] = decoded.unreadable
    if decoded.source:
        decoding.sources[decoding.first + position] = decoded.source
    return True


def _mapped(mapper: Mapper, sought: set[Path] | None, decoding: Decoding) -> Callable[[bytes | None], Decoded | None]:
    """Decoder of a topic in another form; it returns None for a record that the mapping drops."""

    def decode(raw: bytes | None) -> Decoded | None:
        document = parse_document(raw)
        if is_own(document):
            return control_of(document)
        decoding.mapped += 1
        mapped = mapper.map(document, sought)
        return None if mapped is None else from_document(mapped, source_of(document))

    return decode


def _reject_incomplete(decoding: Decoding) -> None:
    """Reject events that lack fields that their kind needs, and count each kind. Interactions need no more fields."""
    kinds = list(map(_kind, decoding.events))
    decoding.kinds.update(kinds)
    if decoding.kinds[_INTERACTION] == len(kinds):
        return
    complete = np.ones(len(kinds), np.bool_)
    for place in [place for place, kind in enumerate(kinds) if kind != _INTERACTION]:
        try:
            require_complete(decoding.events[place])
        except BadEvent as bad:
            decoding.rejected.append(Rejection(int(decoding.positions[place]), bad.reason, bad.detail))
            complete[place] = False
            decoding.kinds[kinds[place]] -= 1
    if not complete.all():
        decoding.events = list(compress(decoding.events, complete.tolist()))
        decoding.positions = decoding.positions[complete]
