"""Identity of events: two that carry the same id at the same time, in the same scope, are one that was sent twice.

The scope is what the id was given within: service, kind and step, the case and its transition, and the source of a
CloudEvent. All of it is hashed to 64 bits by its texts, so that what counts as repeated depends on nothing else: not on
batches, on decoders, or on which services share a partition.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

IdArray = npt.NDArray[np.uint64]

#: Stands for "this event carries no id".
NO_ID: Final = 0
#: An odd number by which times are spread over 64 bits: 2^64 divided by the golden ratio.
SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_MASK: Final = (1 << 64) - 1


class Seed(enum.IntEnum):
    """Seeds of the hashes that make up an identity: the same text means something else in each place."""

    ID = 0
    KIND = 1
    SERVICE = 2
    STEP = 3
    CASE = 4
    TRANSITION = 5
    SOURCE = 6


def scope_of(kind: str, service: str, step: str | None) -> int:
    """What kind, service and step contribute to identities: the same for no step and an empty one."""
    parts = ((kind, Seed.KIND), (service, Seed.SERVICE), (step or "", Seed.STEP))
    return sum(xxhash.xxh3_64_intdigest(text.encode(), seed) for text, seed in parts if text) & _MASK


def hashes(texts: Sequence[str | None] | None, seed: Seed, count: int) -> IdArray | int:
    """What each of ``texts``, of which there are ``count``, contributes to identities: nothing where there is none."""
    if texts is None or texts.count(None) == count:
        return 0
    encoded = [text.encode() if text else b"" for text in texts]
    found = np.fromiter(map(xxhash.xxh3_64_intdigest, encoded, repeat(int(seed))), np.uint64, count)
    found[[not text for text in texts]] = 0
    return found
