"""What a fault has before it: the brokers, the workers, and the events on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.kinds.plan import Lane
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.faults.log.producing import Sending
    from tests.faults.log.topics import RunTopics
    from tests.faults.parts.fleet import Fleet, Slot
    from tests.faults.parts.site import Site


@dataclass
class Scene:
    """One run's parts."""

    site: Site
    fleet: Fleet
    topics: RunTopics
    sending: Sending

    def slot(self, lane: Lane, rng: random.Random) -> Slot:
        """The worker that a fault of ``lane`` is to hit."""
        if lane is Lane.FIRST:
            return self.fleet.slots[0]
        return rng.choice([slot for slot in self.fleet.slots[1:] if slot.wanted])


def answering(slot: Slot) -> Callable[[], bool]:
    """Condition: the worker serves its pages."""
    return lambda: bool(slot.readiness())


def wait_until_answers(slot: Slot, *, seconds: float = 60) -> None:
    """Wait until a worker that was started serves its pages, be it after some more starts."""
    wait_for(answering(slot), f"{slot.name} to serve its pages", seconds=seconds)
