"""Bytes made worse: what every target does to good ones."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fuzz.choices import Choices, pick


def worsened(choices: Choices, good: bytes, tokens: Sequence[bytes], other: bytes) -> bytes:
    """``good`` with one change: a byte, a span, one of ``tokens``, or an end of ``other``."""
    how, at = choices.below(8), choices.below(len(good) + 1)
    before, after = good[:at], good[at:]
    match how:
        case 0:
            after = bytes([choices.below(256)]) + after[1:]
        case 1:
            after = after[1 + choices.below(16) :]
        case 2:
            after = after[: 1 + choices.below(32)] * (2 + choices.below(4)) + after
        case 3:
            after = other[choices.below(len(other) + 1) :]
        case 4:
            after = choices.octets(8) + after
        case 5:
            after = bytes([byte ^ 1 << choices.below(8) for byte in after[:1]]) + after[1:]
        case 6:
            after = b""
        case _:
            token = pick(choices, tokens)
            after = token + after[choices.below(len(token) + 1) :]
    return before + after
