"""Event logs as people keep them: JSON Lines, plain, gzip or zstd, in a file or on standard input.

How a log is compressed is told from its first bytes, whatever its name. Reading takes bounded memory, however long the
log or one of its lines, and a log that ends in the middle of its compressed data is an error rather than a short log.
"""

from __future__ import annotations

import gzip
import hashlib
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

#: The name by which standard input is asked for.
STDIN: Final = "-"
#: A longer line is cut here, which leaves it far too long to be an event and reading it within bounds; bytes.
MAX_LINE: Final = 4 * 1024 * 1024

_BLOCK: Final = 1024 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGICS: Final = (b"\x28\xb5\x2f\xfd", *(bytes([low, 0x2A, 0x4D, 0x18]) for low in range(0x50, 0x60)))
_BOM: Final = b"\xef\xbb\xbf"
# Four compressed bytes can stand for 128 KiB, so this much input yields 32 MiB at the very most.
_ZSTD_INPUT: Final = 1024


class Digest(Protocol):
    """What `hashlib` makes: takes bytes in, piece by piece."""

    def update(self, data: bytes, /) -> None:
        """Take in the next bytes."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank, without its line break. ``number`` counts from 1, blank lines included."""

    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class EventLog:
    """One log. ``path`` is a file or `STDIN`; ``stream`` replaces what is read, as in a test."""

    path: str
    stream: BinaryIO | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """What the log is called in messages and as the source of its events."""
        return "standard input" if self.is_stdin else self.path

    @property
    def is_stdin(self) -> bool:
        """Whether this is standard input, which can be read only once and may never end."""
        return self.path == STDIN

    def lines(self, digest: Digest | None = None) -> Iterator[Line]:
        """All lines that are not blank. Those of a pipe come as soon as they are there.

        ``digest`` is fed the uncompressed content.

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

    def sha256(self) -> str:
        """Hash of the uncompressed content, so that a log is the same whether compressed or not. Reads it all."""
        digest = hashlib.sha256()
        for _ in self._texts(digest):
            pass
        return digest.hexdigest()

    def size(self) -> int | None:
        """Size of the file in bytes, as it lies there; None for a stream. Raises `Fault` if there is no such file."""
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
    """First bytes of ``stream``, which stay in it. What cannot look ahead is taken as it is: plain."""
    peek: Callable[[int], bytes] | None = getattr(stream, "peek", None)
    return peek(4) if peek else b""


def _pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while piece := read(_BLOCK):
        yield piece


def _zstd_pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Frames one after another. zstandard's own stream reader takes a frame that is cut off for one that has ended."""
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
    """What ``pieces`` hold, cut behind line breaks, all of them LF, and without a byte order mark at the very start."""
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
