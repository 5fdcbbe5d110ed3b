"""Counts of the lanes of one process, what currently fails in them, and which errors end the process."""

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
    """Totals of the lanes of one process; ``troubled`` are the partitions that are retrying after ``last_error``."""

    records: int = 0
    rejected: int = 0
    dropped: int = 0
    missing: int = 0
    transactions: int = 0
    retries: int = 0
    last_error: str | None = None
    troubled: set[SourcePartition] = field(default_factory=set)

    def trouble(self, source: SourcePartition, error: BaseException) -> None:
        """Note that ``source`` has to retry; logged once until no partition does."""
        self.retries += 1
        self.last_error = _line_of(error)
        if not self.troubled:
            log.warning("Rekeying waits, and tries on: %s/%s: %s.", *source, self.last_error)
        self.troubled.add(source)

    def well(self, source: SourcePartition) -> None:
        """Note that ``source`` makes progress, or is no longer owned by this process."""
        if source in self.troubled:
            self.troubled.discard(source)
            if not self.troubled:
                log.warning("Rekeying goes on.")


def _line_of(error: BaseException) -> str:
    cause = root_cause(error)
    return "Kafka did not answer in time" if isinstance(cause, TimeoutError) else repr(cause)


def refusal_of(error: BaseException) -> Fault | None:
    """The fault to end with if ``error`` is final; None if a retry may help."""
    if not is_final(error):
        return None
    return Fault(
        f"Kafka refuses rekeying: {root_cause(error)!r}; give this client the right to read its topics, and to write to"
        " the rekeyed topic in transactions",
        Exit.STALLED,
    )
