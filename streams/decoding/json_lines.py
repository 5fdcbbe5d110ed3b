"""Consecutive lines kept in one buffer, so that a decoder can decode many of them in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Self, overload

import numpy as np
import numpy.typing as npt

from streams.slices.sparse_table import IntArray

_BREAK: Final = ord("\n")
#: The largest byte that is white space.
_SPACE: Final = ord(" ")


class Lines(Sequence[bytes]):
    """Lines of a text, without their line breaks. A line is copied when it is read; slices have no gaps."""

    __slots__ = ("_ends", "_signs", "_starts", "_text")

    def __init__(self, text: memoryview, signs: npt.NDArray[np.uint8], starts: IntArray, ends: IntArray) -> None:
        """The lines of ``text`` between ``starts`` and ``ends``; ``signs`` are the bytes of ``text`` as numbers."""
        self._text, self._signs = text, signs
        self._starts, self._ends = starts, ends

    @classmethod
    def of(cls, text: bytes) -> Self:
        """The lines of ``text``; the last may lack its line break."""
        signs = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(signs == _BREAK)
        if not text.endswith(b"\n") and text:
            ends = np.append(ends, len(text))
        starts = np.empty_like(ends)
        starts[:1], starts[1:] = 0, ends[:-1] + 1
        return cls(memoryview(text), signs, starts, ends)

    def __len__(self) -> int:
        """Number of lines."""
        return len(self._ends)

    @overload
    def __getitem__(self, which: int) -> bytes: ...
    @overload
    def __getitem__(self, which: slice) -> Lines: ...
    def __getitem__(self, which: int | slice) -> bytes | Lines:
        """One line, or the lines of a slice without a step."""
        if isinstance(which, slice):
            assert which.step in {None, 1}
            return Lines(self._text, self._signs, self._starts[which], self._ends[which])
        return bytes(self._text[self._starts[which] : self._ends[which]])

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the lines."""
        return iter(bytes(self.text).split(b"\n") if len(self) else [])

    @property
    def text(self) -> memoryview:
        """All lines, with the line breaks between them."""
        return self._text[self._starts[0] : self._ends[-1]] if len(self) else self._text[:0]

    @property
    def firsts(self) -> npt.NDArray[np.uint8]:
        """First byte of each line; a line break for an empty line."""
        return self._signs[self._starts]

    @property
    def longest(self) -> int:
        """Length of the longest line in bytes; there must be a line."""
        return int((self._ends - self._starts).max())

    @property
    def any_blank(self) -> bool:
        """Whether a line may be blank: False proves that none is empty or white space alone."""
        return bool((self.firsts <= _SPACE).any())
