"""Records of dead letters: rejected events with the reason and the raw bytes, in a topic of their own.

A Kafka record holds many letters of one source partition, up to `RECORD_BYTES` bytes. Its form is
`agents/schemas/dead-letters.v1.schema.json`. Consumers that read only committed records see each letter once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from streams.records.records import RecordKind, identity

VERSION: Final = 1
#: Most bytes of letters in one record: half of Kafka's default limit for a record.
RECORD_BYTES: Final = 512 * 1024


def records(lines: bytes) -> Iterator[bytes]:
    """Records of the letters in ``lines``, in order, at least one letter each. Ids are functions of the letters.

    Args:
        lines: letters as `streams.decoding.dead_letters.encode_lines` writes them.
    """
    first = 0
    while first < len(lines):
        end = lines.rfind(b"\n", first, first + RECORD_BYTES + 1)
        if end < 0:  # a letter longer than `RECORD_BYTES`
            end = lines.index(b"\n", first)
        yield _record(lines[first:end])
        first = end + 1


def _record(lines: bytes) -> bytes:
    letters = msgspec.Raw(b"[%s]" % lines.replace(b"\n", b","))
    return msgspec.json.encode(
        {"version": VERSION, "kind": RecordKind.DEAD_LETTERS, "id": identity(lines), "letters": letters}
    )
