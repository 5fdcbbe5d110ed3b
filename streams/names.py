"""What events are told apart by, as small numbers, so that everything behind decoding works on columns of integers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from streams.events import Interaction
from streams.judging import RouteKey

#: So many different combinations are remembered. Forgetting them changes nothing but time.
_MOST: Final = 65_536

_key: Final = attrgetter(*RouteKey._fields)


class Names:
    """Codes of the combinations of kind, service, step, class, fail point and outcome that have occurred.

    Codes hold for one ``generation``, and only `begin` begins another. What is concluded never depends on them.
    """

    def __init__(self) -> None:
        """Nothing has occurred."""
        self.generation = 0
        self.keys: list[RouteKey] = []  # by code
        self._codes: dict[tuple[object, ...], int] = {}
        self._texts: dict[object, object] = {}

    def begin(self) -> None:
        """A new batch begins, and no code of an earlier one is in use: forget all of them if there are too many."""
        if len(self.keys) >= _MOST:
            self.generation += 1
            self.keys.clear()
            self._codes.clear()
            self._texts.clear()

    def codes_of(self, events: Sequence[Interaction]) -> list[int]:
        """Code of each event."""
        keys = list(map(_key, events))
        found = list(map(self._codes.get, keys))
        if None in found:
            return [self._code(key) if code is None else code for key, code in zip(keys, found, strict=True)]
        return found  # type: ignore[return-value]  # there is no None in it

    def _code(self, key: tuple[object, ...]) -> int:
        code = self._codes.get(key)
        if code is None:
            # The same text is the same object in all keys: most of what a look-up reads is then in the cache.
            key = tuple(self._texts.setdefault(part, part) for part in key)
            code = self._codes[key] = len(self.keys)
            self.keys.append(RouteKey(*key))  # type: ignore[arg-type]  # as the attribute getter gives it
        return code
