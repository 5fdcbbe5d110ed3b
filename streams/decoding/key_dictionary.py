"""What events are told apart by, as small numbers, so that everything behind decoding works on columns of integers."""

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

#: So many different combinations are remembered. Forgetting them changes nothing but time.
_MOST: Final = 65_536
#: A shape is made once so many events have not had the one there is, and such a part of all. Making one takes as long
#: as decoding some thousands of events, and more with many names, so that the next takes twice as many.
_FIRST_SHAPE: Final = 4_096
_A_NAME: Final = 32
_PART: Final = 8
#: The fields that events of a kind have are told from so many of each batch. Where a shape lacks one it is made anew.
_SAMPLE: Final = 256

_INTERACTION: Final[str] = Kind.INTERACTION.value
_key: Final = attrgetter(*EventKey._fields)


class _Expected:
    """What events of one kind are expected to be like: their shape, and what tells when it is to be made anew."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.shape: InferredSchema | None = None
        self.shaped = self.unshaped = 0  # events since the shape was made
        self._fields: frozenset[str] = frozenset()  # that events have had
        self._complete = Counter[tuple[str, ...]]()  # how often by which of the alternatives that the kind has
        self._enough = _FIRST_SHAPE

    @property
    def is_due(self) -> bool:
        """Whether so many events have not had the shape that it should be made anew."""
        return self.unshaped >= self._enough and _PART * self.unshaped >= self.shaped

    def sample(self, events: Sequence[Interaction]) -> bool:
        """Look at those of ``events`` that are of the kind for the fields that they have. Gives whether any are."""
        own = list(islice((event for event in events if event.kind == self.kind), _SAMPLE))
        self._fields |= fields_of(self.kind, own)
        for names in REQUIRED.get(self.kind, ()):
            self._complete[names] += sum(all(present(event, name) for name in names) for event in own)
        return bool(own)

    def make(self, keys: Sequence[EventKey], code_of: Callable[[EventKey], int]) -> None:
        """Make the shape of the events there have been, which had these ``keys`` if they were of the kind."""
        own = [key for key in keys if key.kind == self.kind]
        if not own:  # they were forgotten just now
            return
        needed = max(self._complete, key=self._complete.__getitem__, default=())
        self.shape = InferredSchema.of(self.kind, self._fields, needed, own, code_of)
        self._enough = max(2 * self._enough, _A_NAME * len(own))
        self.shaped = self.unshaped = 0


class KeyDictionary:
    """Codes of the combinations of kind, service, step, class, fail point and outcome that have occurred.

    Codes hold for one ``generation``, and only `begin` begins another. ``kind`` is what most events are expected to be
    of, and ``shape`` what they are expected to be like. What is concluded depends on none of this.
    """

    def __init__(self) -> None:
        """Nothing has occurred."""
        self.generation = 0
        self.keys: list[EventKey] = []  # by code
        self._scopes: list[int] = []  # by code
        self._scope_column = np.empty(0, np.uint64)
        self.kind: str = _INTERACTION
        self._expected: dict[str, _Expected] = {}  # by kind
        self._counts = Counter[str]()  # events of the batch, by kind
        self._codes: dict[EventKey, int] = {}
        self._texts: dict[object, object] = {}
        self._sampled = False  # whether any of the batch were looked at for their fields

    @property
    def shape(self) -> InferredSchema | None:
        """Shape that most events are expected to have; None while that is not known."""
        return self._own.shape

    @property
    def scopes(self) -> IdArray:
        """What each key contributes to the identity of its events, by code."""
        if len(self._scope_column) != len(self._scopes):
            self._scope_column = np.array(self._scopes, np.uint64)
        return self._scope_column

    @property
    def _own(self) -> _Expected:
        if self.kind not in self._expected:
            self._expected[self.kind] = _Expected(self.kind)
        return self._expected[self.kind]

    def begin(self) -> None:
        """A new batch begins, and no code of an earlier one is in use: forget them if there are too many."""
        if len(self.keys) >= _MOST:
            self.generation += 1
            self.keys.clear()
            self._scopes.clear()
            self._scope_column = np.empty(0, np.uint64)
            self._codes.clear()
            self._texts.clear()
            for expected in self._expected.values():
                expected.shape = None
        if self._counts.total():
            self.kind = _prevailing(self._counts)
            self._counts.clear()
        self._sampled = False
        if self._own.is_due:
            self.expect()

    def expect(self) -> None:
        """Expect the shape of the events there have been."""
        self._own.make(self.keys, self._code)

    def note(self, shaped: int, others: Counter[str]) -> None:
        """So many events had the shape, and so many of each kind had not."""
        self._counts.update(others)
        self._counts[self.kind] += shaped
        self._own.shaped += shaped
        self._own.unshaped += others[self.kind]

    def codes_of(self, events: Sequence[Interaction]) -> list[int]:
        """Code of each event, of which none has the shape."""
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
            # The same text is the same object in all keys: most of what a look-up reads is then in the cache.
            key = EventKey(*map(self._texts.setdefault, key, key))  # type: ignore[arg-type]
            code = self._codes[key] = len(self.keys)
            self.keys.append(key)
            self._scopes.append(scope_of(key.kind, key.service, key.step))
        return code


def _prevailing(counts: Counter[str]) -> str:
    """The kind of most events: interactions if they are half of all, else the most frequent of the other kinds."""
    if 2 * counts[_INTERACTION] >= counts.total():
        return _INTERACTION
    return max((kind for kind in counts if kind != _INTERACTION), key=counts.__getitem__)
