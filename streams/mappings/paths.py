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

#: Names that a path may have without quotes, and words that need quotes.
NAME: Final = re.compile(r"(?:[^\W\d]|[@$])[\w@$-]*")
WORDS: Final = frozenset({"and", "or", "not", "in", "true", "false", "null"})
#: Most names of a path that are tried as one key.
_MOST_JOINED: Final = 16


@dataclass(frozen=True, slots=True)
class Path:
    """A path: names of members and indexes of lists, from the document's root."""

    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        """As text that parses to the same."""
        return "".join(_written(step) for step in self.steps).removeprefix(".")


def finder(path: Path) -> Reader:
    """Function from a document to the value at ``path``; None where there is none.

    Each name is tried as a key of its own first. If that finds no value, names with dots between them are tried as one
    key; of several such ways, the one with the shorter key wins where they part.
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


#: For each step the keys that may begin there, from short to long: one per number of names joined.
_Ways = Sequence[Sequence[str | int]]


def _ways(steps: tuple[str | int, ...]) -> _Ways:
    return [_keys(steps[start : start + _MOST_JOINED]) for start in range(len(steps))]


def _keys(steps: tuple[str | int, ...]) -> list[str | int]:
    """The first step; if it is a name, then also that name joined with the next one, the next two, and so on."""
    if isinstance(steps[0], int):
        return [steps[0]]
    names: list[str] = []
    for step in steps:
        if isinstance(step, int):
            break
        names.append(step)
    return [".".join(names[:count]) for count in range(1, len(names) + 1)]


def _search(document: object, ways: _Ways, start: int) -> object:
    """Value that the keys from ``start`` on lead to. Reaches every part of a document at most once."""
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
