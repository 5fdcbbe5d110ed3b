"""Decoding of many records at once: the events among them, and what the others are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import attrgetter, itemgetter
from typing import Any, Final

import msgspec
import numpy as np

from streams.decoding.alike import events_without, is_alike, together
from streams.decoding.inferred_schema import InferredSchema
from streams.decoding.json_lines import Lines
from streams.events.cloud_event import source_of
from streams.events.control_records import is_own
from streams.events.event import KNOWN_FIELDS, MAX_BYTES, ControlRecord, Interaction, Kind, may_lack, require_complete
from streams.events.rejections import BadEvent, Reason, Unreadable, classify_all, culprit
from streams.events.wire_format import (
    Decoded,
    control_of,
    decode_counting,
    decode_interaction,
    decode_strict,
    from_document,
    parse_document,
)
from streams.mappings.mapping import Mapper
from streams.mappings.paths import Path
from streams.slices.sparse_table import IntArray


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """A record of a batch that is no event: its position there, why, and a line for people."""

    position: int
    reason: Reason
    detail: str


@dataclass(slots=True)
class Decoding:
    """What the records of one batch say. ``positions`` gives each event's record; both are in log order.

    Events of other kinds than interactions are of type `Event`. ``shaped`` are those that a shape's decoder made.
    ``left_out`` has, by position, what events lack since it could not be read, and ``sources`` those of CloudEvents.
    """

    events: list[Interaction] = field(default_factory=list)
    positions: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    shaped: list[Any] = field(default_factory=list)
    shaped_positions: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    rejected: list[Rejection] = field(default_factory=list)
    controls: list[tuple[int, ControlRecord]] = field(default_factory=list)  # with their positions
    left_out: dict[int, Mapping[str, Unreadable]] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    unknown_fields: int = 0
    ignored: int = 0  # control records, and records that a mapping drops
    mapped: int = 0  # records that a mapping was asked about
    first: int = 0  # position of the first record
    various: bool = False  # whether there may be other events than interactions
    kinds: Counter[str] = field(default_factory=Counter)  # how many there are of each kind, without those shaped


def decode_values(
    values: Sequence[bytes | None],
    mapper: Mapper | None = None,
    *,
    shape: InferredSchema | None = None,
    various: bool = False,
    first: int = 0,
    sought: set[Path] | None = None,
) -> Decoding:
    """Decode every record; nothing that a record contains raises.

    Args:
        values: the records.
        mapper: of a topic of another shape.
        shape: that most events are expected to have.
        various: whether most events are expected to be no interactions.
        first: position of the first record; positions count from there.
        sought: paths of the mapping; those that any record has are removed.
    """
    decoding = Decoding(first=first, various=various)
    if mapper is None:
        if not (isinstance(values, Lines) and shape and _decode_lines(values, decoding, shape)):
            _Pass(values, decoding, shape).run()
    else:
        decoder, decoding.various = _mapped(mapper, sought, decoding), True
        taken = [_take(position, raw, decoder, decoding) for position, raw in enumerate(values)]
        decoding.positions = first + np.flatnonzero(taken)
    if decoding.various:
        _drop_incomplete(decoding)
    else:
        decoding.kinds[_INTERACTION] = len(decoding.events)
    return decoding


#: Beyond so many events that a decoder was too narrow for, and such a part of all, a wider one decodes the rest.
_FEW, _PART = 16, 16
#: What has become of a record: nothing that counts, an event, or one of the shape.
_ABSENT, _EVENT, _SHAPED = range(3)


def _decode_lines(lines: Lines, decoding: Decoding, shape: InferredSchema) -> bool:
    """Decode all lines in one go. Gives False, and has done nothing, where not every line is an event of ``shape``.

    An event of a shape holds no other object, so that none lies on two lines where each line begins with one.
    """
    if not len(lines) or lines.longest > MAX_BYTES or (lines.firsts != _OPENING).any():
        return False
    try:
        events = shape.decode_lines(lines.text)
    except _REFUSALS:
        return False
    if len(events) != len(lines):  # several on one line
        return False
    decoding.shaped = events
    decoding.shaped_positions = decoding.first + np.arange(len(events))
    return True


_OPENING: Final = ord("{")


class _Pass:
    """Runs the narrowest decoder over records, and looks closer only at what it refuses.

    `list.extend` keeps what an iterator gave before it raised, and the iterator goes on behind the culprit: one turn
    of the loop for each refused record, no Python statement for the others.
    """

    def __init__(self, values: Sequence[bytes | None], decoding: Decoding, shape: InferredSchema | None) -> None:
        self._values = values
        self._checked = _without_oversized(values if isinstance(values, list) else list(values))
        self._decoding = decoding
        self._decoders: list[Callable[[bytes], Any]] = (
            [decode_strict] if decoding.various else [decode_interaction, decode_strict]
        )
        self._events: list[Any] = decoding.events
        if shape is not None:
            self._decoders.insert(0, shape.decode)
            self._events = decoding.shaped
        self._became = np.full(len(values), _EVENT if shape is None else _SHAPED, np.int8)
        self._alike: dict[str, list[int]] = {}  # positions of what is looked at together, by what is said of it
        self._others = 0  # events that the decoder was too narrow for

    def run(self) -> None:
        """Decode everything."""
        events, decoded, alike = self._events, map(self._decoders[0], self._checked), self._alike
        refused = base = 0  # together with how many events there are they make the position of the next record
        while True:
            try:
                events.extend(decoded)
            except _REFUSALS as error:
                refusal: str = error.args[0]  # not the error: it would keep this frame, and with it the batch
            else:
                break
            position = base + len(events) + refused
            refused += 1
            if (same := alike.get(refusal)) is not None:
                same.append(position)
                continue
            if self._look_closer(position, refusal):
                decoded = map(self._decoders[0], islice(self._checked, position + 1, None))
            events = self._events
            base = position + 1 - refused - len(events)
        self._decoding.various = self._decoding.various or refused > 0
        self._place()

    def _look_closer(self, position: int, refusal: str) -> bool:
        """Find out what has been refused. Gives whether a wider decoder is to go on behind it."""
        if is_alike(refusal):
            self._alike[refusal] = [position]
        elif _is_too_narrow(refusal) and (event := _decoded(self._decoders[1:], self._checked[position])) is not None:
            self._decoding.events.append(event)
            self._became[position] = _EVENT
            self._others += 1
            return self._widen(position + 1)
        else:
            is_event = _take(position, self._values[position], decode_counting, self._decoding)
            self._became[position] = _EVENT if is_event else _ABSENT
        return False

    def _widen(self, done: int) -> bool:
        """Whether the decoder was too narrow so often that a wider one goes on behind the ``done`` first records."""
        if self._others <= max(_FEW, done // _PART) or len(self._decoders) == 1:
            return False
        self._decoders, self._events, self._others = self._decoders[1:], self._decoding.events, 0
        self._became[done:] = _EVENT
        return True

    def _place(self) -> None:
        """Note the positions of all events, and look at what was put off."""
        decoding = self._decoding
        for positions in self._alike.values():
            self._became[positions] = _ABSENT
        decoding.positions = decoding.first + np.flatnonzero(self._became == _EVENT)
        decoding.shaped_positions = decoding.first + np.flatnonzero(self._became == _SHAPED)
        if self._alike:
            _explain_together(self._values, self._alike, decoding)


def _is_too_narrow(refusal: str) -> bool:
    """Whether what was refused may be an event to a wider decoder: of another kind, with other fields or names."""
    return (refusal.startswith(_NARROW) and refusal not in _LACKING) or "got `null`" in refusal


_NARROW: Final = ("Object contains unknown field", "Object missing required field", "Invalid enum value")
#: What no decoder takes.
_LACKING: Final = {f"Object missing required field `{name}`" for name in ("time", "service")}


def _explain_together(values: Sequence[bytes | None], alike: Mapping[str, list[int]], decoding: Decoding) -> None:
    """Look at records of which narrow decoders say the same, together, and closer at those of which that is not all.

    They are rejected, or lack what cannot be read.
    """
    late: list[int] = []
    for refusal, positions in alike.items():
        documents = together([values[position] for position in positions])
        if documents is None or not _settled(refusal, documents, positions, decoding, late):
            late += [one for one in positions if _take(one, values[one], decode_counting, decoding)]
    decoding.controls.sort(key=itemgetter(0))
    if late:
        places = np.concatenate((decoding.positions, np.array(late) + decoding.first))
        order = np.argsort(places)
        decoding.positions = places[order]
        decoding.events = [decoding.events[place] for place in order.tolist()]


def _settled(
    refusal: str,
    documents: Sequence[Mapping[str, object]],
    positions: Sequence[int],
    decoding: Decoding,
    late: list[int],
) -> bool:
    """Reject ``documents``, or take them as events without what was refused; ``late`` gets the positions of these.

    False, and nothing is done, where that is not all that is wrong with them.
    """
    shifted = [decoding.first + position for position in positions]
    field_ = culprit(refusal)
    if not may_lack(field_, None):
        decoding.rejected += map(Rejection, shifted, *zip(*classify_all(refusal, documents), strict=True))
        return True
    events = events_without(field_, documents)
    if events is None:
        return False
    ((reason, detail),) = classify_all(refusal, documents[:1])
    decoding.events += events
    lacking = {field_: Unreadable(reason, detail)}
    decoding.left_out.update((position, lacking) for position in shifted)
    decoding.unknown_fields += sum(len(document.keys() - KNOWN_FIELDS) for document in documents)
    late += positions
    return True


def _decoded(decoders: Iterable[Callable[[bytes], Any]], raw: bytes) -> Interaction | None:
    """The event in ``raw`` by the first of ``decoders`` that takes it."""
    for decode in decoders:
        try:
            event: Interaction = decode(raw)
        except _REFUSALS:
            continue
        return event
    return None


_REFUSALS: Final = (msgspec.MsgspecError, UnicodeDecodeError, TypeError)


def _without_oversized(values: Sequence[bytes | None]) -> Sequence[bytes]:
    """The records with those that are too large made empty, so that the decoder refuses them like tombstones."""
    try:
        longest = max(map(len, values), default=0)  # type: ignore[arg-type]  # a tombstone raises
    except TypeError:
        longest = max(map(len, filter(None, values)), default=0)
    if longest > MAX_BYTES:
        values = [None if raw is not None and len(raw) > MAX_BYTES else raw for raw in values]
    return values  # type: ignore[return-value]  # a tombstone makes the decoder raise, which is what is wanted


def _take(
    position: int, raw: bytes | None, decoder: Callable[[bytes | None], Decoded | None], decoding: Decoding
) -> bool:
    """Decode one record with care and file it where it belongs; whether it is an event."""
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
    """Decoder of a topic of another shape; it gives None for a record that the mapping drops."""

    def decode(raw: bytes | None) -> Decoded | None:
        document = parse_document(raw)
        if is_own(document):
            return control_of(document)
        decoding.mapped += 1
        mapped = mapper.map(document, sought)
        return None if mapped is None else from_document(mapped, source_of(document))

    return decode


def _drop_incomplete(decoding: Decoding) -> None:
    """Reject events that lack what their kind cannot do without; interactions lack nothing. Count each kind."""
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


_INTERACTION: Final[str] = Kind.INTERACTION.value
_kind: Final = attrgetter("kind")
