"""The Kafka records of a transaction: published records and rows of state."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from agents.kafka.state_topic import state_prefix
from streams.records import dead_letters
from streams.records.records import (
    Record,
    RecordKind,
    breach_record,
    decision_record,
    notice_record,
    source_key,
)

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from streams.decoding.batch import SourcePartition
    from streams.state.processor import Commit


_TOPIC: Final = {
    RecordKind.DEAD_LETTERS: attrgetter("dead_letters_topic"),
    RecordKind.BREACH: attrgetter("breaches_topic"),
    RecordKind.AUDIT: attrgetter("audit_topic"),
}


class Output(NamedTuple):
    """One record to write; ``partition`` None: chosen by the key, as Kafka's own clients do."""

    topic: str
    partition: int | None
    key: bytes
    value: bytes | None


def output(settings: Settings, record: Record) -> Output:
    """The output for ``record``, in the topic of its kind."""
    return Output(_TOPIC[record.kind](settings), None, record.key, record.value)


def outputs(settings: Settings, source: SourcePartition, commit: Commit) -> list[Output]:
    """The outputs of ``commit`` for ``source``, the partition row last."""
    key, prefix = source_key(source), state_prefix(source, settings.group)
    records = [
        *(Record(RecordKind.DEAD_LETTERS, key, value) for value in dead_letters.records(commit.letters)),
        *(breach_record(source, decision) for decision in commit.decisions),
        *(decision_record(source, decision) for decision in commit.decisions),
        *(notice_record(source, notice) for notice in commit.notices),
    ]
    rows = (Output(settings.state_topic, source.partition, prefix + name, value) for name, value in commit.rows)
    return [*(output(settings, record) for record in records), *rows]
