"""Dead letters: events that were rejected, written to a topic of their own with the reason and the raw bytes.

Many letters go into one Kafka record, at most `RECORD_BYTES` of them, all of one source partition. The record's form is
`agents/schemas/dead-letters.v1.schema.json`. To those who read committed records only, each letter is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from streams.engine import DeadLetter

VERSION: Final = 1
KIND: Final = "dead-letters"
#: Most bytes of letters in one record; Kafka's default limit for a record is twice that.
RECORD_BYTES: Final = 512 * 1024
#: Longest raw value that is kept whole.
RAW_BYTES: Final = 16 * 1024


class _Letter(msgspec.Struct, gc=False):
    """A letter as it is written."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    raw: bytes | None  # as base64


class _CutLetter(_Letter, gc=False, kw_only=True):
    truncated: bool = True
    size: int
    sha256: str


_encode: Final = msgspec.json.Encoder().encode


def encode_letter(letter: DeadLetter) -> bytes:
    """One letter as JSON; a raw value above `RAW_BYTES` is cut, and its size and SHA-256 are kept."""
    try:
        return _encode(_written(letter, letter.detail))
    except UnicodeEncodeError:  # a lone surrogate, which no UTF-8 has
        return _encode(_written(letter, letter.detail.encode("utf-8", "replace").decode()))


def _written(letter: DeadLetter, detail: str) -> _Letter:
    raw = letter.raw
    if raw is None or len(raw) <= RAW_BYTES:
        return _Letter(letter.source, letter.partition, letter.offset, letter.reason, detail, raw)
    size, digest = len(raw), hashlib.sha256(raw).hexdigest()
    head = (letter.source, letter.partition, letter.offset, letter.reason, detail, raw[:RAW_BYTES])
    return _CutLetter(*head, size=size, sha256=digest)


def encode_record(letters: Sequence[bytes]) -> bytes:
    """One record with encoded ``letters``; its id is a function of them."""
    identity = hashlib.sha256(b"\n".join(letters)).hexdigest()[:32]
    content = {"version": VERSION, "kind": KIND, "id": identity, "letters": [msgspec.Raw(one) for one in letters]}
    return _encode(content)


def pack(letters: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Split ``letters`` into runs of at most `RECORD_BYTES`, each of at least one letter."""
    run: list[bytes] = []
    size = 0
    for letter in letters:
        if run and size + len(letter) > RECORD_BYTES:
            yield run
            run, size = [], 0
        run.append(letter)
        size += len(letter) + 1
    if run:
        yield run
