"""Identity of events: two that carry the same id at the same time, in the same scope, are one that was sent twice.

The scope is what the id was given within: service, kind and step, the case and its transition, and the source of a
CloudEvent. All of it is hashed to 64 bits by its texts, so that what counts as repeated depends on nothing else: not on
batches, on decoders, or on which services share a partition.
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


def hashes(texts: Sequence[str | None], missing: int, seed: Seed) -> IdArray | None:
    """What each of ``texts`` contributes to identities, of which so many are ``missing``; nothing where one is empty.

    None where all are missing.
    """
    count = len(texts)
    if missing == count:
        return None
    present = [text or "" for text in texts] if missing else texts
    encoded = map(str.encode, present)  # type: ignore[arg-type]  # there is no None among them
    # Where no seed is named it is 0, and to name it takes longer.
    digests = map(_digest, encoded) if seed == Seed.ID else map(_digest, encoded, repeat(int(seed)))
    found = np.fromiter(digests, np.uint64, count)
    found[found == _digest(b"", int(seed))] = 0
    return found


_digest: Final[Callable[..., int]] = xxhash.xxh3_64_intdigest
