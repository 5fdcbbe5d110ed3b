"""Records that a decoder refused with the same message, explained together: producers repeat their mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from streams.events.cloud_event import SPECVERSION
from streams.events.event import Event, Kind, require_complete
from streams.events.rejections import BadEvent

#: Fields that have the same type in every decoder of interactions, also in those of inferred schemas.
_ALIKE: Final = frozenset({"time", "duration", "customer", "id"})
#: How the path of the refused field begins in a message.
_PATH: Final = "`$."
#: Most bytes of records that are explained together: all of them are in memory as objects then.
_MOST_TOGETHER: Final = 1 << 20
#: Signs that most records do not have; with them counting braces and quotes proves nothing.
_UNUSUAL: Final = (b"[", b"\t", b"\r")
_CONTROL: Final = Kind.CONTROL.value
_decode_lines: Final = msgspec.json.Decoder().decode_lines


def is_alike(refusal: str) -> bool:
    """Whether ``refusal`` is about one of the fields above, and every decoder would refuse with the same message.

    It is not if it quotes the event, nor for a long number in place of a text: some decoders call that an integer,
    others a float.
    """
    named = refusal[refusal.rfind(_PATH) + len(_PATH) : -1] in _ALIKE
    return named and refusal.startswith(("Expected `", "Invalid RFC3339")) and "got `float`" not in refusal


def together(raws: Sequence[bytes | None]) -> list[dict[str, object]] | None:
    """The JSON objects in ``raws``, all refused by a decoder of interactions with one message, which `is_alike`.

    None where `decode_counting` might refuse any of them with another message: decoders stop at the first bad field,
    but of several fields with one name only the last counts.
    """
    text, count = b"\n".join(raws), len(raws)  # type: ignore[arg-type]  # a tombstone has no fields
    if len(text) > _MOST_TOGETHER or any(sign in text for sign in _UNUSUAL) or (b" " in text and b'" ' in text):
        return None
    # Each record begins with an object, and no text in JSON holds a line break: without nested objects, none spans two
    # lines.
    if text.count(b"\n") != count - 1 or text.count(b"{") != count:
        return None
    try:
        documents: list[dict[str, object]] = _decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # Every name of a field ends in `":`. If these are no more than the fields decoded, no name occurs twice.
    if len(documents) != count or {*map(type, documents)} != {dict} or sum(map(len, documents)) != text.count(b'":'):
        return None
    if any(SPECVERSION in one or one.get("kind") == _CONTROL for one in documents):
        return None
    return documents


def events_without(field: str, documents: Iterable[Mapping[str, object]]) -> list[Event] | None:
    """The events in ``documents`` without the value of ``field``; None where more than that is wrong with any."""
    rest = [{name: value for name, value in document.items() if name != field} for document in documents]
    try:
        events = msgspec.convert(rest, list[Event])
        for event in events:
            require_complete(event)
    except (msgspec.ValidationError, BadEvent):
        return None
    return events
