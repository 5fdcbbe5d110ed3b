"""What a transaction carries, as Kafka records: dead letters, breaches, audit records and rows of state.

Identifiers are functions of the content, so that a repetition would show. The records' forms are
`agents/schemas/dead-letters.v1.schema.json`, `breach.v1.schema.json` and `audit.v1.schema.json`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from agents.kafka.state_topic import state_prefix
from streams.engine.standards_log import BEGINNING_MS
from streams.records import dead_letters

if TYPE_CHECKING:
    from agents.settings.settings import Settings
    from streams.decisions.breaches import Decision
    from streams.decoding.batch import Source
    from streams.engine.progress import Notice
    from streams.state.framing import Row
    from streams.state.processor import Conclusions

VERSION: Final = 1
#: Hexadecimal digits of an identifier: 128 bits.
_DIGITS: Final = 32


class Output(NamedTuple):
    """One record to write. ``partition`` None: by the key, as Kafka's own clients choose it."""

    topic: str
    partition: int | None
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the conclusions about one source partition are written."""

    source: Source
    settings: Settings

    def outputs(self, conclusions: Conclusions) -> list[Output]:
        """Records for ``conclusions``, the partition row last."""
        return [
            *self._letters(conclusions.letters),
            *map(self._breach, conclusions.decisions),
            *map(self._decision, conclusions.decisions),
            *map(self._notice, conclusions.notices),
            *self._rows(conclusions.rows),
        ]

    @property
    def _key(self) -> bytes:
        return f"{self.source.topic}/{self.source.partition}".encode()

    def _letters(self, lines: bytes) -> Iterator[Output]:
        for record in dead_letters.records(lines):
            yield Output(self.settings.dead_letters_topic, None, self._key, record)

    def _breach(self, decision: Decision) -> Output:
        content = {
            "breach": self._breach_id(decision),
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
        return self._record(self.settings.breaches_topic, decision.service.encode(), "breach", content)

    def _breach_id(self, decision: Decision) -> str:
        """The same for everything that happens to a breach."""
        parts = [*self.source, decision.service, decision.objective, decision.since_ms]
        return _identity(orjson.dumps(parts))

    def _decision(self, decision: Decision) -> Output:
        detail = {
            "breach": self._breach_id(decision),
            "service": decision.service,
            "objective": decision.objective,
            "change": str(decision.change),
            "window_start": decision.start_ms // 1_000,
            "good": decision.ratio.good,
            "total": decision.ratio.total,
            "standards": decision.standards,
            **_cause(decision),
        }
        return self._audit("decision", None, decision.at_ms, detail)

    def _notice(self, notice: Notice) -> Output:
        return self._audit(str(notice.type), notice.offset, notice.at_ms, notice.detail)

    def _audit(self, kind: str, offset: int | None, at_ms: int | None, detail: Mapping[str, object]) -> Output:
        content = {
            "type": kind,
            "offset": offset,
            # Standards proposed before the first event hold from no time that can be told.
            "at": None if at_ms is None or at_ms == BEGINNING_MS else at_ms / 1_000,
            "detail": dict(detail),
        }
        return self._record(self.settings.audit_topic, self._key, "audit", content)

    def _record(self, topic: str, key: bytes, kind: str, content: Mapping[str, object]) -> Output:
        """A record with ``content``, which also says what it is, where it is from, and who it is."""
        about = {"version": VERSION, "kind": kind, "topic": self.source.topic, "partition": self.source.partition}
        whole = {**about, **content}
        whole["id"] = _identity(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS))
        return Output(topic, None, key, orjson.dumps(whole, option=orjson.OPT_SORT_KEYS))

    def _rows(self, rows: Iterable[Row]) -> Iterator[Output]:
        prefix = state_prefix(self.source, self.settings.group)
        for name, value in rows:
            yield Output(self.settings.state_topic, self.source.partition, prefix + name, value)


def _cause(decision: Decision) -> dict[str, str]:
    return {} if decision.cause is None else {"cause": str(decision.cause)}


def _identity(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
