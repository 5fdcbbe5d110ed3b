"""CloudEvents 1.0 in structured JSON: the envelope, taken off and put around an event.

`type` ends in the event's kind, `time` and `id` are the envelope's own, `data` holds the other fields.
Source: https://github.com/cloudevents/spec, version 1.0, JSON event format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import xxhash

from streams.events.event import MAX_TEXT, Kind
from streams.events.rejections import BadEvent, Reason

#: Attribute that every CloudEvent has; a JSON object without it is none.
SPECVERSION: Final = "specversion"
#: Fields that stand in the envelope under their own names.
_IN_ENVELOPE: Final = ("time", "id")
#: How the types of the CloudEvents made here begin.
_TYPE: Final = "service-level-monitor"


def source_of(document: Mapping[str, object]) -> str:
    """The `source` of a CloudEvent; "" where ``document`` is no CloudEvent, or its source is no text.

    A source longer than a field may be is replaced by its hash, so that a mapped event does not grow by it.
    """
    source = document.get("source") if SPECVERSION in document else None
    if not isinstance(source, str):
        return ""
    return source if len(source) <= MAX_TEXT else xxhash.xxh3_128_hexdigest(source.encode())


def unwrap(envelope: Mapping[str, object]) -> dict[str, object]:
    """Wire-format object in ``envelope``. Raises `BadEvent` where `data` is no JSON object."""
    data = envelope.get("data", {})
    if not isinstance(data, dict):
        raise BadEvent(Reason.WRONG_TYPE, f"data: found {type(data).__name__}; in a CloudEvent it is a JSON object")
    kind = str(envelope.get("type", "")).rpartition(".")[2]
    document: dict[str, object] = {**data, "kind": kind or str(Kind.INTERACTION)}
    document.update({name: envelope[name] for name in _IN_ENVELOPE if name in envelope})
    return document


def wrap(document: dict[str, object], source: str) -> dict[str, object]:
    """``document`` of the wire format as a CloudEvent from ``source``; the envelope's fields are taken out of it."""
    head = {SPECVERSION: "1.0", "type": f"{_TYPE}.{document.pop('kind', Kind.INTERACTION)}", "source": source}
    return {**head, **{name: document.pop(name) for name in _IN_ENVELOPE if name in document}, "data": document}
