"""Reading standards files. One that cannot be read ends the command with one line that says what to do."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.exits import Fault
from streams.standards.load import DEFAULT, load
from streams.standards.model import Standards
from streams.standards.problems.locate import MAX_BYTES
from streams.standards.problems.problems import StandardsError, one_line

#: Path that stands for standard input.
STDIN: Final = Path("-")


@dataclass(frozen=True, slots=True)
class StandardsFile:
    """Standards, the text that they were read from, and when it was written (ms since 1970; 0: not known)."""

    standards: Standards
    text: str = ""
    written_ms: int = 0


#: The standards without a file.
NO_FILE: Final = StandardsFile(DEFAULT)


def read_standards(path: Path | None) -> Standards:
    """Standards in the file at ``path``; without a path, those of an empty file.

    Raises:
        Fault: the file cannot be read, or has problems, all of which are named (exit code 2).
    """
    return read_standards_file(path).standards


def read_standards_file(path: Path | None) -> StandardsFile:
    """Standards in the file at ``path``, with its text and when it was written; without a path, those of an empty file.

    Raises:
        Fault: as `read_standards` does.
    """
    if path is None:
        return NO_FILE
    raw = read_bytes(path)
    written_ms = _written_ms(path)
    try:
        return StandardsFile(load(raw, file=display_name(path)), raw.decode("utf-8-sig"), written_ms)
    except StandardsError as error:
        message = f"{display_name(path)} has {count(len(error.problems), 'problem')}:\n{error}"
        raise Fault(message) from None


def _written_ms(path: Path) -> int:
    try:
        return 0 if path == STDIN else path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0


def read_bytes(path: Path) -> bytes:
    """Content of the file at ``path`` ("-": standard input), cut one byte past the largest size that is accepted.

    Raises:
        Fault: it cannot be read (exit code 2).
    """
    try:
        if path == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"{display_name(path)}: {_remedy(error)}"
        raise Fault(message) from None


def display_name(path: Path) -> str:
    """``path`` on one line, whatever characters the file system allows."""
    return "stdin" if path == STDIN else one_line(str(path))


def count(number: int, noun: str) -> str:
    """Number and noun, as in "1 problem", "2 problems"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _remedy(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "a directory; give the file in it"
    if isinstance(error, PermissionError):
        return "not readable for this user; change its permissions, or run as another user"
    return f"cannot be read ({error.strerror or error}); give another file"
