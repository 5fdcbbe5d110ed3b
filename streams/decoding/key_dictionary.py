"""Keys of events as small integer codes, so that everything behind decoding works on columns of integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final

import numpy as np

from streams.decoding.inferred_schema import InferredSchema, fields_of
from streams.events.event import REQUIRED, Interaction, Kind, present
from streams.events.identity import IdArray, scope_of
from streams.events.key import EventKey

#: Most keys that are remembered. Forgetting them costs time and changes nothing else.
_MOST: Final = 65_536
#: A schema is made once this many events, and an eighth of those that matched, did not match the one in use. Making one
#: takes as long as decoding some thousands of events, and longer with many names; so the next one needs twice as many
#: events, or 32 per key.
_FIRST_SCHEMA: Final = 4_096
_A_NAME: Final = 32
_PART: Final = 8
#: Events of each batch that are sampled for the fields of their kind.
_SAMPLE: Final = 256

_INTERACTION: Final[str] = Kind.INTERACTION.value
_key: Final = attrgetter(*EventKey._fields)


class _Expected:
    """The expected schema of one kind of events, and the counts that say when it is due to be made anew."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.schema: InferredSchema | None = None
        self.matched = self.unmatched = 0  # events since the schema was made
        self._fields: frozenset[str] = frozenset()  # that events have had
        self._complete = Counter[tuple[str, ...]]()  # events by the needed fields that they have
        self._enough = _FIRST_SCHEMA

    @property
    def is_due(self) -> bool:
        """Whether enough events did not match the schema for it to be made anew."""
        return self.unmatched >= self._enough and _PART * self.unmatched >= self.matched

    def sample(self, events: Sequence[Interaction]) -> bool:
        """Note the fields of those of ``events`` that are of the kind. Returns whether there are any."""
        own = list(islice((event for event in events if event.kind == self.kind), _SAMPLE))
        self._fields |= fields_of(self.kind, own)
        for names in REQUIRED.get(self.kind, ()):
            self._complete[names] += sum(all(present(event, name) for name in names) for event in own)
        return bool(own)

    def make(self, keys: Sequence[EventKey], code_of: Callable[[EventKey], int]) -> None:
        """Make the schema of the events sampled so far; ``keys`` are those of all kinds."""
        own = [key for key in keys if key.kind == self.kind]
        if not own:  # they were forgotten just now
            return
        needed = max(self._complete, key=self._complete.__getitem__, default=())
        self.schema = InferredSchema.of(self.kind, self._fields, needed, own, code_of)
        self._enough = max(2 * self._enough, _A_NAME * len(own))
        self.matched = self.unmatched = 0


class KeyDictionary:
    """Codes of the keys (kind, service, step, class, fail point, outcome) that have occurred.

    Codes hold for one ``generation``, and only `begin` starts another. ``kind`` is the kind that most events are
    expected to be of, and ``schema`` the one that they are expected to match. Results depend on none of this.
    """

    def __init__(self) -> None:
        """Start without keys."""
        self.generation = 0
        self.keys: list[EventKey] = []  # by code
        self._scopes: list[int] = []  # by code
        self._scope_column = np.empty(0, np.uint64)
        self.kind: str = _INTERACTION
        self._expected: dict[str, _Expected] = {}  # by kind
        self._counts = Counter[str]()  # events of the batch, by kind
        self._codes: dict[EventKey, int] = {}
        self._texts: dict[object, object] = {}
        self._sampled = False  # whether events of this batch were sampled for their fields

    @property
    def schema(self) -> InferredSchema | None:
        """Schema that most events are expected to match; None while there is none."""
        return self._own.schema

    @property
    def scopes(self) -> IdArray:
        """Part of the identity of events that their key makes up, by code."""
        if len(self._scope_column) != len(self._scopes):
            self._scope_column = np.array(self._scopes, np.uint64)
        return self._scope_column

    @property
    def _own(self) -> _Expected:
        if self.kind not in self._expected:
            self._expected[self.kind] = _Expected(self.kind)
        return self._expected[self.kind]

    def begin(self) -> None:
        """Begin a new batch, with no code of an earlier one in use: forget the keys if there are too many."""
        if len(self.keys) >= _MOST:
            self.generation += 1
            self.keys.clear()
            self._scopes.clear()
            self._scope_column = np.empty(0, np.uint64)
            self._codes.clear()
            self._texts.clear()
            for expected in self._expected.values():
                expected.schema = None
        if self._counts.total():
            self.kind = _prevailing(self._counts)
            self._counts.clear()
        self._sampled = False
        if self._own.is_due:
            self.expect()

    def expect(self) -> None:
        """Make the schema of the prevailing kind from the events so far."""
        self._own.make(self.keys, self._code)

    def note(self, matched: int, others: Counter[str]) -> None:
        """Count the events that matched the schema, and by kind the ``others``."""
        self._counts.update(others)
        self._counts[self.kind] += matched
        self._own.matched += matched
        self._own.unmatched += others[self.kind]

    def codes_of(self, events: Sequence[Interaction]) -> list[int]:
        """Code of each event, none of which matched the schema."""
        keys = list(map(_key, events))
        found = list(map(self._codes.get, keys))  # type: ignore[arg-type]  # tuples equal to keys
        if not self._sampled:
            self._sampled = self._own.sample(events)
        if None in found:
            return [self._code(EventKey(*key)) if code is None else code for key, code in zip(keys, found, strict=True)]
        return found  # type: ignore[return-value]  # there is no None in it

    def _code(self, key: EventKey) -> int:
        code = self._codes.get(key)
        if code is None:
            # Share equal texts between keys: most of what a look-up reads is then in the CPU's cache.
            key = EventKey(*map(self._texts.setdefault, key, key))  # type: ignore[arg-type]
            code = self._codes[key] = len(self.keys)
            self.keys.append(key)
            self._scopes.append(scope_of(key.kind, key.service, key.step))
        return code


def _prevailing(counts: Counter[str]) -> str:
    """The prevailing kind: interactions if they are half of all events, else the most frequent other kind."""
    if 2 * counts[_INTERACTION] >= counts.total():
        return _INTERACTION
    return max((kind for kind in counts if kind != _INTERACTION), key=counts.__getitem__)
