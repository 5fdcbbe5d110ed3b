"""The targets by name: what each is fed with, and within what bounds it has to deal with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.fuzz.choices import Choices, FromBytes
from tests.fuzz.subjects import endpoints, events, files, floods, folding, mappings, state_rows


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads what others made.

    Args:
        what: what one input is, in the plural.
        generate: makes a subject of choices.
        check: raises where the subject is not dealt with as promised; gives how many inputs the subject has.
        size: bytes that choices for one subject are read from.
        seconds: most processor time for one subject.
    """

    what: str
    generate: Callable[[Choices], Any]
    check: Callable[[Any], int]
    size: int
    seconds: float = 1.0

    def run(self, data: bytes) -> int:
        """Deal with the subject that ``data`` stands for; gives how many inputs it has."""
        return self.check(self.generate(FromBytes(data)))


TARGETS: Final = {
    "events": Target("events", events.generate, events.check, 8_000),
    # A probe may hold for a day, which is 8,640 slices to close; a log may have several of them.
    "folding": Target("records of hostile logs", folding.generate, folding.check, 1_500, seconds=10.0),
    "mappings": Target("conditions and mapped records", mappings.generate, mappings.check, 200),
    "standards": Target("standards files", files.generate, files.check, 200),
    "rows": Target("rows of saved state", state_rows.generate, state_rows.check, 1_000),
    "endpoints": Target("requests", endpoints.generate, endpoints.check, 400, seconds=5.0),
    "floods": Target("events with new names", floods.generate, floods.check, 1, seconds=5.0),
}
