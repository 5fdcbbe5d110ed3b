"""Status of the rekeyer of a worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.decoding.batch import SourcePartition


@dataclass(frozen=True, slots=True)
class RekeyStatus:
    """Counts since the rekeyer was started, and its present state.

    Args:
        partitions: source partitions that it owns.
        records: written to the rekeyed topic, including those that are no events.
        rejected: of these, no events; the worker that monitors the topic makes dead letters of them.
        dropped: not written: records that a mapping drops, and control records.
        missing: deleted from the sources before they were rekeyed.
        transactions: committed.
        retries: failures after which something was tried again.
        lag: records of the owned partitions that are still to be rekeyed; None: not known yet.
        last_error: the present error; None: there is none.
        never_found: by topic, paths of its mapping that no record has had since.
    """

    partitions: tuple[SourcePartition, ...] = ()
    records: int = 0
    rejected: int = 0
    dropped: int = 0
    missing: int = 0
    transactions: int = 0
    retries: int = 0
    lag: int | None = None
    last_error: str | None = None
    never_found: Mapping[str, Collection[str]] = field(default_factory=dict)
