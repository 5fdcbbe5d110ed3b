"""The event: the wire format, strict decoding, and every reason for which an event is rejected.

One JSON object an event, UTF-8, at most 64 KiB. CloudEvents 1.0 (structured JSON) is accepted too. Fields that the
wire format does not know are ignored and counted.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import accumulate
from operator import attrgetter
from typing import Annotated, Final, Literal

import msgspec
import xxhash

from streams.events.rejections import (
    BadEvent,
    Reason,
    Unreadable,
    classify,
    culprit,
    explain_malformed,
    json_with_constants,
)

#: Largest event, in bytes of UTF-8.
MAX_BYTES: Final = 65_536
#: Deepest nesting of what unknown fields hold. Fixed here, for a parser's own limit depends on who calls it.
MAX_DEPTH: Final = 64
#: Longest text in any field, in characters.
MAX_TEXT: Final = 200
#: Longest duration, in seconds: 400 days.
MAX_DURATION: Final = 34_560_000.0
#: Longest time that one probe may hold, in seconds: a day.
MAX_HOLDING: Final = 86_400.0
#: Largest number in a feedback or a measure; a million times it still fits a 64-bit integer.
MAX_NUMBER: Final = 9.0e12


class Kind(enum.StrEnum):
    """What an event reports."""

    INTERACTION = "interaction"
    PROBE = "probe"
    CASE = "case"
    FEEDBACK = "feedback"
    CHECK = "check"
    MEASURE = "measure"
    CONTROL = "control"


Label = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_DURATION)]
Holding = Annotated[float, msgspec.Meta(ge=0, le=MAX_HOLDING)]
Number = Annotated[float, msgspec.Meta(ge=0, le=MAX_NUMBER)]
Instant = float | Annotated[datetime, msgspec.Meta(tz=True)]


class Interaction(msgspec.Struct, gc=False, kw_only=True):
    """What any event may have, and all that an interaction needs: most events are interactions, so these are small.

    ``time`` is seconds since 1970 or an RFC 3339 text with an offset; ``duration`` is in seconds.
    """

    time: Instant
    service: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
    kind: Literal["interaction", "probe", "case", "feedback", "check", "measure"] = "interaction"
    step: Label | None = None
    class_: Label | None = msgspec.field(name="class", default=None)
    customer: Label | None = None
    id: Label | None = None
    duration: Seconds | None = None
    outcome: Literal["ok", "failed", "abandoned"] = "ok"
    failure_point: Label | None = None
    case: Label | None = None


class Event(Interaction, gc=False, kw_only=True):
    """One service event of any kind as decoded: fields have the right types and ranges, and are complete for its kind.

    ``holds`` is in seconds.
    """

    up: bool | None = None
    holds: Holding | None = None
    transition: Literal["opened", "answered", "paused", "resumed", "resolved", "reopened", "cancelled"] | None = None
    due: Instant | None = None
    score: Number | None = None
    dimension: Label | None = None
    item: Label | None = None
    expected: Number | None = None
    perceived: Number | None = None
    role: Literal["customer", "manager", "staff"] = "customer"
    weight: Number | None = None
    section: Label | None = None
    unit: Label | None = None
    passed: bool | msgspec.UnsetType | None = msgspec.UNSET
    indicator: Label | None = None
    value: Number | None = None
    of: Number | None = None
    amount: Number | None = None


class _StrictInteraction(Interaction, gc=False, kw_only=True, forbid_unknown_fields=True):
    """An interaction with nothing beyond what one needs."""

    kind: Literal["interaction"] = "interaction"


class _StrictEvent(Event, gc=False, kw_only=True, forbid_unknown_fields=True):
    """An event without unknown fields, which need counting only where there are any."""


class ControlRecord(msgspec.Struct, gc=False, kw_only=True, frozen=True):
    """The monitor's own record in a source topic; it carries neither time nor service. See `control_records`.

    ``hash`` and ``proposed`` (milliseconds since 1970) belong to proposals of standards.
    """

    kind: Literal["control"]
    type: Label
    hash: Label = ""
    proposed: Annotated[int, msgspec.Meta(ge=0)] = 0


KNOWN_FIELDS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Event))
#: Fields of which an event may have no value; see `may_lack`.
OPTIONAL: Final = frozenset(
    field.encode_name for field in msgspec.structs.fields(Event) if field.default in {None, msgspec.UNSET}
)
_INTERACTION: Final = Kind.INTERACTION.value

#: Decodes an interaction that has no field but those that all events have; raises what msgspec raises. Takes two thirds
#: of the time of the next.
decode_interaction: Final[Callable[[bytes], Interaction]] = msgspec.json.Decoder(_StrictInteraction).decode
#: Decodes an event that has no unknown field; raises what msgspec raises. Kinds' own rules are not checked yet.
decode_strict: Final[Callable[[bytes], Event]] = msgspec.json.Decoder(_StrictEvent).decode
_decode_any: Final = msgspec.json.Decoder().decode


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A decoded event, or a control record.

    ``unknown_fields`` were ignored, ``unreadable`` ones were left out, by their names on the wire. ``source`` is that
    of a CloudEvent.
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
    """Like `decode`, but counts unknown fields and lets control records through."""
    if raw is None:
        raise BadEvent(Reason.TOMBSTONE, "the record has no value; an event is a JSON object")
    if len(raw) > MAX_BYTES:
        raise BadEvent(Reason.TOO_LARGE, f"{len(raw):,} bytes; an event has at most {MAX_BYTES:,}")
    document = _parse(raw)
    if document.get("kind") == Kind.CONTROL:
        return control_of(document)
    return from_document(document)


def from_document(document: Mapping[str, object], source: str = "") -> Decoded:
    """Event in a parsed JSON object, CloudEvents included; ``source`` is that of the CloudEvent it was mapped from.

    Values of optional fields that cannot be read are left out. Raises `BadEvent` where it cannot be known what the
    event is about.
    """
    if "specversion" in document:
        source = source_of(document)
        document = _unwrap_cloud_event(document)
    unknown = len(document.keys() - KNOWN_FIELDS)
    try:
        event = msgspec.convert(document, Event)
    except msgspec.ValidationError as error:
        return _without_unreadable(document, str(error), unknown, source)
    require_complete(event)
    return Decoded(event, unknown, source=source)


def _without_unreadable(document: Mapping[str, object], refusal: str, unknown: int, source: str) -> Decoded:
    """Event in ``document``, of which a decoder said ``refusal``, without the values that cannot be read."""
    left, found = dict(document), dict[str, Unreadable]()
    while True:
        field = culprit(refusal)
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
    """Why a decoder said ``refusal`` of ``document``; whoever mapped or rekeyed it may have known it already."""
    value = document.get(culprit(refusal))
    if isinstance(value, Unreadable):
        return value
    bad = classify(refusal, document)
    known = value.get(UNREADABLE) if isinstance(value, dict) and len(value) == 1 else None
    return Unreadable(Reason(known) if isinstance(known, str) and known in _REASONS else bad.reason, bad.detail)


#: A rekeyed event has this in place of a value that its topic's mapping could not read: an object with the reason.
UNREADABLE: Final = "unreadable"
#: Those that can be said of a value. Being late is none of them: nobody may claim that of an event by what it says.
_REASONS: Final = frozenset(
    map(
        str,
        (
            *(Reason.NOT_FINITE, Reason.INVALID_VALUE, Reason.WRONG_TYPE, Reason.EMPTY, Reason.TOO_LONG),
            *(Reason.NEGATIVE, Reason.OUT_OF_RANGE, Reason.INVALID_TIME, Reason.TIME_WITHOUT_OFFSET, Reason.UNMAPPED),
        ),
    )
)


def may_lack(field: str, kind: object) -> bool:
    """Whether an event of ``kind`` can be counted without the value of ``field`` (its name on the wire).

    What it is about has to be known: service, time and kind; an interaction's outcome; who gives feedback. Fields that
    a kind needs are the business of `require_complete`.
    """
    if field == "outcome":
        return isinstance(kind, str) and kind != _INTERACTION
    return field in OPTIONAL or (field == "role" and kind != Kind.FEEDBACK.value)


def source_of(document: Mapping[str, object]) -> str:
    """The `source` of a CloudEvent; "" where ``document`` is none, or has none that is a text.

    A long one is told by its hash, so that an event that was mapped is not larger for it.
    """
    source = document.get("source") if "specversion" in document else None
    if not isinstance(source, str):
        return ""
    return source if len(source) <= MAX_TEXT else xxhash.xxh3_128_hexdigest(source.encode())


def _parse(raw: bytes) -> dict[str, object]:
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


def _depth(raw: bytes) -> int:
    """How deep ``raw`` nests arrays and objects: exact for JSON, and no less than its beginning that is JSON."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return 0
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    return max(accumulate((1 if bracket in b"[{" else -1 for bracket in brackets), initial=0))


