"""Identity of events: two with the same id at the same time, in the same scope, are one event that was sent twice.

The scope is made of service, kind and step, the case and its transition, and the source of a CloudEvent. Id, time and
scope are hashed to 64 bits by their texts. Nothing else decides what counts as a duplicate: not batches, decoders, or
which services share a partition.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

IdArray = npt.NDArray[np.uint64]

#: Identity of an event without an id.
NO_ID: Final = 0
#: Odd number that times are multiplied by to spread them over 64 bits: 2^64 divided by the golden ratio.
SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_MASK: Final = (1 << 64) - 1
_digest: Final[Callable[..., int]] = xxhash.xxh3_64_intdigest


class Seed(enum.IntEnum):
    """Seed of each part's hash, so that the same text in two parts gives two different hashes."""

    ID = 0
    KIND = 1
    SERVICE = 2
    STEP = 3
    CASE = 4
    TRANSITION = 5
    SOURCE = 6


def scope_of(kind: str, service: str, step: str | None) -> int:
    """Part of an identity that kind, service and step make up; no step and an empty one are the same."""
    parts = ((kind, Seed.KIND), (service, Seed.SERVICE), (step or "", Seed.STEP))
    return sum(xxhash.xxh3_64_intdigest(text.encode(), seed) for text, seed in parts if text) & _MASK


def hashes(texts: Sequence[str | None], missing: int, seed: Seed) -> IdArray | None:
    """Part of the identity that each of ``texts`` makes up; 0 for an empty text and for None.

    ``missing`` is how many are None. The result is None where all are.
    """
    count = len(texts)
    if missing == count:
        return None
    present = [text or "" for text in texts] if missing else texts
    encoded = map(str.encode, present)  # type: ignore[arg-type]  # there is no None among them
    # The default seed is 0, and a call without it is faster.
    digests = map(_digest, encoded) if seed == Seed.ID else map(_digest, encoded, repeat(int(seed)))
    found = np.fromiter(digests, np.uint64, count)
    found[found == _digest(b"", int(seed))] = 0
    return found
