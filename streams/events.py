"""The event: the wire format, strict decoding, and every reason for which an event is rejected.

One JSON object an event, UTF-8, at most 64 KiB. CloudEvents 1.0 (structured JSON) is accepted too. Fields that the
wire format does not know are ignored and counted.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from operator import attrgetter
from typing import Annotated, Final, Literal

import msgspec

from streams.rejections import BadEvent, Reason, classify, classify_all, explain_malformed

__all__ = [
    "KNOWN_FIELDS",
    "MAX_BYTES",
    "BadEvent",
    "Control",
    "Decoded",
    "Event",
    "Kind",
    "Reason",
    "decode",
    "decode_counting",
    "explain",
    "is_alike",
]

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


class Control(msgspec.Struct, gc=False, kw_only=True, frozen=True):
    """The monitor's own record in a source topic; it carries neither time nor service. See `streams.control`.

    ``hash`` and ``proposed`` (milliseconds since 1970) belong to proposals of standards.
    """

    kind: Literal["control"]
    type: Label
    hash: Label = ""
    proposed: Annotated[int, msgspec.Meta(ge=0)] = 0


KNOWN_FIELDS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Event))

#: Decodes an interaction that has no field but those that all events have; raises what msgspec raises. Takes two thirds
#: of the time of the next.
decode_interaction: Final[Callable[[bytes], Interaction]] = msgspec.json.Decoder(_StrictInteraction).decode
#: Decodes an event that has no unknown field; raises what msgspec raises. Kinds' own rules are not checked yet.
decode_strict: Final[Callable[[bytes], Event]] = msgspec.json.Decoder(_StrictEvent).decode
_decode_lenient: Final = msgspec.json.Decoder(Event).decode
_decode_any: Final = msgspec.json.Decoder().decode
_decode_lines: Final = msgspec.json.Decoder().decode_lines


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A decoded event and how many unknown fields were ignored in it, or a control record."""

    event: Event | None
    unknown_fields: int = 0
    control: Control | None = None


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


def from_document(document: Mapping[str, object]) -> Decoded:
    """Event in a parsed JSON object, CloudEvents included. Raises `BadEvent`."""
    if "specversion" in document:
        document = _unwrap_cloud_event(document)
    try:
        event = msgspec.convert(document, Event)
    except msgspec.ValidationError as error:
        raise classify(str(error), document) from None
    require_complete(event)
    return Decoded(event, len(document.keys() - KNOWN_FIELDS))


def _parse(raw: bytes) -> dict[str, object]:
    if (depth := _depth(raw)) > MAX_DEPTH:
        raise BadEvent(Reason.NOT_JSON, f"nested {depth:,} deep; an event is a flat JSON object")
    try:
        document = _decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise explain_malformed(raw, error) from None
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


#: Fields that mean the same to every decoder of interactions, the narrowest included.
_ALIKE: Final = frozenset({"time", "duration", "customer", "id"})
#: How the path of a culprit begins.
_PATH: Final = "`$."


def is_alike(refusal: str) -> bool:
    """Whether every decoder would say this ``refusal`` about one of these fields.

    Not where it repeats what an event says, nor about a long number in place of a text: that is an integer to some
    decoders and a float to others.
    """
    named = refusal[refusal.rfind(_PATH) + len(_PATH) : -1] in _ALIKE
    return named and refusal.startswith(("Expected `", "Invalid RFC3339")) and "got `float`" not in refusal


def explain(refusal: str, raws: Sequence[bytes | None]) -> list[tuple[Reason, str]] | None:
    """Reason and line for each of ``raws``, of which a decoder of interactions said ``refusal``, which `is_alike`.

    They are what `decode_counting` would say. None where it might say something else of any of them: decoders stop at
    the first culprit, whatever comes behind it, while of several fields of one name only the last one counts.
    """
    text, count = b"\n".join(raws), len(raws)  # type: ignore[arg-type]  # a tombstone has no fields
    if len(text) > _MOST_TOGETHER or any(sign in text for sign in _UNUSUAL) or (b" " in text and b'" ' in text):
        return None
    # Each begins with an object, and no text in JSON has a line break in it: if no object is in another, none lies on
    # two lines.
    if text.count(b"\n") != count - 1 or text.count(b"{") != count:
        return None
    try:
        documents = _decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # There are at least as many of the signs counted last as names. If there are no more of them than fields, no name
    # comes twice.
    if len(documents) != count or {*map(type, documents)} != {dict} or sum(map(len, documents)) != text.count(b'":'):
        return None
    if any("specversion" in one or one.get("kind") == _CONTROL for one in documents):
        return None
    return classify_all(refusal, documents)


#: Most bytes of records that are looked at together: all of them are in memory as objects then.
_MOST_TOGETHER: Final = 1 << 20
_CONTROL: Final = Kind.CONTROL.value
#: What makes records look otherwise than most do.
_UNUSUAL: Final = (b"[", b"\t", b"\r")


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
        return Decoded(None, control=msgspec.convert(document, Control))
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


def require_complete(event: Interaction) -> None:
    """Raise `BadEvent` (missing-field) if ``event`` lacks what its kind cannot do without."""
    for values in _REQUIRED_VALUES.get(event.kind, ()):
        found = values(event)
        if None not in found and msgspec.UNSET not in found:
            return
    alternatives = REQUIRED.get(event.kind, ())
    if alternatives and not any(all(present(event, name) for name in names) for names in alternatives):
        wanted = " or ".join(" and ".join(f"`{name}`" for name in names) for names in alternatives)
        raise BadEvent(Reason.MISSING_FIELD, f"kind {event.kind} needs {wanted}")


def present(event: Interaction, name: str) -> bool:
    """Whether ``event`` has the optional field ``name``; that something did not apply is said by a null."""
    value = getattr(event, name, None)
    return value is not msgspec.UNSET and (value is not None or name == "passed")
