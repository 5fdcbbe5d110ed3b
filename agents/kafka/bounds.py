"""Where the log of a partition begins and ends."""

from __future__ import annotations

from typing import NamedTuple


class LogBounds(NamedTuple):
    """The offset of a log's first record, and the one after its last."""

    beginning: int
    end: int