_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def parse_document(raw: bytes | None) -> dict[str, object]:
    """JSON object in ``raw``, for topics of other shapes. Raises `BadEvent` where there is none."""
    if raw is None:
        raise BadEvent(Reason.TOMBSTONE, "the record has no value; an event is a JSON object")
    if len(raw) > MAX_BYTES:
        raise BadEvent(Reason.TOO_LARGE, f"{len(raw):,} bytes; an event has at most {MAX_BYTES:,}")
    return _parse(raw)


def control_of(document: Mapping[str, object]) -> Decoded:
    """Control record in a parsed JSON object. Raises `BadEvent`."""
    try:
        return Decoded(None, control=msgspec.convert(document, ControlRecord))
    except msgspec.ValidationError as error:
        raise classify(str(error), document) from None


def _unwrap_cloud_event(envelope: Mapping[str, object]) -> dict[str, object]:
    """Wire-format object of a CloudEvents 1.0 envelope: `type` ends in the kind, `data` holds the fields."""
    data = envelope.get("data", {})
    if not isinstance(data, dict):
        raise BadEvent(Reason.WRONG_TYPE, f"data: found {type(data).__name__}; in a CloudEvent it is a JSON object")
    kind = str(envelope.get("type", "")).rpartition(".")[2]
    document: dict[str, object] = {**data, "kind": kind or str(Kind.INTERACTION)}
    document.update({name: envelope[name] for name in ("time", "id") if name in envelope})
    return document


