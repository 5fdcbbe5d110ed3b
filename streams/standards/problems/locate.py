"""YAML text to plain data, with the line and column of every key and value.

YAML's surprises stay out. Every plain word is the text that it looks like, except true, false, null and decimal
numbers: `no`, `on`, `12:30` and `2026-10-01` are texts. Every key is a text. Aliases, tags, merge keys and duplicate
keys are problems, not features; they are found together, while a syntax error ends the reading.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from streams.standards.problems.problems import MOST_PROBLEMS, FilePosition, Finding, Path

#: Largest file in bytes; deepest nesting in levels; longest key in characters.
MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 20
MAX_KEY: Final = 1_000

# Use libyaml where PyYAML was built with it: twenty times as fast, same events.
_LOADER: Final[type] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(
    r"[-+]?(0|[1-9][0-9]{0,17})?\.[0-9]{1,17}([eE][-+]?[0-9]{1,2})?|[-+]?[0-9]{1,17}[eE][-+]?[0-9]{1,2}"
)
_WORDS: Final = {"": None, "~": None, "true": True, "false": False, "null": None}
#: Lone surrogates, which escapes can write; PyYAML without libyaml accepts them.
_HALF: Final = re.compile("[\ud800-\udfff]")
# All but the tab, line breaks and what YAML calls printable. A negated class would take twelve milliseconds to compile.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(slots=True)
class Document:
    """Content of a file, positions of its parts, and its scalars as written."""

    data: object = None
    keys: dict[Path, FilePosition] = field(default_factory=dict)
    values: dict[Path, FilePosition] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    refused: set[Path] = field(default_factory=set)
    findings: list[tuple[FilePosition, Finding]] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> FilePosition:
        """Position of the value at ``path`` or of its key; for a missing part, that of the enclosing key."""
        while path and path not in self.values:
            path, key = path[:-1], True
        return self.keys[path] if key and path in self.keys else self.values.get(path, FilePosition(1, 1))

    def is_refused(self, path: Path) -> bool:
        """Whether ``path`` lies in a part that was refused, so that further findings would mislead."""
        return any(path[:length] in self.refused for length in range(len(path) + 1))


def read(text: str | bytes) -> Document:
    """Read one YAML document. Any ``text`` gives data or findings, never an exception."""
    document = Document()
    decoded = _decode(text, document)
    if decoded is None:
        return document
    try:
        _Composer(document, yaml.parse(decoded, Loader=_LOADER)).compose()
    except _TooDeep:
        pass
    except yaml.YAMLError as error:
        _syntax(document, error, decoded)
    except (ValueError, OverflowError) as error:  # escapes such as "\UFFFFFFFF", in PyYAML without libyaml
        _fail(
            document, FilePosition(1, 1), f"an escape or number that YAML cannot read ({error})", "write it differently"
        )
    return document


def _fail(document: Document, mark: FilePosition, found: str, remedy: str, rule: str = "the file is YAML") -> None:
    document.refused.add(())
    document.findings.append((mark, Finding((), found, rule, remedy)))


def _decode(text: str | bytes, document: Document) -> str | None:
    """Text of the file, or None with a finding."""
    if len(text) > MAX_BYTES:
        _fail(document, FilePosition(1, 1), f"more than {MAX_BYTES:,} bytes", "write it shorter", "standards are short")
        return None
    try:
        decoded = text.decode() if isinstance(text, bytes) else text.encode().decode()
    except UnicodeError as error:
        _not_utf8(text, error, document)
        return None
    decoded = decoded.removeprefix("\ufeff")
    if match := _UNPRINTABLE.search(decoded):
        mark = _mark_at(decoded, match.start())
        _fail(document, mark, f"the control character U+{ord(match[0]):04X}", "remove it", "the file is readable text")
        return None
    return decoded


def _not_utf8(text: str | bytes, error: UnicodeError, document: Document) -> None:
    mark, found = FilePosition(1, 1), "half of a character"
    if isinstance(text, bytes) and isinstance(error, UnicodeDecodeError):
        before = text[: error.start].decode(errors="replace")
        mark, found = _mark_at(before, len(before)), f"the byte {text[error.start]:#04x}"
    if isinstance(text, bytes) and text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        found = "UTF-16"
    _fail(document, mark, found, "save it as UTF-8", "the file is UTF-8")


def _mark_at(text: str, index: int) -> FilePosition:
    before = text[:index]
    return FilePosition(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


_TOO_DEEP: Final = f"level {MAX_DEPTH + 1}", "write it flatter", f"a standards file nests at most {MAX_DEPTH} levels"

#: Messages of PyYAML and libyaml: pattern, found, rule, remedy. The first match wins.
_SYNTAX: Final = tuple(
    (re.compile(pattern), found, rule, remedy)
    for pattern, found, rule, remedy in (
        (
            r"cannot start any token",
            "a character that begins no value",
            "texts that begin with one of @ ` % are in quotes",
            "put the text in quotes",
        ),
        (
            r"mapping values are not allowed",
            "a colon too many",
            "a colon and a blank come once, between a key and its value",
            "put the text in quotes, or indent the key like its neighbours",
        ),
        (
            r"end of stream|stream end",
            "the end of the file within quotes or brackets",
            "quotes and brackets are closed",
            "close them",
        ),
        (
            r"expected ',' or '[\]}]'",
            "something else",
            "within brackets a comma or the closing bracket comes here",
            "close the bracket, or write a comma",
        ),
        (
            r"document start",
            "a line that belongs to nothing",
            "the keys of a mapping stand in one column",
            "indent it like its neighbours",
        ),
        (
            r"block end|'-' indicator|expected key|block mapping",
            "a line that is no part of what stands above",
            "keys stand in one column, and lists are not mixed with keys",
            "indent it like its neighbours, with spaces",
        ),
        (
            r"simple key|expected ':'",
            "a line without a colon",
            "every line of a mapping is a key, a colon and a value",
            "write it as in name: value",
        ),
        (
            r"escape",
            "an unknown escape",
            "within double quotes a backslash begins an escape",
            "write two backslashes, or use single quotes",
        ),
    )
)


def _syntax(document: Document, error: yaml.YAMLError, text: str) -> None:
    mark, lines = getattr(error, "problem_mark", None), text.splitlines() or [""]
    place = FilePosition(min(mark.line + 1, len(lines)), mark.column + 1) if mark else FilePosition(1, 1)
    line = lines[place.line - 1]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        _fail(document, place, "a tab", "replace it by spaces", "YAML is indented with spaces")
        return
    complaint = f"{getattr(error, 'problem', '')} {getattr(error, 'context', '')}"
    if mark and mark.line >= len(lines):
        complaint = f"stream end: {complaint}"  # libyaml names the missing token, not the end of the file
    if "nesting depth" in complaint:  # libyaml has its own limit, and may reach it before it gives any event
        _fail(document, place, *_TOO_DEEP)
        return
    for pattern, found, rule, remedy in _SYNTAX:
        if pattern.search(complaint):
            _fail(document, place, found, remedy, rule)
            return
    _fail(document, place, f"what YAML does not allow ({complaint.strip()})", "put texts in quotes")


class _TooDeep(Exception):  # noqa: N818 - ends the reading, and is no error of the program
    """The file nests too deeply; the finding is recorded."""


class _Composer:
    """Composes events to data. PyYAML's composer neither bounds depth, refuses aliases, nor keeps all positions."""

    def __init__(self, document: Document, events: Iterator[yaml.Event]) -> None:
        self._document = document
        self._events = events

    def compose(self) -> None:
        event = self._next()
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return
        self._document.data = self._node(event, ())
        self._next()
        following = self._next()
        if isinstance(following, yaml.DocumentStartEvent):
            rule = "a standards file is one document"
            _fail(self._document, _mark(following), "a second document", "remove --- and what follows", rule)

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _node(self, event: yaml.Event, path: Path) -> object:
        self._document.values.setdefault(path, _mark(event))
        if len(path) > MAX_DEPTH:
            _fail(self._document, _mark(event), *_TOO_DEEP)
            raise _TooDeep
        if isinstance(event, yaml.AliasEvent):
            self._refuse(path, event, f"the alias *{event.anchor}", "aliases are not used", "write the value out")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            self._refuse(path, event, f"the tag {event.tag}", "tags are not used", "leave it out; quotes make a text")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> object:
        text = str(event.value)
        self._document.written[path] = text
        if _HALF.search(text):
            self._refuse(path, event, "half of a character", "texts are Unicode", "write the whole character")
        return text if event.style else _plain(text)

    def _sequence(self, path: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, object]:
        members: dict[str, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key is None or key in members:
                self._skip(event, key, path)
                continue
            place = (*path, key)
            self._document.keys[place] = _mark(event)
            members[key] = self._node(self._next(), place)
        return members

    def _key(self, event: yaml.Event, path: Path) -> str | None:
        """Text of a key, as written; None, with a finding, for anything else."""
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or len(event.value) > MAX_KEY:
            found = "a key that is no plain text"
        elif event.value == "<<" and not event.style:
            found = "a merge key"
        elif not event.value.strip():
            found = "an empty key"
        elif _HALF.search(event.value):
            found = "half of a character"
        else:
            return str(event.value)
        self._find(path, event, found, "keys are names", "write each key out as a text")
        return None

    def _skip(self, event: yaml.Event, key: str | None, path: Path) -> None:
        """Skip an unusable key with its value; report a duplicate."""
        if key is None:
            self._pass_over(event)
        else:
            first = self._document.keys[*path, key]
            rule = f"a key stands once, and this one already stands in line {first.line}"
            self._find((*path, key), event, "the key again", rule, "remove one of the two")
        self._pass_over(self._next())

    def _pass_over(self, event: yaml.Event) -> None:
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if not depth:
                return
            event = self._next()

    def _refuse(self, path: Path, event: yaml.Event, found: str, rule: str, remedy: str) -> None:
        self._document.refused.add(path)
        self._find(path, event, found, rule, remedy)

    def _find(self, path: Path, event: yaml.Event, found: str, rule: str, remedy: str) -> None:
        if len(self._document.findings) < MOST_PROBLEMS:
            self._document.findings.append((_mark(event), Finding(path, found, rule, remedy)))


def _mark(event: yaml.Event) -> FilePosition:
    assert event.start_mark is not None
    return FilePosition(event.start_mark.line + 1, event.start_mark.column + 1)


def _plain(text: str) -> object:
    """Value of a scalar without quotes."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
