"""The fast pass over a batch of records: the narrowest decoder that will do, and a closer look at what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np

from streams.decoding.alike import is_alike
from streams.decoding.inferred_schema import InferredSchema
from streams.events.event import MAX_BYTES, Interaction
from streams.events.wire_format import decode_interaction, decode_strict
from streams.slices.sparse_table import IntArray

#: Errors that decoders raise for records that they do not take, tombstones included.
REFUSALS: Final = (msgspec.MsgspecError, UnicodeDecodeError, TypeError)

#: A wider decoder goes on once more than 16 events, and more than a 16th of all, were too wide for the one in use.
_FEW, _PART = 16, 16
#: Outcome for a record: no event, an event, or an event that matches the schema.
_ABSENT, _EVENT, _MATCHED = range(3)
#: How refusals begin that a wider decoder may not share.
_NARROW: Final = ("Object contains unknown field", "Object missing required field", "Invalid enum value")
#: Refusals among them that every decoder shares.
_LACKING: Final = {f"Object missing required field `{name}`" for name in ("time", "service")}


class FastPass:
    """Runs the narrowest decoder over records, and looks closer only at those that it refuses.

    `list.extend` keeps what an iterator yielded before it raised, and the iterator goes on behind the refused record.
    So the loop takes one turn per refused record, and no Python statement for the others.

    Args:
        values: the records.
        schema: that most events are expected to match; None: there is none yet.
        events: gets the events, in log order.
        matched: gets the events that match the schema, in log order.
        look_closer: decodes the record at a position with care, files it (in ``events`` too) and returns whether it is
            an event.
        various: whether most events are expected to be no interactions.
    """

    def __init__(
        self,
        values: Sequence[bytes | None],
        schema: InferredSchema | None,
        events: list[Interaction],
        matched: list[Any],
        look_closer: Callable[[int], bool],
        *,
        various: bool,
    ) -> None:
        self.refused = 0  # records that the decoder in use refused
        self.alike: dict[str, list[int]] = {}  # positions of records to be explained together, by their refusal
        self._checked = _without_oversized(values if isinstance(values, list) else list(values))
        self._decoders: list[Callable[[bytes], Any]] = (
            [decode_strict] if various else [decode_interaction, decode_strict]
        )
        self._all_events = events
        self._events: list[Any] = events  # of the decoder in use
        if schema is not None:
            self._decoders.insert(0, schema.decode)
            self._events = matched
        self._look_closer = look_closer
        self._became = np.full(len(values), _EVENT if schema is None else _MATCHED, np.int8)
        self._too_wide = 0  # events that the decoder in use was too narrow for

    @property
    def positions(self) -> IntArray:
        """Positions of the events, once all is decoded; without those that are to be explained together."""
        return np.flatnonzero(self._became == _EVENT)

    @property
    def matched_positions(self) -> IntArray:
        """Positions of the events that match the schema, once all is decoded."""
        return np.flatnonzero(self._became == _MATCHED)

    def run(self) -> None:
        """Decode everything."""
        events, decoded, alike = self._events, map(self._decoders[0], self._checked), self.alike
        refused = base = 0  # with the number of events they make up the position of the next record
        while True:
            try:
                events.extend(decoded)
            except REFUSALS as error:
                refusal: str = error.args[0]  # not the error: it would keep this frame, and with it the batch
            else:
                break
            position = base + len(events) + refused
            refused += 1
            if (same := alike.get(refusal)) is not None:
                same.append(position)
                continue
            if self._handle(position, refusal):
                decoded = map(self._decoders[0], islice(self._checked, position + 1, None))
            events = self._events
            base = position + 1 - refused - len(events)
        self.refused = refused
        for positions in alike.values():
            self._became[positions] = _ABSENT

    def _handle(self, position: int, refusal: str) -> bool:
        """Decode a refused record otherwise, or put it off. Returns whether a wider decoder is to go on behind it."""
        if is_alike(refusal):
            self.alike[refusal] = [position]
        elif _is_too_narrow(refusal) and (event := _decoded(self._decoders[1:], self._checked[position])) is not None:
            self._all_events.append(event)
            self._became[position] = _EVENT
            self._too_wide += 1
            return self._widen(position + 1)
        else:
            self._became[position] = _EVENT if self._look_closer(position) else _ABSENT
        return False

    def _widen(self, done: int) -> bool:
        """Change to the next wider decoder if, of the first ``done`` records, too many were too wide for this one."""
        if self._too_wide <= max(_FEW, done // _PART) or len(self._decoders) == 1:
            return False
        self._decoders, self._events, self._too_wide = self._decoders[1:], self._all_events, 0
        self._became[done:] = _EVENT
        return True


def _is_too_narrow(refusal: str) -> bool:
    """Whether a wider decoder may take the record: for its kind, its fields, or names that the schema does not have."""
    return (refusal.startswith(_NARROW) and refusal not in _LACKING) or "got `null`" in refusal


def _decoded(decoders: Iterable[Callable[[bytes], Any]], raw: bytes) -> Interaction | None:
    """The event in ``raw`` by the first of ``decoders`` that takes it; None where none does."""
    for decode in decoders:
        try:
            event: Interaction = decode(raw)
        except REFUSALS:
            continue
        return event
    return None


def _without_oversized(values: Sequence[bytes | None]) -> Sequence[bytes]:
    """``values`` with those that are too large replaced by None, which decoders refuse like a tombstone."""
    try:
        longest = max(map(len, values), default=0)  # type: ignore[arg-type]  # a tombstone raises
    except TypeError:
        longest = max(map(len, filter(None, values)), default=0)
    if longest > MAX_BYTES:
        values = [None if raw is not None and len(raw) > MAX_BYTES else raw for raw in values]
    return values  # type: ignore[return-value]  # decoders raise on None, as they should
