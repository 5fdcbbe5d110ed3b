"""The standards of a partition as its log names them: by which record, and in force since when."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final, NamedTuple, Self

import msgspec

from streams.decoding.batch import LOWEST_MS, Batch
from streams.mappings.mapping import Mapper, compile_mapping
from streams.routing.series_catalogue import LATEST_OFFSET
from streams.standards.model import Standards

#: Event time from which the standards hold that a partition began with, ms since 1970.
BEGINNING_MS: Final = LOWEST_MS

#: Looks up standards by digest; None where there are none. Raises `StandardsNeeded` if they were not fetched yet.
Book = Callable[[str], Standards | None]


def empty_book(digest: str) -> None:
    """A book without standards."""
    del digest


class StandardsNeeded(Exception):  # noqa: N818 - names what is needed, no error
    """The log names standards that the book has not fetched. Nothing has changed: fetch them and try again."""

    def __init__(self, digest: str) -> None:
        """Ask for the standards with ``digest``."""
        super().__init__(f"the standards {digest} are to be looked up")
        self.hash = digest


class StandardsLost(Exception):  # noqa: N818 - names what is lost
    """Saved state names standards whose content no longer exists."""


class ProposedStandards(NamedTuple):
    """The newest standards that the log names: their digest, and when they were proposed (ms since 1970; 0: never)."""

    hash: str
    proposed_ms: int


class Named(msgspec.Struct, forbid_unknown_fields=True, array_like=True, frozen=True):
    """Standards that the record at ``offset`` named.

    Records after it are decoded by their mapping; slices from ``start_ms`` on are judged by them.
    """

    offset: int
    hash: str
    proposed_ms: int
    start_ms: int


class SavedStandards(NamedTuple):
    """Saved state of a standards log: all standards that were named, and the index of those in force."""

    named: tuple[Named, ...]
    current: int = 0


class StandardsLog:
    """All standards that a partition was ever judged by, in log order; those at index ``current`` are in force."""

    def __init__(self, source: str, book: Book, saved: SavedStandards) -> None:
        """Go on from ``saved``, which `snapshot` gave."""
        self._source = source
        self._book = book
        self.named = list(saved.named)
        self.current = saved.current
        self._mappers: dict[str, Mapper | None] = {}

    @classmethod
    def begin(cls, source: str, book: Book, standards: Standards) -> Self:
        """Start with the standards that hold until the log names others."""

        def look_up(digest: str) -> Standards | None:
            return standards if digest == standards.digest else book(digest)

        return cls(source, look_up, SavedStandards((Named(-1, standards.digest, 0, BEGINNING_MS),)))

    def snapshot(self) -> SavedStandards:
        """State from which another log goes on."""
        return SavedStandards(tuple(self.named), self.current)

    @property
    def in_use(self) -> list[Named]:
        """Those in force, and those about to be, without those that are replaced before they take effect."""
        *earlier, newest = self.named[self.current :]
        later = [one for one, after in itertools.pairwise([*earlier[1:], newest]) if one.start_ms < after.start_ms]
        return [*earlier[:1], *later, newest]

    @property
    def latest(self) -> ProposedStandards:
        """The newest standards, in force or about to be."""
        newest = self.named[-1]
        return ProposedStandards(newest.hash, newest.proposed_ms)

    def replaced_at(self, named: Named) -> int:
        """Offset of the record that named the next standards after ``named``; `LATEST_OFFSET` if none has."""
        return next((one.offset for one in self.named if one.offset > named.offset), LATEST_OFFSET)

    def turn(self) -> Named:
        """Put the next standards in force, and return them."""
        start_ms = self.named[self.current + 1].start_ms
        self.current += 1
        while self.current + 1 < len(self.named) and self.named[self.current + 1].start_ms == start_ms:
            self.current += 1
        return self.named[self.current]

    def look_up(self, digest: str) -> Standards | None:
        """Look up the standards with ``digest``; None if there are none. Raises `StandardsNeeded`."""
        return self._book(digest)

    def of(self, named: Named) -> Standards:
        """The standards that were ``named``.

        Raises:
            StandardsNeeded: they were not fetched yet.
            StandardsLost: they no longer exist.
        """
        standards = self._book(named.hash)
        if standards is None:
            raise StandardsLost(f"the standards {named.hash} are not in the control topic any more")
        return standards

    def mapper(self, named: Named | None = None) -> Mapper | None:
        """The mapping of records after ``named`` (None: the newest); None: they have the wire format."""
        named = named or self.named[-1]
        if named.hash not in self._mappers:
            mapping = self.of(named).mappings.get(self._source)
            self._mappers[named.hash] = compile_mapping(mapping) if mapping else None
        return self._mappers[named.hash]

    def pieces(self, batch: Batch) -> list[tuple[Named, Batch]]:
        """Cut ``batch`` where other standards begin to decode its records; each piece with its standards."""
        borders = sorted({0, len(batch), *(batch.position_of(named.offset + 1) for named in self.named)})
        pieces = [batch.between(first, after) for first, after in itertools.pairwise(borders)]
        return [(self._before(int(piece.offsets[0])), piece) for piece in pieces]

    def _before(self, offset: int) -> Named:
        return next(named for named in reversed(self.named) if named.offset < offset)
