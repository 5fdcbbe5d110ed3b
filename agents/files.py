"""Reading the user's files. What cannot be read ends the command with one line that says what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from agents.exits import Fault
from streams.standards.errors import one_line
from streams.standards.load import DEFAULT, StandardsError, load
from streams.standards.locate import MAX_BYTES
from streams.standards.model import Standards

#: Path that stands for standard input.
STDIN: Final = Path("-")


def read_standards(path: Path | None) -> Standards:
    """Standards in the file at ``path``; those of an empty file without one.

    Raises `Fault` (exit code 2) for a file that cannot be read, or with every problem of one that is wrong.
    """
    if path is None:
        return DEFAULT
    try:
        return load(read_bytes(path), file=display_name(path))
    except StandardsError as error:
        message = f"{display_name(path)} has {count(len(error.problems), 'problem')}:\n{error}"
        raise Fault(message) from None


def read_bytes(path: Path) -> bytes:
    """Content of the file at ``path`` ("-": standard input), cut just past the size that is refused anyway.

    Raises `Fault` (exit code 2).
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
    """``path`` as shown: one line, whatever characters the file system allows."""
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
