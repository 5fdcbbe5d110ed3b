"""Dead letters of a replay as a JSON Lines file: rejected records, their places, and the reasons."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import orjson

from agents.exits import Fault
from streams.decoding.dead_letters import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterator


class LettersFile:
    """Writes one line per dead letter; without a file, nothing."""

    def __init__(self, stream: BinaryIO | None) -> None:
        """Write to ``stream``."""
        self._stream = stream

    @classmethod
    @contextmanager
    def to(cls, path: Path | None) -> Iterator[Self]:
        """Open ``path`` for writing. Raises `Fault` if it cannot be written."""
        if path is None:
            yield cls(None)
            return
        try:
            stream = path.open("wb")
        except OSError as error:
            message = f"{path}: cannot be written ({error.strerror}); name a file in a folder that you may write to"
            raise Fault(message) from None
        with stream:
            yield cls(stream)

    def write(self, letters: Iterable[DeadLetter]) -> None:
        """Append ``letters``."""
        if self._stream is not None:
            for letter in letters:
                self._stream.write(orjson.dumps(_line(letter), option=orjson.OPT_APPEND_NEWLINE))


def _line(letter: DeadLetter) -> dict[str, object]:
    return {
        "source": letter.source,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "raw": None if letter.raw is None else base64.b64encode(letter.raw).decode(),
    }
