"""What events are told apart by, as small numbers, so that everything behind decoding works on columns of integers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from streams.events import Interaction
from streams.judging import RouteKey
from streams.shapes import Shape, fields_of

#: So many different combinations are remembered. Forgetting them changes nothing but time.
_MOST: Final = 65_536
#: A shape is made once so many events have not had the one there is, and such a part of all. Making one takes as long
#: as decoding some thousands of events, and more with many names, so that the next takes twice as many.
_FIRST_SHAPE: Final = 4_096
_A_NAME: Final = 32
_PART: Final = 8
#: The fields that interactions have are told from so many of each batch. Where a shape lacks one it is made anew.
_SAMPLE: Final = 256

_key: Final = attrgetter(*RouteKey._fields)


class Names:
    """Codes of the combinations of kind, service, step, class, fail point and outcome that have occurred.

    Codes hold for one ``generation``, and only `begin` begins another. ``shape`` is what most interactions are expected
    to be like; ``various``: most events are expected to be no interactions. What is concluded depends on none of this.
    """

    def __init__(self) -> None:
        """Nothing has occurred."""
        self.generation = 0
        self.keys: list[RouteKey] = []  # by code
        self.shape: Shape | None = None
        self.various = False
        self._others = self._events = 0  # in the batch
        self._codes: dict[RouteKey, int] = {}
        self._texts: dict[object, object] = {}
        self._fields: frozenset[str] = frozenset()  # that interactions have had
        self._sampled = False  # whether any of the batch were looked at for them
        self._shaped = self._unshaped = 0  # interactions since the shape was made
        self._enough = _FIRST_SHAPE

    def begin(self) -> None:
        """A new batch begins, and no code of an earlier one is in use: forget them if there are too many."""
        if len(self.keys) >= _MOST:
            self.generation += 1
            self.shape = None
            self.keys.clear()
            self._codes.clear()
            self._texts.clear()
        self.various = 2 * self._others > self._events
        self._others = self._events = 0
        self._sampled = False
        if self._unshaped >= self._enough and _PART * self._unshaped >= self._shaped:
            self.expect()

    def expect(self) -> None:
        """Expect the shape of the interactions there have been."""
        interactions = [key for key in self.keys if key.kind == "interaction"]
        self.shape = Shape.of(self._fields, interactions, self._code)
        self._enough = max(2 * self._enough, _A_NAME * len(interactions))
        self._shaped = self._unshaped = 0

    def note(self, shaped: int, others: int) -> None:
        """So many interactions had the shape, and so many events were no interactions."""
        self._shaped += shaped
        self._events += shaped
        self._others += others
        self._unshaped -= others

    def codes_of(self, events: Sequence[Interaction]) -> list[int]:
        """Code of each event, of which none has the shape."""
        keys = list(map(_key, events))
        found = list(map(self._codes.get, keys))  # type: ignore[arg-type]  # tuples equal to keys
        self._unshaped += len(events)
        self._events += len(events)
        if not self._sampled:
            self._sampled, self._fields = True, self._fields | fields_of(events[:_SAMPLE])
        if None in found:
            return [self._code(RouteKey(*key)) if code is None else code for key, code in zip(keys, found, strict=True)]
        return found  # type: ignore[return-value]  # there is no None in it

    def _code(self, key: RouteKey) -> int:
        code = self._codes.get(key)
        if code is None:
            # The same text is the same object in all keys: most of what a look-up reads is then in the cache.
            key = RouteKey(*map(self._texts.setdefault, key, key))  # type: ignore[arg-type]
            code = self._codes[key] = len(self.keys)
            self.keys.append(key)
        return code