#: What each kind cannot do without, beside time and service: alternatives of complete sets of fields.
REQUIRED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    Kind.PROBE: (("up",),),
    Kind.CASE: (("case", "transition"),),
    Kind.FEEDBACK: (("score",), ("expected",), ("perceived",), ("weight",)),
    Kind.CHECK: (("item", "passed"),),
    Kind.MEASURE: (("indicator", "value"), ("indicator", "amount")),
}


#: The same as functions that give the values of such a set; each asks for the kind too, so that it gives a tuple.
_REQUIRED_VALUES: Final[Mapping[str, tuple[Callable[[object], tuple[object, ...]], ...]]] = {
    kind: tuple(attrgetter("kind", *names) for names in alternatives) for kind, alternatives in REQUIRED.items()
}


def require_complete(event: Interaction, unreadable: Mapping[str, Unreadable] | None = None) -> None:
    """Raise `BadEvent` if ``event`` lacks what its kind cannot do without.

    The reason is missing-field, or that for which the value was left out as ``unreadable``.
    """
    for values in _REQUIRED_VALUES.get(event.kind, ()):
        found = values(event)
        if None not in found and msgspec.UNSET not in found:
            return
    alternatives = REQUIRED.get(event.kind, ())
    if alternatives and not any(all(present(event, name) for name in names) for names in alternatives):
        left_out = unreadable or {}
        for bad in (left_out[name] for names in alternatives for name in names if name in left_out):
            raise BadEvent(bad.reason, bad.detail)
        wanted = " or ".join(" and ".join(f"`{name}`" for name in names) for names in alternatives)
        raise BadEvent(Reason.MISSING_FIELD, f"kind {event.kind} needs {wanted}")


def present(event: Interaction, name: str) -> bool:
    """Whether ``event`` has the optional field ``name``; that something did not apply is said by a null."""
    value = getattr(event, name, None)
    return value is not msgspec.UNSET and (value is not None or name == "passed")
