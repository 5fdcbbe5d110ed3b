"""Records that a decoder refuses with the same words, looked at together: what is wrong comes again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from streams.events.cloud_event import SPECVERSION
from streams.events.event import Event, Kind, require_complete
from streams.events.rejections import BadEvent

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


def together(raws: Sequence[bytes | None]) -> list[dict[str, object]] | None:
    """The JSON objects in ``raws``, of which a decoder of interactions said the same, and that `is_alike`.

    None where `decode_counting` might say something else of any of them: decoders stop at the first culprit, whatever
    comes behind it, while of several fields of one name only the last one counts.
    """
    text, count = b"\n".join(raws), len(raws)  # type: ignore[arg-type]  # a tombstone has no fields
    if len(text) > _MOST_TOGETHER or any(sign in text for sign in _UNUSUAL) or (b" " in text and b'" ' in text):
        return None
    # Each begins with an object, and no text in JSON has a line break in it: if no object is in another, none lies on
    # two lines.
    if text.count(b"\n") != count - 1 or text.count(b"{") != count:
        return None
    try:
        documents: list[dict[str, object]] = _decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # There are at least as many of the signs counted last as names. If there are no more of them than fields, no name
    # comes twice.
    if len(documents) != count or {*map(type, documents)} != {dict} or sum(map(len, documents)) != text.count(b'":'):
        return None
    if any(SPECVERSION in one or one.get("kind") == _CONTROL for one in documents):
        return None
    return documents


def events_without(field: str, documents: Iterable[Mapping[str, object]]) -> list[Event] | None:
    """The events in ``documents``, without the value of ``field``; None where that is not all that is wrong of any."""
    rest = [{name: value for name, value in document.items() if name != field} for document in documents]
    try:
        events = msgspec.convert(rest, list[Event])
        for event in events:
            require_complete(event)
    except (msgspec.ValidationError, BadEvent):
        return None
    return events


#: Most bytes of records that are looked at together: all of them are in memory as objects then.
_MOST_TOGETHER: Final = 1 << 20
_CONTROL: Final = Kind.CONTROL.value
_decode_lines: Final = msgspec.json.Decoder().decode_lines
#: What makes records look otherwise than most do.
_UNUSUAL: Final = (b"[", b"\t", b"\r")
