"""What a run leaves in topics: its log, the dead letters, the decisions, the audit; and what follows from the log."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from tests.faults.log.floor import MALFORMED
from tests.faults.log.oracle import Decided, PartitionOracle
from tests.faults.log.promises import PARTITIONS
from tests.faults.outcome.reading import LONG_SECONDS, Record, Tail

if TYPE_CHECKING:
    from tests.faults.log.topics import RunTopics


class Outputs:
    """What was found in topics so far; and the oracles, which read the same log.

    Args:
        keep_log: whether records of the log are kept, to be compared with what was sent.
    """

    def __init__(self, *, keep_log: bool = True) -> None:
        self.oracles = [PartitionOracle(MALFORMED) for _ in range(PARTITIONS)]
        self.log: dict[tuple[int, int], bytes] = {}
        self.records = 0  # of producers: control records are not among them
        self.letters: dict[tuple[int, int], list[str]] = defaultdict(list)  # reasons by partition and offset
        self.decisions: dict[tuple[int, str, str, str], list[tuple[int, int]]] = defaultdict(list)
        self.audits: Counter[str] = Counter()  # by type
        self.gaps: list[dict[str, Any]] = []
        self.ids: Counter[str] = Counter()  # of records of breaches and audit
        self._keep_log = keep_log

    def add_event(self, record: Record) -> None:
        """Take in a record of the log."""
        self.oracles[record.partition].receive(record.offset, record.stamp, record.value)
        if not _is_control(record.value):
            self.records += 1
            if self._keep_log:
                self.log[record.partition, record.offset] = record.value

    def add_letters(self, value: bytes) -> None:
        """Take in a record of dead letters."""
        for letter in json.loads(value)["letters"]:
            self.letters[letter["partition"], letter["offset"]].append(letter["reason"])

    def add_decision(self, value: bytes) -> None:
        """Take in a record of a breach."""
        document = json.loads(value)
        self.ids[f"breach {document['id']}"] += 1
        key = (document["at"], document["service"], document["objective"], document["change"])
        self.decisions[key].append((document["good"], document["total"]))

    def add_audit(self, value: bytes) -> None:
        """Take in a record of the audit."""
        document = json.loads(value)
        self.ids[f"audit {document['id']}"] += 1
        self.audits[document["type"]] += 1
        if document["type"] in {"gap", "damage"}:
            self.gaps.append(document)

    def due(self) -> list[Decided]:
        """The decisions that follow from the log."""
        return [one for oracle in self.oracles for one in oracle.decisions()]


class Topics(Outputs):
    """The topics of a run, read on with each `more`; use it in a ``with`` statement.

    Args:
        bootstrap: ``host:port``, several separated by commas.
        topics: those of the run.
        keep_log: as above.
    """

    def __init__(self, bootstrap: str, topics: RunTopics, *, keep_log: bool = True) -> None:
        super().__init__(keep_log=keep_log)
        self._source = Tail(bootstrap, topics.source, PARTITIONS)
        self._letters, self._breaches, self._audit = (
            Tail(bootstrap, name) for name in (topics.dead_letters, topics.breaches, topics.audit)
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for tail in (self._source, self._letters, self._breaches, self._audit):
            self._stack.enter_context(tail)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def more(self) -> None:
        """Take in what has come since the last call."""
        self.follow()
        self._letters.read(lambda record: self.add_letters(record.value))
        self._breaches.read(lambda record: self.add_decision(record.value))
        self._audit.read(lambda record: self.add_audit(record.value))

    def follow(self, *, seconds: float = LONG_SECONDS) -> None:
        """Take in what has come to the log alone.

        Raises:
            TimeoutError: its end was not reached in time; what was read is taken in all the same.
        """
        self._source.read(self.add_event, seconds=seconds)


def _is_control(value: bytes) -> bool:
    """Whether a record is one of the monitor's own."""
    return value.startswith(b"{") and b'"control"' in value[:40]
