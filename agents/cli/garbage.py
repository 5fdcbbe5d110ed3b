"""The garbage collector, set for what the objects of this program are like."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: New objects between two collections. Records come by the thousand and hold no cycles: at Python's default of 700 the
#: collector looks at them again and again, a fifth of the time while a log is read. 10,000, or never to collect, make
#: no difference that shows.
_COLLECT_EVERY: Final = 50_000


@contextmanager
def untouched() -> Iterator[None]:
    """Collect nothing in the body, which imports modules: many objects, all of which stay. Never look at them later."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def begin() -> None:
    """Collect nothing while a program begins: modules and standards are many objects, and all of them stay."""
    gc.disable()


def collect_rarely() -> None:
    """From now on leave alone what there is, and look for cycles only after many new objects."""
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)
    gc.enable()
