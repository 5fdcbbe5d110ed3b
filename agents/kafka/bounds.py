"""The bounds of the log of a partition."""

from __future__ import annotations

from typing import NamedTuple


class LogBounds(NamedTuple):
    """The offset of a log's first record, and the offset after its last."""

    beginning: int
    end: int
