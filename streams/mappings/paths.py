"""Paths into JSON documents: names of members and indexes of lists, from the document's root.

Names with dots between them may be one key or several: `http.response.status` finds {"http.response.status": 500} and
{"http": {"response.status": 500}} as it finds {"http": {"response": {"status": 500}}}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Document = Mapping[str, object]
Reader = Callable[[Document], object]

#: Names that stand bare in a path, and words that do not.
NAME: Final = re.compile(r"(?:[^\W\d]|[@$])[\w@$-]*")
WORDS: Final = frozenset({"and", "or", "not", "in", "true", "false", "null"})
#: So many names of a path may be one key.
_MOST_JOINED: Final = 16


@dataclass(frozen=True, slots=True)
class Path:
    """Where to look: names of members and indexes of lists, from the document's root."""

    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        """As it is written."""
        return "".join(_written(step) for step in self.steps).removeprefix(".")


def finder(path: Path) -> Reader:
    """Function that takes a document to the value at ``path``; None where there is none.

    Each name is a key of its own if that leads to a value. Otherwise names with dots between them may be one key: of
    several ways, the one with the shorter key wins where they part.
    """
    steps = path.steps
    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        return lambda document: document.get(name)
    ways = _ways(steps)
    if all(len(keys) == 1 for keys in ways):
        return lambda document: _walk(document, steps)

    def find(document: Document) -> object:
        found = _walk(document, steps)
        return _search(document, ways, 0) if found is None else found

    return find


def _walk(document: object, steps: tuple[str | int, ...]) -> object:
    for step in steps:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, Mapping) else None
        else:
            document = document[step] if isinstance(document, list) and step < len(document) else None
    return document


#: For each step the keys that may begin there, from short to long: one for each number of names that are joined.
_Ways = Sequence[Sequence[str | int]]


def _ways(steps: tuple[str | int, ...]) -> _Ways:
    return [_keys(steps[start : start + _MOST_JOINED]) for start in range(len(steps))]


def _keys(steps: tuple[str | int, ...]) -> list[str | int]:
    """The first step; where it is a name, that name joined with one more of those behind it, two more, and so on."""
    if isinstance(steps[0], int):
        return [steps[0]]
    names: list[str] = []
    for step in steps:
        if isinstance(step, int):
            break
        names.append(step)
    return [".".join(names[:count]) for count in range(1, len(names) + 1)]


def _search(document: object, ways: _Ways, start: int) -> object:
    """Value where the keys from ``start`` on lead. Every part of a document is reached once at most."""
    if start == len(ways):
        return document
    for count, key in enumerate(ways[start], 1):
        if isinstance(key, int):
            inner = document[key] if isinstance(document, list) and key < len(document) else None
        else:
            inner = document.get(key) if isinstance(document, Mapping) else None
        found = None if inner is None else _search(inner, ways, start + count)
        if found is not None:
            return found
    return None


def _written(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    plain = NAME.fullmatch(step) and step not in WORDS
    return f".{step}" if plain else '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'
