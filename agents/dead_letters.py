"""Dead letters: events that were rejected, written to a topic of their own with the reason and the raw bytes.

Many letters go into one Kafka record, at most `RECORD_BYTES` of them, all of one source partition. The record's form is
`agents/schemas/dead-letters.v1.schema.json`. To those who read committed records only, each letter is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from streams.progress import DeadLetter

VERSION: Final = 1
KIND: Final = "dead-letters"
#: Most bytes of letters in one record; Kafka's default limit for a record is twice that.
RECORD_BYTES: Final = 512 * 1024
#: Longest raw value that is kept whole.
RAW_BYTES: Final = 16 * 1024
_DIGITS: Final = 32


class _CutLetter(DeadLetter, frozen=True, gc=False, kw_only=True):
    """A letter of which not all is kept."""

    truncated: bool = True
    size: int
    sha256: str


_encoder: Final = msgspec.json.Encoder()
_raw: Final[Callable[[DeadLetter], bytes | None]] = attrgetter("raw")


def encode_records(letters: Sequence[DeadLetter]) -> Iterator[bytes]:
    """Records with ``letters``, in order and at least one each; raw values above `RAW_BYTES` are cut.

    The id of a record is a function of its letters.
    """
    text, first = _encode_lines(letters), 0
    while first < len(text):
        end = text.rfind(b"\n", first, first + RECORD_BYTES + 1)
        if end < 0:  # a letter that is longer
            end = text.index(b"\n", first)
        yield _record(text[first:end])
        first = end + 1


def _record(lines: bytes) -> bytes:
    identity = hashlib.sha256(lines).hexdigest()[:_DIGITS]
    letters = msgspec.Raw(b"[%s]" % lines.replace(b"\n", b","))  # there is none in JSON but those between them
    return _encoder.encode({"version": VERSION, "kind": KIND, "id": identity, "letters": letters})


def _encode_lines(letters: Sequence[DeadLetter]) -> bytes:
    """Each letter as JSON, with a line break behind it."""
    kept: Sequence[DeadLetter] = letters
    if max(map(len, filter(None, map(_raw, letters))), default=0) > RAW_BYTES:
        kept = [_cut(one, one.raw) if one.raw is not None and len(one.raw) > RAW_BYTES else one for one in letters]
    try:
        return _encoder.encode_lines(kept)
    except UnicodeEncodeError:  # a lone surrogate, which no UTF-8 has
        return _encoder.encode_lines([msgspec.structs.replace(one, detail=_encodable(one.detail)) for one in kept])


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _cut(letter: DeadLetter, raw: bytes) -> _CutLetter:
    head = (letter.source, letter.partition, letter.offset, letter.reason, letter.detail, raw[:RAW_BYTES])
    return _CutLetter(*head, size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
