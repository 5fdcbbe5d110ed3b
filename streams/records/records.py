"""Records of breaches, decisions and notices, as they are published.

Identifiers are functions of the content, so that repetitions are recognised. The records' forms are
`agents/schemas/breach.v1.schema.json` and `audit.v1.schema.json`; those of dead letters are in `dead_letters`.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from streams.decisions.breaches import Decision
from streams.decoding.batch import SourcePartition
from streams.engine.progress import Notice
from streams.engine.standards_log import BEGINNING_MS

VERSION: Final = 1
#: Hexadecimal digits of an identifier: 128 bits.
_DIGITS: Final = 32


class RecordKind(enum.StrEnum):
    """Kind of a published record; each kind has its own topic."""

    DEAD_LETTERS = "dead-letters"
    BREACH = "breach"
    AUDIT = "audit"


class Record(NamedTuple):
    """One record to publish: its kind, which decides the topic, and its key and value."""

    kind: RecordKind
    key: bytes
    value: bytes


def source_key(source: SourcePartition) -> bytes:
    """Key of records about a source partition as a whole."""
    return f"{source.topic}/{source.partition}".encode()


def identity(content: bytes) -> str:
    """Identifier of a record: a function of its content."""
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def breach_record(source: SourcePartition, decision: Decision) -> Record:
    """Breach record of ``decision``."""
    content = {
        "breach": _breach_id(source, decision),
        "service": decision.service,
        "objective": decision.objective,
        "change": str(decision.change),
        "at": decision.at_ms // 1_000,
        "since": decision.since_ms // 1_000,
        "good": decision.ratio.good,
        "total": decision.ratio.total,
        "standards": decision.standards,
        **_cause(decision),
    }
    return _record(source, RecordKind.BREACH, decision.service.encode(), content)


def decision_record(source: SourcePartition, decision: Decision) -> Record:
    """Audit record of ``decision``."""
    detail = {
        "breach": _breach_id(source, decision),
        "service": decision.service,
        "objective": decision.objective,
        "change": str(decision.change),
        "window_start": decision.start_ms // 1_000,
        "good": decision.ratio.good,
        "total": decision.ratio.total,
        "standards": decision.standards,
        **_cause(decision),
    }
    return _audit(source, "decision", None, decision.at_ms, detail)


def notice_record(source: SourcePartition, notice: Notice) -> Record:
    """Audit record of ``notice``."""
    return _audit(source, str(notice.type), notice.offset, notice.at_ms, notice.detail)


def _breach_id(source: SourcePartition, decision: Decision) -> str:
    """Identifier of a breach: the same in all records about it."""
    return identity(orjson.dumps([*source, decision.service, decision.objective, decision.since_ms]))


def _cause(decision: Decision) -> dict[str, str]:
    return {} if decision.cause is None else {"cause": str(decision.cause)}


def _audit(
    source: SourcePartition, kind: str, offset: int | None, at_ms: int | None, detail: Mapping[str, object]
) -> Record:
    content = {
        "type": kind,
        "offset": offset,
        # Standards proposed before the first event have no time from which they hold.
        "at": None if at_ms is None or at_ms == BEGINNING_MS else at_ms / 1_000,
        "detail": dict(detail),
    }
    return _record(source, RecordKind.AUDIT, source_key(source), content)


def _record(source: SourcePartition, kind: RecordKind, key: bytes, content: Mapping[str, object]) -> Record:
    """A record with ``content``, its version, kind, source partition and identifier."""
    about = {"version": VERSION, "kind": str(kind), "topic": source.topic, "partition": source.partition}
    whole = {**about, **content}
    whole["id"] = identity(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS))
    return Record(kind, key, orjson.dumps(whole, option=orjson.OPT_SORT_KEYS))
