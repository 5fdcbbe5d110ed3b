"""Event logs: JSON Lines, plain, gzip or zstd, in a file or on standard input.

The first bytes show how a log is compressed, whatever its name. Reading takes bounded memory, however long the log or a
line of it. A log that ends in the middle of its compressed data is an error, not a short log.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import numpy as np
import zstandard

from agents.exits import Exit, Fault
from streams.decoding.batch import NO_TIMESTAMP, Batch
from streams.decoding.json_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: The path that stands for standard input.
STDIN: Final = "-"
#: Longer lines are cut here, in bytes: far too long for an event still, and reading stays within bounds.
MAX_LINE: Final = 4 * 1024 * 1024

_BLOCK: Final = 1024 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGICS: Final = (b"\x28\xb5\x2f\xfd", *(bytes([low, 0x2A, 0x4D, 0x18]) for low in range(0x50, 0x60)))
_BOM: Final = b"\xef\xbb\xbf"
# Bytes. Four compressed bytes can expand to 128 KiB, so that one read yields 32 MiB at most.
_ZSTD_INPUT: Final = 1024


class Digest(Protocol):
    """A hash of `hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Hash the next bytes."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank, without its line break. ``number`` counts all lines from 1, blank ones too."""

    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class EventLog:
    """One log. ``path`` is a file or `STDIN`; ``stream`` is read instead, as in a test."""

    path: str
    stream: BinaryIO | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Name of the log in messages, and as the source of its events."""
        return "standard input" if self.is_stdin else self.path

    @property
    def is_stdin(self) -> bool:
        """Whether this is standard input, which can be read once only and may never end."""
        return self.path == STDIN

    def lines(self, digest: Digest | None = None) -> Iterator[Line]:
        """All lines that are not blank; those of a pipe as soon as they arrive.

        ``digest`` is updated with the uncompressed content.

        Raises:
            Fault: the file cannot be read, or its compressed data are damaged or incomplete.
        """
        first = 1
        for text in self._texts(digest):
            lines = text.removesuffix(b"\n").split(b"\n")
            for number, raw in enumerate(lines, first):
                if raw and not raw.isspace():
                    yield Line(number, raw)
            first += len(lines)

    def batches(self) -> Iterator[Batch]:
        """All lines that are not blank as batches of partition 0: offsets are line numbers, there are no timestamps.

        See `lines`.
        """
        first = 1
        for text in self._texts():
            lines = Lines.of(text)
            offsets = np.arange(first, first + len(lines))
            values: Sequence[bytes] = lines
            first += len(lines)
            if lines.any_blank:
                kept = [bool(raw) and not raw.isspace() for raw in lines]
                offsets, values = offsets[kept], list(compress(lines, kept))
            if values:
                yield Batch(self.name, 0, values, offsets, np.full(len(values), NO_TIMESTAMP, np.int64))

    def size(self) -> int | None:
        """Size of the file in bytes, compressed or not; None for a stream. Raises `Fault` if there is no such file."""
        if self.is_stdin or self.stream is not None:
            return None
        with self._explained():
            return Path(self.path).stat().st_size

    def _texts(self, digest: Digest | None = None) -> Iterator[bytes]:
        """All lines in pieces of about 1 MiB."""
        with self._open() as stream, self._explained():
            yield from _whole_lines(_decompressed(stream), digest)

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if self.stream is not None:
            yield self.stream
        elif self.is_stdin:
            yield sys.stdin.buffer
        else:
            with self._explained(), Path(self.path).open("rb") as stream:
                yield stream

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            message = f"{self.name}: there is no such file; write the path of an event log, or - for standard input"
            raise Fault(message) from None
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            message = f"{self.name}: the compressed data are damaged or incomplete ({error}); get the log again"
            raise Fault(message) from None
        except OSError as error:
            message = f"{self.name}: cannot be read ({error.strerror or error})"
            raise Fault(message, Exit.USAGE) from None


def _decompressed(stream: BinaryIO) -> Iterator[bytes]:
    start = _peek(stream)
    if start.startswith(_GZIP_MAGIC):
        yield from _pieces(gzip.GzipFile(fileobj=stream).read1)
    elif start.startswith(_ZSTD_MAGICS):
        yield from _zstd_pieces(stream)
    else:
        yield from _pieces(getattr(stream, "read1", stream.read))


def _peek(stream: BinaryIO) -> bytes:
    """First bytes of ``stream``, without reading them; none where it cannot look ahead, so that it counts as plain."""
    peek: Callable[[int], bytes] | None = getattr(stream, "peek", None)
    return peek(4) if peek else b""


def _pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while piece := read(_BLOCK):
        yield piece


def _zstd_pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Decompress frame after frame. The stream reader of zstandard would take a truncated frame for a complete one."""
    frame, pending = zstandard.ZstdDecompressor().decompressobj(), bytearray()
    begun = False
    while piece := stream.read(_ZSTD_INPUT):
        while piece:
            if frame.eof:
                frame, begun = zstandard.ZstdDecompressor().decompressobj(), False
            pending += frame.decompress(piece)
            begun, piece = True, frame.unused_data
        if len(pending) >= _BLOCK:
            yield bytes(pending)
            pending.clear()
    if begun and not frame.eof:
        message = "the last zstd frame has no end"
        raise EOFError(message)
    yield bytes(pending)


def _whole_lines(pieces: Iterator[bytes], digest: Digest | None) -> Iterator[bytes]:
    """The bytes of ``pieces``, cut after line breaks, with LF for CRLF, and without a byte order mark at the start."""
    rest, started = b"", False
    for piece in pieces:
        if digest is not None:
            digest.update(piece)
        rest += piece
        if not started and len(rest) >= len(_BOM):
            rest, started = rest.removeprefix(_BOM), True
        if b"\r" in rest:
            rest = rest.replace(b"\r\n", b"\n")
        if end := rest.rfind(b"\n") + 1:
            yield rest[:end]
            rest, started = rest[end:], True
        rest = rest[:MAX_LINE]
    if rest:
        yield rest
