"""How far a source partition has been read, counters of what became of its records, and notices for the audit."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from streams.decoding.batch import NO_TIMESTAMP, Batch, LastRecord
from streams.decoding.columns import BatchContent
from streams.decoding.decode import Rejection
from streams.events.event import OPTIONAL
from streams.events.rejections import Reason


class NoticeType(enum.StrEnum):
    """Subject of a notice."""

    STANDARDS = "standards"  # other standards are in force, or were proposed and could not be found
    GAP = "gap"  # records were deleted from the log before they were read
    DAMAGE = "damage"  # a row of state is not as it was written
    FORMAT = "format"  # state was saved in an older form and was rebuilt, or some figures begin anew
    POLICY = "policy"  # the settings of time have changed


@dataclass(frozen=True, slots=True)
class Notice:
    """An audit record beside the decisions. ``at_ms`` is event time, where there is one."""

    type: NoticeType
    offset: int
    at_ms: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


#: Above this share of a field's values, unreadable ones are more than noise and need attention.
MOST_UNREADABLE: Final = Fraction(5, 100)


class Example(NamedTuple):
    """An example of a value that was left out of its event: the offset of its record, and a line for people."""

    offset: int
    detail: str


#: Partition number in a sum of several partitions' progress.
NO_PARTITION: Final = -1


@dataclass(slots=True)
class Progress:
    """How far a partition has been read, and what became of its records. Times in milliseconds since 1970."""

    source: str
    partition: int
    next_offset: int | None = None
    records: int = 0
    accepted: int = 0
    duplicates: int = 0
    ignored: int = 0  # control records, and records dropped by a mapping
    rejected: Counter[Reason] = field(default_factory=Counter)
    overflowed: Counter[str] = field(default_factory=Counter)  # counted under the label `other`, by what was replaced
    unknown_fields: int = 0
    readable: Counter[str] = field(default_factory=Counter)  # values of optional fields, by field
    unreadable: Counter[tuple[str, Reason]] = field(default_factory=Counter)  # those left out of events that count
    examples: dict[tuple[str, Reason], Example] = field(default_factory=dict, compare=False)  # since the process began
    mapped: int = 0  # records that the newest mapping was applied to
    found: set[str] = field(default_factory=set)  # paths of mappings that any record has had
    newest_ms: int | None = None
    watermark_ms: int | None = None
    open_slices: int = 0
    unguarded: bool = False  # records without timestamps: no guard against clocks that run fast

    def __add__(self, other: Progress) -> Progress:
        """The counters of both, as those of no partition in particular. Commutative and associative.

        ``newest_ms`` is the later one, ``watermark_ms`` the earlier one: up to there both are final. What only means
        something within one partition is left out: its name and number, ``next_offset``, and ``examples``, which name
        records by their offsets.
        """
        return Progress(
            source="",
            partition=NO_PARTITION,
            records=self.records + other.records,
            accepted=self.accepted + other.accepted,
            duplicates=self.duplicates + other.duplicates,
            ignored=self.ignored + other.ignored,
            rejected=self.rejected + other.rejected,
            overflowed=self.overflowed + other.overflowed,
            unknown_fields=self.unknown_fields + other.unknown_fields,
            readable=self.readable + other.readable,
            unreadable=self.unreadable + other.unreadable,
            mapped=self.mapped + other.mapped,
            found=self.found | other.found,
            newest_ms=max(_known(self.newest_ms, other.newest_ms), default=None),
            watermark_ms=min(_known(self.watermark_ms, other.watermark_ms), default=None),
            open_slices=self.open_slices + other.open_slices,
            unguarded=self.unguarded or other.unguarded,
        )

    @classmethod
    def total(cls, progresses: Iterable[Progress]) -> Progress:
        """The sum of any number of partitions' progress; without any, one that has read nothing."""
        return sum(progresses, cls("", NO_PARTITION))

    def note(self, batch: Batch, content: BatchContent, rejected: Sequence[Rejection]) -> None:
        """Count the records of a batch, which is not empty. Accepted events are counted by the engine."""
        self.records += len(batch)
        self.ignored += content.ignored
        self.unknown_fields += content.unknown_fields
        self.readable.update(content.readable)
        self.unreadable.update(content.unreadable)
        self.mapped += content.mapped
        self.found |= content.found
        for what, (position, detail) in content.examples.items():
            if what not in self.examples:
                self.examples[what] = Example(int(batch.offsets[position]), detail)
        self.rejected.update(map(_reason, rejected))
        self.next_offset = int(batch.offsets[-1]) + 1
        self.unguarded = self.unguarded or bool((batch.timestamps == NO_TIMESTAMP).any())

    def snapshot(self) -> ProgressRow:
        """The counters, as they are saved."""
        return ProgressRow(
            records=self.records,
            accepted=self.accepted,
            duplicates=self.duplicates,
            ignored=self.ignored,
            rejected=dict(sorted(self.rejected.items())),
            overflowed=dict(sorted(self.overflowed.items())),
            unknown_fields=self.unknown_fields,
            readable={name: count for name, count in sorted(self.readable.items()) if count},
            unreadable=[(*what, count) for what, count in sorted(self.unreadable.items())],
            mapped=self.mapped,
            found=sorted(self.found),
            newest_ms=self.newest_ms,
            unguarded=self.unguarded,
        )

    def restore(self, saved: ProgressRow) -> None:
        """Go on from ``saved`` counters. What depends on other parts of the engine is left to the engine."""
        for name in _PLAIN:
            setattr(self, name, getattr(saved, name))
        self.rejected = Counter(saved.rejected)
        self.overflowed = Counter(saved.overflowed)
        self.found = set(saved.found)
        self.readable = Counter(saved.readable)
        self.unreadable = Counter({(name, reason): count for name, reason, count in saved.unreadable})

    @property
    def hardly_readable(self) -> list[str]:
        """Fields of which more than `MOST_UNREADABLE` of the values were left out.

        Outcomes and roles do not count: only values without a meaning for their event's kind are left out of those.
        """
        lost = Counter[str]()
        for (name, _), count in self.unreadable.items():
            if name in OPTIONAL:
                lost[name] += count
        return sorted(name for name, count in lost.items() if count > MOST_UNREADABLE * (count + self.readable[name]))


