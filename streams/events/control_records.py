"""Control records: what the monitor itself appends to the source topics, so that a replay meets the same history.

A *tick* carries no time; it says that time has passed in an idle partition. *standards* names standards, kept in the
control topic under their digest, which hold from the next slice end on that nothing has entered yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

TICK: Final = "tick"
STANDARDS: Final = "standards"
EXCLUSION: Final = "exclusion"
TYPES: Final = frozenset((TICK, STANDARDS, EXCLUSION))
_FIELDS: Final = frozenset({"kind", "type", "hash", "proposed"})


def is_own(document: Mapping[str, object]) -> bool:
    """Whether ``document``, of a topic of another shape, is a control record of the monitor's own."""
    type_ = document.get("type")
    named = document.get("kind") == "control" and isinstance(type_, str) and type_ in TYPES
    return named and document.keys() <= _FIELDS


def tick() -> bytes:
    """A tick's value."""
    return orjson.dumps({"kind": "control", "type": TICK})


def standards(digest: str, proposed_ms: int) -> bytes:
    """Value of the record that proposes the standards of ``digest``; ``proposed_ms`` is when that was meant."""
    return orjson.dumps({"kind": "control", "type": STANDARDS, "hash": digest, "proposed": proposed_ms})
