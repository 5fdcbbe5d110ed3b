"""The form of an event: its fields and their ranges, and the fields that each kind needs.

One JSON object per event, UTF-8, at most 64 KiB; `wire_format` decodes it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Final, Literal

import msgspec

from streams.events.rejections import BadEvent, Reason, Unreadable

#: Largest event, in bytes of UTF-8.
MAX_BYTES: Final = 65_536
#: Deepest nesting of what unknown fields hold. Set here because a parser's own limit depends on its caller's stack.
MAX_DEPTH: Final = 64
#: Longest text in any field, in characters.
MAX_TEXT: Final = 200
#: Longest duration, in seconds: 400 days.
MAX_DURATION: Final = 34_560_000.0
#: Longest time for which one probe may hold, in seconds: a day.
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
    """The fields of an interaction, which every kind of event may have.

    Most events are interactions, so they are kept small: the other kinds' fields are in `Event`.
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
    """One service event of any kind, as decoded: types and ranges of its fields are checked.

    Whether it is complete for its kind is checked by `require_complete`. ``holds`` is in seconds.
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


class ControlRecord(msgspec.Struct, gc=False, kw_only=True, frozen=True):
    """A record that the monitor itself appended to a source topic, without time or service; see `control_records`.

    ``hash`` and ``proposed`` (milliseconds since 1970) are set in proposals of standards.
    """

    kind: Literal["control"]
    type: Label
    hash: Label = ""
    proposed: Annotated[int, msgspec.Meta(ge=0)] = 0


#: Names of all fields on the wire.
KNOWN_FIELDS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Event))
#: Names on the wire of the fields that an event may be without; see `may_lack`.
OPTIONAL: Final = frozenset(
    field.encode_name for field in msgspec.structs.fields(Event) if field.default in {None, msgspec.UNSET}
)
#: Fields that a kind needs beside time and service: alternatives, each of which makes an event complete.
REQUIRED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    Kind.PROBE: (("up",),),
    Kind.CASE: (("case", "transition"),),
    Kind.FEEDBACK: (("score",), ("expected",), ("perceived",), ("weight",)),
    Kind.CHECK: (("item", "passed"),),
    Kind.MEASURE: (("indicator", "value"), ("indicator", "amount")),
}
#: The same as functions from an event to the values of those fields. Each reads the kind too: `attrgetter` gives a
#: tuple only for two names or more.
_REQUIRED_VALUES: Final[Mapping[str, tuple[Callable[[object], tuple[object, ...]], ...]]] = {
    kind: tuple(attrgetter("kind", *names) for names in alternatives) for kind, alternatives in REQUIRED.items()
}


def require_complete(event: Interaction, unreadable: Mapping[str, Unreadable] | None = None) -> None:
    """Raise `BadEvent` if ``event`` lacks fields that its kind needs.

    The reason is missing-field, or, where the value was left out as ``unreadable``, the reason for that.
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
    """Whether ``event`` has the optional field ``name``. A null in `passed` is a value: the item did not apply."""
    value = getattr(event, name, None)
    return value is not msgspec.UNSET and (value is not None or name == "passed")


def may_lack(field: str, kind: object) -> bool:
    """Whether an event of ``kind`` counts although the value of ``field`` (its name on the wire) cannot be read.

    It does not without service, time and kind, an interaction not without its outcome, and feedback not without the
    role that gives it. Fields that a kind needs are checked by `require_complete`.
    """
    if field == "outcome":
        return isinstance(kind, str) and kind != Kind.INTERACTION.value
    return field in OPTIONAL or (field == "role" and kind != Kind.FEEDBACK.value)
