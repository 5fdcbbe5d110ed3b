"""What the engine of a source partition is made with."""

from __future__ import annotations

from dataclasses import dataclass

from streams.engine.standards_log import Book, empty_book
from streams.engine.watermark import TimePolicy
from streams.routing.series_catalogue import Caps
from streams.standards.model import Standards


@dataclass(frozen=True, slots=True)
class Start:
    """What an engine is made with.

    Args:
        source: the topic.
        partition: its number.
        standards: that hold where nothing is saved.
        book: of the standards that the log names.
        policy: of time, where the standards do not say otherwise.
        caps: of names that no standards declare.
    """

    source: str
    partition: int
    standards: Standards
    book: Book = empty_book
    policy: TimePolicy | None = None
    caps: Caps | None = None
