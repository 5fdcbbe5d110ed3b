"""How a mapping fits documents: which paths are found, which conditions hold, which values tables have no entry for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from streams.mappings.conditions import Condition, Incomparable, paths_in, predicate, reader, show
from streams.mappings.mapping import Choice, LookupTable, MappingSpec, key_of, paths_of
from streams.mappings.paths import Document, Path
from streams.sampling.sample import ConditionUse, MissingKey, PathUse, TableUse
from streams.sampling.spelling import KnownPaths

#: In place of a field, for conditions about the whole record.
DROP_WHEN: Final = "drop_when"
#: Most missing keys that are counted separately, and most that are reported.
_MOST_KEYS: Final = 1_000
_SHOWN_KEYS: Final = 5


class MappingUse:
    """Counts, for each path, condition and table of one mapping, how it fits the documents.

    Paths, and conditions that drop records, are evaluated on all documents; conditions and tables that fill fields only
    on those that are not dropped.
    """

    def __init__(self, spec: MappingSpec) -> None:
        """Start without documents."""
        self._known = KnownPaths()
        self._documents = self._kept = 0
        self._paths = [_PathCount(path, tuple(fields)) for path, fields in _fields_by_path(spec).items()]
        self._drops = [_ConditionCount(DROP_WHEN, condition) for condition in spec.drop_when]
        rules = sorted(spec.rules.items())
        choices = [(name, rule) for name, rule in rules if isinstance(rule, Choice)]
        self._conditions = [_ConditionCount(name, one) for name, rule in choices for one, _ in rule.branches]
        self._tables = [_TableCount(name, rule) for name, rule in rules if isinstance(rule, LookupTable)]

    def add(self, document: Document, *, dropped: bool) -> None:
        """Count one more document; ``dropped`` is whether the mapping drops it."""
        self._documents += 1
        self._known.add(document)
        for path in self._paths:
            path.add(document)
        for condition in self._drops:
            condition.add(document)
        if not dropped:
            self._kept += 1
            for condition in self._conditions:
                condition.add(document)
            for table in self._tables:
                table.add(document)

    def paths(self) -> tuple[PathUse, ...]:
        """Use of every path that the mapping reads, in order."""
        return tuple(
            PathUse(str(one.path), one.fields, one.found, self._documents, self._meant(one)) for one in self._paths
        )

    def conditions(self) -> tuple[ConditionUse, ...]:
        """Use of every condition, those that drop records first."""
        return tuple(
            ConditionUse(one.name, str(one.condition), one.held, one.incomparable, of)
            for of, counts in ((self._documents, self._drops), (self._kept, self._conditions))
            for one in counts
        )

    def tables(self) -> tuple[TableUse, ...]:
        """Use of every table."""
        return tuple(one.use(self._kept) for one in self._tables)

    def _meant(self, one: _PathCount) -> str | None:
        meant = None if one.found else self._known.meant(one.path)
        return None if meant is None else str(meant)


def _fields_by_path(spec: MappingSpec) -> dict[Path, dict[str, None]]:
    """Every path with the fields whose rules read it, each once."""
    found: dict[Path, dict[str, None]] = {}
    for path, name in _reads(spec):
        found.setdefault(path, {})[name] = None
    return found


def _reads(spec: MappingSpec) -> Iterator[tuple[Path, str]]:
    for name, rule in sorted(spec.rules.items()):
        yield from ((path, name) for path in paths_of(rule))
    for condition in spec.drop_when:
        yield from ((path, DROP_WHEN) for path in paths_in(condition))


class _PathCount:
    """Counts the documents that have a path."""

    def __init__(self, path: Path, fields: tuple[str, ...]) -> None:
        self.path, self.fields = path, fields
        self.found = 0
        self._read = reader(path)

    def add(self, document: Document) -> None:
        self.found += self._read(document) is not None


class _ConditionCount:
    """Counts the documents for which a condition by itself holds, or compares values of different kinds."""

    def __init__(self, name: str, condition: Condition) -> None:
        self.name, self.condition = name, condition
        self.held = self.incomparable = 0
        self._holds = predicate(condition)

    def add(self, document: Document) -> None:
        try:
            self.held += self._holds(document)
        except Incomparable:
            self.incomparable += 1


class _TableCount:
    """Counts the look-ups in a table, and the values that it has no entry for."""

    def __init__(self, name: str, rule: LookupTable) -> None:
        self._name, self._rule = name, rule
        self._looked_up = self._no_entry = 0
        self._missing = Counter[str]()
        self._read = reader(rule.path)

    def add(self, document: Document) -> None:
        value = self._read(document)
        if value is None:
            return
        self._looked_up += 1
        if key_of(value) not in self._rule.table:
            self._no_entry += 1
            shown = show(value)
            if shown in self._missing or len(self._missing) < _MOST_KEYS:
                self._missing[shown] += 1

    def use(self, of: int) -> TableUse:
        ranked = sorted(self._missing.items(), key=lambda each: (-each[1], each[0]))[:_SHOWN_KEYS]
        missing = tuple(MissingKey(value, records) for value, records in ranked)
        return TableUse(self._name, str(self._rule.path), self._looked_up, self._no_entry, missing, of)
