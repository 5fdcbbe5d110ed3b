"""Records of dead letters: events that were rejected, with the reason and the raw bytes, in a topic of their own.

Many letters go into one Kafka record, at most `RECORD_BYTES` of them, all of one source partition. The record's form is
`agents/schemas/dead-letters.v1.schema.json`. To those who read committed records only, each letter is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

VERSION: Final = 1
KIND: Final = "dead-letters"
#: Most bytes of letters in one record; Kafka's default limit for a record is twice that.
RECORD_BYTES: Final = 512 * 1024
_DIGITS: Final = 32


def records(lines: bytes) -> Iterator[bytes]:
    """Records with the letters in ``lines``, in order and at least one each. Their ids are functions of their letters.

    Args:
        lines: letters as `streams.decoding.dead_letters.encode_lines` writes them.
    """
    first = 0
    while first < len(lines):
        end = lines.rfind(b"\n", first, first + RECORD_BYTES + 1)
        if end < 0:  # a letter that is longer
            end = lines.index(b"\n", first)
        yield _record(lines[first:end])
        first = end + 1


def _record(lines: bytes) -> bytes:
    identity = hashlib.sha256(lines).hexdigest()[:_DIGITS]
    letters = msgspec.Raw(b"[%s]" % lines.replace(b"\n", b","))
    return msgspec.json.encode({"version": VERSION, "kind": KIND, "id": identity, "letters": letters})
