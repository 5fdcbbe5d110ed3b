"""The garbage collector, told what this program's objects are like."""

from __future__ import annotations

import gc
from typing import Final

#: Records are made by the thousand and hold no cycles: Python's default of 700 has the collector look at them again and
#: again, a fifth of the time while a log is read. 10,000 instead of this, or never, make no difference that shows.
_COLLECT_EVERY: Final = 50_000


def begin() -> None:
    """Collect nothing while a program begins: modules and standards are many objects, and all of them stay."""
    gc.disable()


def collect_rarely() -> None:
    """From now on leave alone what there is, and look for cycles only after many new objects."""
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)
    gc.enable()
