"""Suggestions for misspelt names: of fields of the wire format, and of paths, by the paths that documents have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Final

from streams.events.event import KNOWN_FIELDS
from streams.mappings.paths import NAME, WORDS, Document, Path
from streams.standards.problems.problems import closest

#: Most paths that are remembered, most documents and elements of a list that are searched for them.
_MOST_PATHS: Final = 1_000
_MOST_DOCUMENTS: Final = 1_000
_MOST_ELEMENTS: Final = 3
#: Deepest path: deeper than any that people write.
_DEEPEST: Final = 16
#: Common names of other formats for fields of the wire format, without case and punctuation.
_SYNONYMS: Final[Mapping[str, str]] = {
    "ts": "time",
    "timestamp": "time",
    "datetime": "time",
    "date": "time",
    "app": "service",
    "servicename": "service",
    "latency": "duration",
    "elapsed": "duration",
    "responsetime": "duration",
    "took": "duration",
    "result": "outcome",
    "status": "outcome",
    "type": "kind",
    "user": "customer",
    "client": "customer",
    "operation": "step",
    "endpoint": "step",
    "error": "failure_point",
    "errorcode": "failure_point",
}
_ODD: Final = re.compile(r"[\W_]+")


def meant_field(name: str) -> str | None:
    """Field of the wire format that ``name`` probably means; None where none is similar."""
    by_letters = {_letters(field): field for field in KNOWN_FIELDS}
    letters = _letters(name)
    return by_letters.get(letters) or _SYNONYMS.get(letters) or closest(name, KNOWN_FIELDS, cutoff=0.7)


class KnownPaths:
    """Paths of the values in documents, up to a bounded number."""

    def __init__(self) -> None:
        """Start without paths."""
        self._paths: set[Path] = set()
        self._documents = 0

    def add(self, document: Document) -> None:
        """Remember the paths of one more document."""
        if self._documents < _MOST_DOCUMENTS:
            self._documents += 1
            for path in _leaves(document, ()):
                if len(self._paths) >= _MOST_PATHS:
                    break
                self._paths.add(path)

    def meant(self, path: Path) -> Path | None:
        """Return the path that ``path`` probably means; None where none is similar.

        First choice are paths with the same letters, then the same last name elsewhere, then similar ones.
        """
        letters, ending = _path_letters(path), _letters(str(path.steps[-1]))
        alike = [each for each in self._paths if _path_letters(each) == letters]
        alike = alike or [each for each in self._paths if _letters(str(each.steps[-1])) == ending]
        if alike:
            return max(alike, key=lambda each: (_likeness(each, path), str(each)))
        by_text = {str(each): each for each in self._paths}
        match = closest(str(path), by_text) or self._by_ending(str(path.steps[-1]))
        return by_text[match] if match else None

    def _by_ending(self, name: str) -> str | None:
        by_ending = {str(path.steps[-1]): str(path) for path in sorted(self._paths, key=str, reverse=True)}
        match = closest(name, by_ending, cutoff=0.75)
        return by_ending[match] if match else None


def _leaves(value: object, steps: tuple[str | int, ...]) -> Iterator[Path]:
    """Paths of everything that is neither an object nor null."""
    if isinstance(value, Mapping):
        for key, inner in value.items() if len(steps) < _DEEPEST else ():
            yield from _leaves(inner, (*steps, *_names(key)))
        return
    if value is not None and steps:
        yield Path(steps)
    if isinstance(value, list) and len(steps) < _DEEPEST:
        for index, inner in enumerate(value[:_MOST_ELEMENTS]):
            yield from _leaves(inner, (*steps, index))


def _names(key: str) -> list[str]:
    """The names that a key with dots is found by, if all its parts are plain names; else the key."""
    parts = key.split(".")
    return parts if all(NAME.fullmatch(part) and part not in WORDS for part in parts) else [key]


def _letters(name: str) -> str:
    return _ODD.sub("", name.casefold())


def _path_letters(path: Path) -> str:
    return "".join(_letters(str(step)) for step in path.steps)


def _likeness(one: Path, other: Path) -> float:
    return SequenceMatcher(None, str(one), str(other)).ratio()
