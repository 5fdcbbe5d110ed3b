"""What the lanes of one process have done, what is in their way, and which errors are no use to try again after."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.exits import Exit, Fault
from agents.kafka.errors import is_final, root_cause

if TYPE_CHECKING:
    from streams.decoding.batch import SourcePartition

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RekeyCounts:
    """What the lanes of one process have done, and what is in their way."""

    records: int = 0
    rejected: int = 0
    dropped: int = 0
    missing: int = 0
    transactions: int = 0
    retries: int = 0
    last_error: str | None = None
    troubled: set[SourcePartition] = field(default_factory=set)

    def trouble(self, source: SourcePartition, error: BaseException) -> None:
        """Note that ``source`` has to try again; it is logged once until all is well."""
        self.retries += 1
        self.last_error = _said(error)
        if not self.troubled:
            log.warning("Rekeying waits, and tries on: %s/%s: %s.", *source, self.last_error)
        self.troubled.add(source)

    def well(self, source: SourcePartition) -> None:
        """Note that ``source`` makes progress, or is no business of this process any more."""
        if source in self.troubled:
            self.troubled.discard(source)
            if not self.troubled:
                log.warning("Rekeying goes on.")


def _said(error: BaseException) -> str:
    cause = root_cause(error)
    return "Kafka did not answer in time" if isinstance(cause, TimeoutError) else repr(cause)


def refusal_of(error: BaseException) -> Fault | None:
    """What to end with, if trying again would not help."""
    if not is_final(error):
        return None
    return Fault(
        f"Kafka refuses rekeying: {root_cause(error)!r}; give this client the right to read its topics, and to write to"
        " the rekeyed topic in transactions",
        Exit.STALLED,
    )
