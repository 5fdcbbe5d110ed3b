"""From the bytes of one record to its event: strict, and with a reason for every rejection.

`decode_interaction` and `decode_strict` are the fast decoders, for records without surprises. `decode_counting` takes
every record: it accepts CloudEvents and control records, counts unknown fields, and leaves out optional values that
cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Final, Literal

import msgspec

from streams.events.cloud_event import SPECVERSION, source_of, unwrap
from streams.events.event import (
    KNOWN_FIELDS,
    MAX_BYTES,
    MAX_DEPTH,
    ControlRecord,
    Event,
    Interaction,
    Kind,
    may_lack,
    require_complete,
)
from streams.events.rejections import (
    BadEvent,
    Reason,
    Unreadable,
    classify,
    explain_malformed,
    json_with_constants,
    refused_field,
)

#: A rekeyed event has this in place of a value that its topic's mapping could not read: an object with the reason.
UNREADABLE: Final = "unreadable"
#: Reasons that such an object may name: those about one value. Others, like `late`, no record may claim of itself.
_REASONS_OF_VALUES: Final = frozenset(
    {
        *(Reason.NOT_FINITE, Reason.INVALID_VALUE, Reason.WRONG_TYPE, Reason.EMPTY, Reason.TOO_LONG),
        *(Reason.NEGATIVE, Reason.OUT_OF_RANGE, Reason.INVALID_TIME, Reason.TIME_WITHOUT_OFFSET, Reason.UNMAPPED),
    }
)


class _StrictInteraction(Interaction, gc=False, kw_only=True, forbid_unknown_fields=True):
    """An interaction without fields beyond those of `Interaction`."""

    kind: Literal["interaction"] = "interaction"


class _StrictEvent(Event, gc=False, kw_only=True, forbid_unknown_fields=True):
    """An event without unknown fields: nothing in it needs counting."""


#: Decodes an interaction without fields of other kinds; raises what msgspec raises. Takes two thirds of the time that
#: `decode_strict` takes.
decode_interaction: Final[Callable[[bytes], Interaction]] = msgspec.json.Decoder(_StrictInteraction).decode
#: Decodes an event without unknown fields; raises what msgspec raises. Does not check what its kind needs.
decode_strict: Final[Callable[[bytes], Event]] = msgspec.json.Decoder(_StrictEvent).decode
_decode_any: Final = msgspec.json.Decoder().decode

#: Texts of JSON, the last of which may not be closed; brackets in them nest nothing.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A decoded event, or a control record.

    ``unknown_fields`` counts the fields that were ignored, ``unreadable`` has those that were left out, by their names
    on the wire. ``source`` is that of a CloudEvent.
    """

    event: Event | None
    unknown_fields: int = 0
    control: ControlRecord | None = None
    unreadable: Mapping[str, Unreadable] = {}
    source: str = ""


def decode(raw: bytes | None) -> Event:
    """Event in ``raw``, complete for its kind. Raises `BadEvent` with the reason and what to write instead."""
    event = decode_counting(raw).event
    if event is None:
        raise BadEvent(Reason.UNKNOWN_KIND, "kind: control records are the monitor's own; producers do not send them")
    return event


def decode_counting(raw: bytes | None) -> Decoded:
    """Like `decode`, but counts unknown fields and accepts control records."""
    document = parse_document(raw)
    if document.get("kind") == Kind.CONTROL:
        return control_of(document)
    return from_document(document)


def parse_document(raw: bytes | None) -> dict[str, object]:
    """JSON object in ``raw``, whatever its fields. Raises `BadEvent` where there is none."""
    if raw is None:
        raise BadEvent(Reason.TOMBSTONE, "the record has no value; an event is a JSON object")
    if len(raw) > MAX_BYTES:
        raise BadEvent(Reason.TOO_LARGE, f"{len(raw):,} bytes; an event has at most {MAX_BYTES:,}")
    if (depth := _depth(raw)) > MAX_DEPTH:
        raise BadEvent(Reason.NOT_JSON, f"nested {depth:,} deep; an event is a flat JSON object")
    try:
        document = _decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        generous = json_with_constants(raw, error)
        if generous is None:
            raise explain_malformed(raw, error) from None
        return generous
    if not isinstance(document, dict):
        found = type(document).__name__
        raise BadEvent(Reason.NOT_AN_OBJECT, f"found JSON {found}; an event is a JSON object")
    return document


def control_of(document: Mapping[str, object]) -> Decoded:
    """Control record in a parsed JSON object. Raises `BadEvent`."""
    try:
        return Decoded(None, control=msgspec.convert(document, ControlRecord))
    except msgspec.ValidationError as error:
        raise classify(str(error), document) from None


def from_document(document: Mapping[str, object], source: str = "") -> Decoded:
    """Event in a parsed JSON object, CloudEvents included; ``source`` is that of the CloudEvent it was mapped from.

    Values of optional fields that cannot be read are left out. Raises `BadEvent` where the event does not count without
    them (see `may_lack`), or lacks what its kind needs.
    """
    if SPECVERSION in document:
        source = source_of(document)
        document = unwrap(document)
    unknown = len(document.keys() - KNOWN_FIELDS)
    try:
        event = msgspec.convert(document, Event)
    except msgspec.ValidationError as error:
        return _without_unreadable(document, str(error), unknown, source)
    require_complete(event)
    return Decoded(event, unknown, source=source)


def _without_unreadable(document: Mapping[str, object], refusal: str, unknown: int, source: str) -> Decoded:
    """Event in ``document``, which a decoder refused with the message ``refusal``, without its unreadable values."""
    left, found = dict(document), dict[str, Unreadable]()
    while True:
        field = refused_field(refusal)
        bad = _why(refusal, left)
        if not may_lack(field, left.get("kind")):
            raise BadEvent(bad.reason, bad.detail)
        found[field] = bad
        del left[field]
        try:
            event = msgspec.convert(left, Event)
        except msgspec.ValidationError as error:
            refusal = str(error)
        else:
            break
    require_complete(event, found)
    return Decoded(event, unknown, unreadable=found, source=source)


def _why(refusal: str, document: Mapping[str, object]) -> Unreadable:
    """Why a decoder refused ``document`` with ``refusal``; a mapping, here or before rekeying, may have found it."""
    value = document.get(refused_field(refusal))
    if isinstance(value, Unreadable):
        return value
    bad = classify(refusal, document)
    known = value.get(UNREADABLE) if isinstance(value, dict) and len(value) == 1 else None
    reason = Reason(known) if isinstance(known, str) and known in _REASONS_OF_VALUES else bad.reason
    return Unreadable(reason, bad.detail)


def _depth(raw: bytes) -> int:
    """How deep ``raw`` nests arrays and objects; where only its beginning is JSON, no less than that nests."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return 0
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    return max(accumulate((1 if bracket in b"[{" else -1 for bracket in brackets), initial=0))
