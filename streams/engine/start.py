"""Parameters of the engine of a source partition."""

from __future__ import annotations

from dataclasses import dataclass

from streams.engine.standards_log import Book, empty_book
from streams.engine.watermark import TimePolicy
from streams.routing.series_catalogue import Caps
from streams.standards.model import Standards


@dataclass(frozen=True, slots=True)
class Start:
    """Parameters of an engine.

    Args:
        source: the source topic.
        partition: the partition's number.
        standards: the standards in force where nothing is saved.
        book: looks up standards that the log names.
        policy: lateness and bound on future times, where the standards do not set them; None: the defaults.
        caps: bounds on names that no standards declare; None: the defaults.
    """

    source: str
    partition: int
    standards: Standards
    book: Book = empty_book
    policy: TimePolicy | None = None
    caps: Caps | None = None
