"""Decisions read from bytes, so that whoever mutates the bytes mutates structure; or drawn by Hypothesis, to shrink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Choices(Protocol):
    """Where a generator takes its decisions from."""

    def below(self, count: int, /) -> int:
        """A whole number from 0 up to, not including, ``count``."""
        ...

    def octets(self, most: int, /) -> bytes:
        """At most ``most`` bytes."""
        ...

    def more(self) -> bool:
        """Whether one more thing is to be made."""
        ...


def pick(choices: Choices, options: Sequence[T]) -> T:
    """One of ``options``."""
    return options[choices.below(len(options))]


class FromBytes:
    """Decisions that the bytes of one input stand for. Behind their end every decision is the first of its options."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        """Begin at the first byte of ``data``."""
        self._data = data
        self._at = 0

    def below(self, count: int) -> int:
        """See `Choices`. Reads as few bytes as ``count`` takes."""
        at = self._at
        if count <= 256:
            self._at = at + 1
            return self._data[at] % count if at < len(self._data) else 0
        self._at = at + (2 if count <= 65_536 else 8)
        return int.from_bytes(self._data[at : self._at], "big") % count

    def octets(self, most: int) -> bytes:
        """See `Choices`."""
        length = self.below(most + 1)
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def more(self) -> bool:
        """See `Choices`: until the bytes are used up."""
        return self._at < len(self._data)


class FromHypothesis:
    """Decisions that Hypothesis draws, so that it can make what fails small."""

    def __init__(self, data: st.DataObject, most: int = 30) -> None:
        """Draw from ``data``, and say at most ``most`` times that there is to be more."""
        self._data = data
        self._left = most

    def below(self, count: int) -> int:
        """See `Choices`."""
        return self._data.draw(st.integers(0, count - 1))

    def octets(self, most: int) -> bytes:
        """See `Choices`."""
        return self._data.draw(st.binary(max_size=most))

    def more(self) -> bool:
        """See `Choices`."""
        self._left -= 1
        return self._left >= 0 and self._data.draw(st.integers(0, 7)) > 0
