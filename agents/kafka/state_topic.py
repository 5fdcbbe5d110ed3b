"""Keys of the state topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streams.decoding.batch import SourcePartition

#: Between the parts of a row's key; no topic has it in its name.
_TAB: Final = b"\t"


def state_prefix(source: SourcePartition, group: str) -> bytes:
    """What the keys of a source partition's rows begin with. Groups that share a topic do not share rows."""
    return _TAB.join((source.topic.encode(), str(source.partition).encode(), group.encode(), b""))
