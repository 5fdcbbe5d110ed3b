"""Dead letters: records that were not counted, and the JSON that is written of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Final

import msgspec

from streams.decoding.batch import Batch
from streams.decoding.decode import Rejection
from streams.events.rejections import Reason

#: Longest raw value that is written whole, in bytes.
RAW_BYTES: Final = 16 * 1024


class DeadLetter(msgspec.Struct, frozen=True, gc=False, rename={"source": "topic"}):
    """A record that was not counted: where it lies in the log, and why. ``raw`` is None for a tombstone.

    Fields are written as they are, under their published names, ``raw`` in base64.
    """

    source: str
    partition: int
    offset: int
    reason: Reason
    detail: str
    raw: bytes | None


class _CutLetter(DeadLetter, frozen=True, gc=False, kw_only=True):
    """A letter whose raw value is cut; ``size`` (bytes) and ``sha256`` are of the whole value."""

    truncated: bool = True
    size: int
    sha256: str


_position: Final[Callable[[Rejection], int]] = attrgetter("position")
_reason: Final[Callable[[Rejection], Reason]] = attrgetter("reason")
_detail: Final[Callable[[Rejection], str]] = attrgetter("detail")
_raw: Final[Callable[[DeadLetter], bytes | None]] = attrgetter("raw")
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def dead_letters(batch: Batch, rejected: Sequence[Rejection]) -> list[DeadLetter]:
    """A letter for each of the records ``rejected`` of ``batch``, in log order."""
    if not rejected:
        return []
    ordered = sorted(rejected, key=_position)
    positions = list(map(_position, ordered))
    return list(
        map(
            DeadLetter,
            repeat(batch.source),
            repeat(batch.partition),
            batch.offsets[positions].tolist(),
            map(_reason, ordered),
            map(_detail, ordered),
            map(batch.values.__getitem__, positions),
        )
    )


def encode_lines(letters: Sequence[DeadLetter]) -> bytes:
    """Each letter as one line of JSON that ends in a line break. Raw values above `RAW_BYTES` are cut."""
    kept = letters
    if max(map(len, filter(None, map(_raw, letters))), default=0) > RAW_BYTES:
        kept = [_cut(one, one.raw) if one.raw is not None and len(one.raw) > RAW_BYTES else one for one in letters]
    try:
        return _encode_lines(kept)
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot encode
        return _encode_lines([msgspec.structs.replace(one, detail=_encodable(one.detail)) for one in kept])


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _cut(letter: DeadLetter, raw: bytes) -> _CutLetter:
    head = (letter.source, letter.partition, letter.offset, letter.reason, letter.detail, raw[:RAW_BYTES])
    return _CutLetter(*head, size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