#: Fields that are saved and restored as they are.
_PLAIN: Final = (
    "records",
    "accepted",
    "duplicates",
    "ignored",
    "unknown_fields",
    "mapped",
    "newest_ms",
    "unguarded",
)


class ProgressRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The counters of `Progress`, as they are saved."""

    records: int
    accepted: int
    duplicates: int
    ignored: int
    rejected: dict[Reason, int]
    overflowed: dict[str, int] = msgspec.field(name="folded")  # the name in state that was saved before
    unknown_fields: int
    newest_ms: int | None
    unguarded: bool
    readable: dict[str, int] = {}
    unreadable: list[tuple[str, Reason, int]] = []
    mapped: int = 0
    found: list[str] = []


@dataclass(frozen=True, slots=True)
class SavedPoint:
    """The last record that saved state includes, and what it takes to go on from there.

    ``reached`` is the next offset to fold, ``resume`` the first offset that open slices need, ``first`` the first that
    was ever folded. ``first_ms`` is the start of the oldest slice that any event entered.
    """

    offset: int
    digest: str
    timestamp_ms: int
    reached: int
    resume: int
    first: int
    first_ms: int | None

    @property
    def last(self) -> LastRecord:
        """The record itself."""
        return LastRecord(self.offset, self.timestamp_ms, self.digest)


def _known(*times_ms: int | None) -> list[int]:
    return [time_ms for time_ms in times_ms if time_ms is not None]


_reason: Final[Callable[[Rejection], Reason]] = attrgetter("reason")
