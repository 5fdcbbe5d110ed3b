"""Control records: the monitor appends them to the source topics, so that a replay meets the same history.

A *tick* carries no time: its own record timestamp shows that time has passed in an idle partition. A *standards* record
names standards by the digest under which the control topic has them; they hold from the next slice end that no event
has reached yet.
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
    """Whether ``document``, of a topic that a mapping reads, is a control record and not a record of the user's."""
    type_ = document.get("type")
    named = document.get("kind") == "control" and isinstance(type_, str) and type_ in TYPES
    return named and document.keys() <= _FIELDS


def tick() -> bytes:
    """Value of a tick."""
    return orjson.dumps({"kind": "control", "type": TICK})


def standards(digest: str, proposed_ms: int) -> bytes:
    """Value of the record that proposes the standards of ``digest``, as decided at ``proposed_ms`` since 1970."""
    return orjson.dumps({"kind": "control", "type": STANDARDS, "hash": digest, "proposed": proposed_ms})
