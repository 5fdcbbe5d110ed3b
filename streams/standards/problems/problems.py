"""Problems of a standards file: where, what was found, which rule it breaks, what to write instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

#: Keys and list indexes from the root of the file.
Path = tuple[str | int, ...]

#: Most problems reported of one file; more have mostly one cause.
MOST_PROBLEMS: Final = 200
_LONGEST: Final = 60
_PLAIN_KEY: Final = re.compile(r"[^\W_][\w-]*")


class Unfit(ValueError):  # noqa: N818 - a value in a file is unfit; nothing went wrong in the program
    """A value that breaks ``rule``; ``remedy`` says what to write instead."""

    def __init__(self, rule: str, remedy: str) -> None:
        """Keep both, each a clause without a full stop."""
        super().__init__(f"{rule}; {remedy}")
        self.rule = rule
        self.remedy = remedy


@dataclass(frozen=True, slots=True, order=True)
class FilePosition:
    """A position in the file; both numbers count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem located by its path alone: that of a value, or of the key itself (``of_key``)."""

    path: Path
    found: str
    rule: str
    remedy: str
    of_key: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a file. ``line`` and ``column`` count from 1; ``path`` is "" where the whole file is meant."""

    # The docstring is published in `agents/schemas/check.v1.schema.json`.
    file: str
    line: int
    column: int
    path: str
    found: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        """One line, in the form that editors and terminals turn into a link."""
        path = f"{self.path}: " if self.path else ""
        return one_line(f"{self.file}:{self.line}: {path}found {self.found}; {self.rule}; {self.remedy}")


class StandardsError(ValueError):
    """A standards file with ``problems``: all of them, up to `MOST_PROBLEMS`, by position."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Sort the problems, of which there is at least one."""
        ordered = sorted(problems, key=lambda each: (each.line, each.column, each.path, each.rule))
        self.problems = tuple(ordered[:MOST_PROBLEMS])
        super().__init__("\n".join(map(str, self.problems)))


def show_path(path: Path) -> str:
    """``path`` as in services.hotline.steps[0]; ambiguous keys are quoted, as in services["a.b"]."""
    return "".join(_show_step(step) for step in path).removeprefix(".")


def show_text(text: str) -> str:
    """``text`` in quotes, on one line, cut to 60 characters."""
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f'"{one_line(text)}"'


def one_line(text: str) -> str:
    """``text`` with line breaks and control characters escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def closest(name: str, options: Collection[str], cutoff: float = 0.6) -> str | None:
    """The option that ``name`` was probably meant to be; None where none is as similar as ``cutoff``."""
    if len(name) > _LONGEST or len(options) > 1_000:  # noqa: PLR2004 - longer is no typing error, more take too long
        return None
    by_lower = {option.lower(): option for option in sorted(options)}
    match = get_close_matches(name.lower().replace(" ", "_"), by_lower, n=1, cutoff=cutoff)
    match = match or [option for option in by_lower if name.lower() in re.split(r"\W", option)][:1]
    return by_lower[match[0]] if match else None


def suggest(name: str, options: Collection[str], otherwise: str) -> str:
    """Remedy for an unknown ``name``: the closest option, else ``otherwise``."""
    match = closest(name, options)
    return f"did you mean {match}?" if match else otherwise


def enumerate_names(names: Iterable[str], most: int = 12) -> str:
    """The first ``most`` of the sorted names, and how many more there are."""
    ordered = sorted(names)
    return ", ".join(ordered[:most]) + (f" and {len(ordered) - most} more" if len(ordered) > most else "")


def _show_step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{show_text(step)}]"
