"""The sample of `slm check`: what a standards file makes of the first records of a log."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from agents.cli.topic_choice import topic_of_sample
from agents.files.event_log import EventLog
from streams.sampling.sampler import Sampler

if TYPE_CHECKING:
    from streams.sampling.sample import Sample
    from streams.standards.model import Standards


def take(standards: Standards, log: str, topic: str | None, records: int) -> Sample:
    """Read the first ``records`` of ``log`` as ``topic``; None: as the one topic that is mapped.

    Raises:
        Fault: the log cannot be read, or its topic is not known.
    """
    chosen, source = topic_of_sample(standards, topic), EventLog(log)
    sampler = Sampler(standards.mappings.get(chosen))
    for line in islice(source.lines(), records):
        sampler.add(line.number, line.raw)
    return sampler.sample(source.name, chosen)
