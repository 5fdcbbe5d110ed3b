"""Saved rows of a partition: closed slices, the catalogue, and the partition row that ties them together.

Open slices are not saved: they are filled again from the log, from the partition row's ``resume`` on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Generic, TypeVar

import msgspec
import orjson

from streams.derivers.timelines import Held
from streams.engine.progress import ProgressRow
from streams.engine.standards_log import Named
from streams.routing.series_catalogue import Member
from streams.slices.history import History, Kept, SlicePlace, SliceUnit
from streams.slices.slice import Counts, Distributions
from streams.state.framing import (
    Assembled,
    Block,
    Damaged,
    Length,
    Moment,
    Offset,
    StateRow,
    assemble,
    decode_block,
    encode_block,
    part_name,
    row_parts,
)

PARTITION: Final = b"p"
#: Version of the saved form; raised with every change that gives older state another meaning.
FORMAT: Final = 2
_PAGE_MEMBERS: Final = 256
#: Prefix of the names under which unreadable rows are kept as they were found.
QUARANTINE: Final = b"q/"

Content = TypeVar("Content", Counts, Distributions)


class StateUnusable(Exception):  # noqa: N818 - describes the state
    """Saved state from which no engine can be made; the message says what is wrong."""


class PartitionRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """State of a partition after the record at ``offset``. Times in milliseconds since 1970.

    ``reached`` is the offset to read next; it lies beyond ``offset`` + 1 after a gap that was reported.
    """

    source: str
    partition: int
    offset: int
    digest: str
    timestamp_ms: int
    reached: int
    resume: int
    first: int
    lateness_ms: Length
    limits: Annotated[list[tuple[Offset, Length]], msgspec.Meta(min_length=1)]
    frontier_ms: Moment | None
    floor_ms: Annotated[int, msgspec.Meta(le=10**14)]
    newest: tuple[Moment, int] | None
    first_ms: Moment | None
    closed_ms: Moment
    forgotten_ms: tuple[int, int]
    progress: ProgressRow
    breaches: list[tuple[str, str, Moment]]
    passed_ms: Moment
    held: list[Held]
    standards: list[Named]
    current: int  # index of the standards in force
    members: int
    format: Annotated[int, msgspec.Meta(ge=1, le=FORMAT)] = 1


_decode_partition: Final = msgspec.json.Decoder(PartitionRow).decode
_decode_members: Final = msgspec.json.Decoder(list[Member]).decode


@dataclass(frozen=True, slots=True)
class _Sort(Generic[Content]):
    """Names and encoding of one sort of content."""

    letter: str
    columns: tuple[int, int]
    make: type[Content]

    def encode(self, kept: Kept[Content]) -> bytes:
        return encode_block(Block(kept.start_ms, kept.end_ms, kept.content.tables))

    def decode(self, content: bytes) -> Kept[Content]:
        block = decode_block(content, self.columns)
        return Kept(block.start_ms, block.end_ms, self.make(*block.tables).packed())

    def name(self, place: SlicePlace) -> bytes:
        return f"s/{self.letter}/{int(place.unit)}/{place.start_ms}".encode()

    @property
    def beyond(self) -> bytes:
        """Name of the sum of the slices past retention."""
        return f"b/{self.letter}".encode()


COUNTS: Final = _Sort("c", (2, 2), Counts)
DISTRIBUTIONS: Final = _Sort("d", (4, 1), Distributions)


class RowWriter:
    """Turns changes into rows; knows which records exist, so that none is left behind."""

    def __init__(self, parts: Mapping[bytes, int] | None = None, *, replace: bool = False) -> None:
        """Start with the rows that exist, each with its number of parts.

        ``replace``: rows that are not written anew before the first call of `rows` are deleted by it.
        """
        self._parts = dict(parts or {})
        self._orphans = set(self._parts) if replace else set()
        self._beyond_ms: dict[str, int] = {}
        self._rows: list[StateRow] = []

    def put(self, row: bytes, content: bytes) -> None:
        """Write ``row`` anew."""
        parts = row_parts(row, content)
        before = self._parts.get(row, 0)
        self._rows += parts
        self._rows += (StateRow(part_name(row, number), None) for number in range(len(parts), before))
        self._parts[row] = len(parts)
        self._orphans.discard(row)

    def delete(self, row: bytes) -> None:
        """Delete ``row``, if there is one."""
        self._rows += (StateRow(part_name(row, number), None) for number in range(self._parts.pop(row, 0)))

    def put_raw(self, name: bytes, value: bytes) -> None:
        """Write a record as it is."""
        self._rows.append(StateRow(name, value))

    def put_slices(self, sort: _Sort[Content], history: History[Content]) -> None:
        """Write what has changed in ``history``."""
        unsaved, gone = history.changes()
        for place in gone:
            self.delete(sort.name(place))
        for place, kept in unsaved.items():
            self.put(sort.name(place), sort.encode(kept))

    def put_beyond(self, sort: _Sort[Content], content: Content, until_ms: int) -> None:
        """Write the sum of the slices past retention, which end by ``until_ms``, if that has moved."""
        if until_ms > self._beyond_ms.get(sort.letter, 0):
            self._beyond_ms[sort.letter] = until_ms
            self.put(sort.beyond, sort.encode(Kept(0, until_ms, content)))

    def put_members(self, members: Sequence[Member], saved: int) -> None:
        """Write the pages of the catalogue that have grown since ``saved`` members were written."""
        if len(members) > saved:
            for page in range(saved // _PAGE_MEMBERS, (len(members) - 1) // _PAGE_MEMBERS + 1):
                chosen = members[page * _PAGE_MEMBERS : (page + 1) * _PAGE_MEMBERS]
                self.put(f"m/{page}".encode(), orjson.dumps([tuple(member) for member in chosen]))

    def put_partition(self, row: PartitionRow) -> None:
        """Write the partition row."""
        self.put(PARTITION, orjson.dumps(msgspec.to_builtins(row), option=orjson.OPT_SORT_KEYS))

    def rows(self) -> list[StateRow]:
        """Take all rows since the last call, sorted by name, the partition row last."""
        for row in sorted(self._orphans):
            self.delete(row)
        self._orphans.clear()
        rows, self._rows = sorted(self._rows, key=_partition_last), []
        return rows


def _partition_last(row: StateRow) -> tuple[bool, bytes]:
    return row.name.partition(b"#")[0] == PARTITION, row.name


@dataclass(slots=True)
class Loaded:
    """Saved state, read. ``damaged`` gives the fault of each unreadable row, by name."""

    partition: PartitionRow
    members: list[Member]
    counts: dict[SlicePlace, Kept[Counts]]
    distributions: dict[SlicePlace, Kept[Distributions]]
    beyond: tuple[Counts, Distributions]
    parts: dict[bytes, int]
    damaged: dict[bytes, str] = field(default_factory=dict)


def load(records: Mapping[bytes, bytes]) -> Loaded:
    """Read saved state from the newest value of each of a partition's records.

    Raises:
        StateUnusable: the partition row or the catalogue is missing or damaged.
    """
    found = assemble({name: value for name, value in records.items() if not name.startswith(QUARANTINE)})
    partition = _partition(found)
    members = list(_members(found, partition.members))
    _require_steps(members)
    return Loaded(
        partition,
        members,
        _slices(COUNTS, found),
        _slices(DISTRIBUTIONS, found),
        (_beyond(COUNTS, found) or Counts(), _beyond(DISTRIBUTIONS, found) or Distributions()),
        found.parts,
        found.damaged,
    )


def peek(records: Mapping[bytes, bytes]) -> PartitionRow | None:
    """The partition row alone, where it can be read."""
    try:
        return _partition(assemble({n: v for n, v in records.items() if n.partition(b"#")[0] == PARTITION}))
    except StateUnusable:
        return None


def _partition(found: Assembled) -> PartitionRow:
    content = found.contents.get(PARTITION)
    if content is None:
        raise StateUnusable(f"the partition row: {found.damaged.get(PARTITION, 'there is none')}")
    try:
        row = _decode_partition(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateUnusable(f"the partition row: {error}") from None
    if not 0 <= row.current < len(row.standards):
        raise StateUnusable("the partition row: it does not name the standards that hold")
    return row


def _members(found: Assembled, count: int) -> Iterator[Member]:
    for page in range(-(-count // _PAGE_MEMBERS)):
        name = f"m/{page}".encode()
        try:
            content = found.contents[name]
            members = _decode_members(content)[: count - page * _PAGE_MEMBERS]
        except KeyError:
            raise StateUnusable(f"page {page} of the catalogue: {found.damaged.get(name, 'it is missing')}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StateUnusable(f"page {page} of the catalogue: {error}") from None
        if len(members) != min(_PAGE_MEMBERS, count - page * _PAGE_MEMBERS):
            raise StateUnusable(f"page {page} of the catalogue has {len(members)} members")
        yield from members


def _require_steps(members: Sequence[Member]) -> None:
    """Every fail point belongs to a step that was admitted before it."""
    steps = set[tuple[str, str]]()
    for member in members:
        if member.kind == "step":
            steps.add((member.service, member.name))
        elif member.kind == "failure-point" and (member.service, member.name) not in steps:
            raise StateUnusable(f"the catalogue has a fail point of {member.service}, and not its step")


def _slices(sort: _Sort[Content], found: Assembled) -> dict[SlicePlace, Kept[Content]]:
    prefix = f"s/{sort.letter}/".encode()
    slices: dict[SlicePlace, Kept[Content]] = {}
    for name in [name for name in found.contents if name.startswith(prefix)]:
        try:
            kept = sort.decode(found.contents[name])
            place = _place(name, prefix, kept.start_ms)
        except Damaged as error:
            found.damaged[name] = f"{error}"
        else:
            slices[place] = kept
    return slices


def _place(name: bytes, prefix: bytes, start_ms: int) -> SlicePlace:
    unit, _, start = name.removeprefix(prefix).partition(b"/")
    try:
        place = SlicePlace(SliceUnit(int(unit)), int(start))
    except ValueError:
        raise Damaged("it has an impossible name") from None
    if place.start_ms != start_ms:
        raise Damaged("its head does not fit its name")
    return place


def _beyond(sort: _Sort[Content], found: Assembled) -> Content | None:
    content = found.contents.get(sort.beyond)
    if content is None:
        return None
    try:
        return sort.decode(content).content
    except Damaged as error:
        found.damaged[sort.beyond] = f"{error}"
        return None
