"""Dead letters: events that were rejected, written to a topic of their own with the reason and the raw bytes.

Many letters go into one Kafka record, at most `RECORD_BYTES` of them, all of one source partition. The record's form is
`agents/schemas/dead-letters.v1.schema.json`. To those who read committed records only, each letter is there once.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from streams.engine import DeadLetter

VERSION: Final = 1
KIND: Final = "dead-letters"
#: Most bytes of letters in one record; Kafka's default limit for a record is twice that.
RECORD_BYTES: Final = 512 * 1024
#: Longest raw value that is kept whole.
RAW_BYTES: Final = 16 * 1024


def encode_letter(letter: DeadLetter) -> bytes:
    """One letter as JSON; a raw value above `RAW_BYTES` is cut, and its size and SHA-256 are kept."""
    fields: dict[str, object] = {
        "topic": letter.source,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "raw": None,
    }
    if letter.raw is not None:
        fields["raw"] = binascii.b2a_base64(letter.raw[:RAW_BYTES], newline=False).decode()
        if len(letter.raw) > RAW_BYTES:
            fields |= {"truncated": True, "size": len(letter.raw), "sha256": hashlib.sha256(letter.raw).hexdigest()}
    try:
        return orjson.dumps(fields)
    except orjson.JSONEncodeError:  # a lone surrogate, which no UTF-8 has
        return orjson.dumps(_encodable(fields))


def _encodable(fields: dict[str, object]) -> dict[str, object]:
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }


def encode_record(letters: Sequence[bytes]) -> bytes:
    """One record with encoded ``letters``; its id is a function of them."""
    identity = hashlib.sha256(b"\n".join(letters)).hexdigest()[:32]
    return orjson.dumps(
        {"version": VERSION, "kind": KIND, "id": identity, "letters": [orjson.Fragment(one) for one in letters]}
    )


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
