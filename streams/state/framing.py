"""Rows of the state topic: bytes with a version and a checksum, large ones in parts; and tables of integers as bytes.

A part is a header and its share of the row's content. The header holds a checksum of the part and its name, so that no
part passes for another, and a checksum of the whole content, so that parts of two writings are never joined.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np
import xxhash

from streams.slices.sparse_table import IntArray, SparseTable

#: Most bytes of content in one part: half of a broker's default limit for a record.
PART_BYTES: Final = 512 * 1024
VERSION: Final = 1
_MARK: Final = b"SL"
#: Mark, version, number of this part, number of parts, checksum of the part, checksum of the whole content.
_HEADER: Final = struct.Struct(">2sBHHQQ")
_CHECKED: Final = 7  # bytes of the header before the checksums
_MOST_PARTS: Final = 65_535
#: Separates a row's name from the number of a further part; occurs in no name.
_PART_MARK: Final = b"#"


class StateRow(NamedTuple):
    """One record of the state topic: its name there, and its value; None deletes it."""

    name: bytes
    value: bytes | None


class Damaged(ValueError):  # noqa: N818 - describes the bytes
    """Bytes that are no row, or no tables; the message says what is wrong with them."""


def row_parts(name: bytes, content: bytes) -> list[StateRow]:
    """The records of the row ``name``, at least one."""
    shares = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)] or [b""]
    if len(shares) > _MOST_PARTS:
        raise Damaged(f"a row of {len(content):,} bytes; at most {_MOST_PARTS * PART_BYTES:,} can be written")
    whole = xxhash.xxh3_64_intdigest(content)
    return [_part(name, number, len(shares), whole, share) for number, share in enumerate(shares)]


def _part(row: bytes, number: int, count: int, whole: int, share: bytes) -> StateRow:
    name = part_name(row, number)
    head = _HEADER.pack(_MARK, VERSION, number, count, 0, whole)
    checksum = _checksum(name, head, share)
    return StateRow(name, _HEADER.pack(_MARK, VERSION, number, count, checksum, whole) + share)


def _checksum(name: bytes, head: bytes, share: bytes) -> int:
    """Checksum of everything but the checksum itself; the name's length marks where the name ends."""
    covered = (len(name).to_bytes(4, "big"), name, head[:_CHECKED], head[-8:], share)
    return xxhash.xxh3_64_intdigest(b"".join(covered))


def part_name(row: bytes, number: int) -> bytes:
    """Name of the record that holds part ``number`` of ``row``."""
    return row if number == 0 else row + _PART_MARK + str(number).encode()


class _Part(NamedTuple):
    number: int
    of: int
    whole: int
    share: bytes


def _open_part(name: bytes, value: bytes) -> _Part:
    """The part in ``value``. Raises `Damaged`."""
    if len(value) < _HEADER.size:
        raise Damaged(f"{len(value)} bytes, less than a header")
    mark, version, number, count, checksum, whole = _HEADER.unpack_from(value)
    head, share = value[: _HEADER.size], value[_HEADER.size :]
    if mark != _MARK or checksum != _checksum(name, head, share):
        raise Damaged("its checksum does not hold")
    if version != VERSION:
        raise Damaged(f"written in version {version}; this program reads version {VERSION}")
    return _Part(number, count, whole, share)


@dataclass(slots=True)
class Assembled:
    """Rows put together from records: contents, numbers of parts, and faults of damaged rows, each by name."""

    contents: dict[bytes, bytes] = field(default_factory=dict)
    parts: dict[bytes, int] = field(default_factory=dict)
    damaged: dict[bytes, str] = field(default_factory=dict)


def assemble(records: Mapping[bytes, bytes]) -> Assembled:
    """Put rows together from the newest value of every record."""
    grouped: dict[bytes, dict[int, _Part]] = defaultdict(dict)
    found = Assembled()
    for name in sorted(records):
        row = name.partition(_PART_MARK)[0]
        found.parts[row] = found.parts.get(row, 0) + 1
        try:
            part = _open_part(name, records[name])
        except Damaged as error:
            found.damaged.setdefault(row, f"{error}")
            continue
        grouped[row][part.number] = part
    for row, parts in grouped.items():
        if row not in found.damaged:
            try:
                found.contents[row] = _joined(row, parts)
            except Damaged as error:
                found.damaged[row] = f"{error}"
    return found


def _joined(row: bytes, parts: Mapping[int, _Part]) -> bytes:
    first = parts.get(0)
    if first is None or any(number not in parts for number in range(first.of)):
        raise Damaged("a part is missing")
    content = b"".join(parts[number].share for number in range(first.of))
    if xxhash.xxh3_64_intdigest(content) != first.whole:
        raise Damaged(f"the parts of {row.decode(errors='replace')} are of different writings")
    return content


# -- tables as bytes ------------------------------------------------------------------------------------------------


#: A time in milliseconds since 1970 within the range of calendars; all event times lie well within.
Moment = Annotated[int, msgspec.Meta(ge=-(10**13), le=10**14)]

#: A length of time in milliseconds.
Length = Annotated[int, msgspec.Meta(ge=0, le=10**12)]

#: An offset in a log.
Offset = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    """Layout of a table in the bytes: rows, columns, and bytes per key difference and per value."""

    rows: int
    columns: int
    key: int
    value: int


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    """Head before the tables: the interval of event time that they cover, milliseconds since 1970."""

    start: Moment
    end: Moment
    tables: list[_Shape]


class Block(NamedTuple):
    """Tables over [start_ms, end_ms)."""

    start_ms: int
    end_ms: int
    tables: tuple[SparseTable, ...]


_decode_head: Final = msgspec.json.Decoder(_Head).decode
_WIDTHS: Final[Mapping[int, np.dtype[Any]]] = {
    1: np.dtype("<u1"),
    2: np.dtype("<u2"),
    4: np.dtype("<u4"),
    8: np.dtype("<i8"),
}


def encode_block(block: Block) -> bytes:
    """A line of JSON with the shapes, then the columns, each in the narrowest integers that fit."""
    shapes: list[_Shape] = []
    columns: list[bytes] = []
    for table in block.tables:
        numbers = table.keys.astype(np.int64)
        keys = _narrowest(np.concatenate((numbers[:1], numbers[1:] - numbers[:-1])))
        values = _narrowest(table.values.astype(np.int64))
        shapes.append(_Shape(len(table), table.values.shape[1], keys.itemsize, values.itemsize))
        columns += (keys.tobytes(), values.tobytes())
    head = msgspec.json.encode(_Head(block.start_ms, block.end_ms, shapes))
    return b"".join((head, b"\n", *columns))


def _narrowest(numbers: IntArray) -> IntArray:
    largest = int(numbers.max()) if numbers.size else 0
    width = next(width for width in _WIDTHS if width == max(_WIDTHS) or largest < 1 << (8 * width))
    return numbers.astype(_WIDTHS[width])


def decode_block(content: bytes, columns: Sequence[int]) -> Block:
    """The block in ``content``; ``columns`` gives the number of columns of each table. Raises `Damaged`."""
    line, _, rest = content.partition(b"\n")
    try:
        head = _decode_head(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged(f"its head cannot be read: {error}") from None
    if [shape.columns for shape in head.tables] != list(columns) or not head.start < head.end:
        raise Damaged("its head does not fit its name")
    return Block(head.start, head.end, tuple(_tables(head.tables, rest)))


def _tables(shapes: Iterable[_Shape], content: bytes) -> Iterator[SparseTable]:
    at = 0
    for shape in shapes:
        key, value = _WIDTHS.get(shape.key), _WIDTHS.get(shape.value)
        if key is None or value is None or shape.rows < 0:
            raise Damaged("its head gives impossible shapes")
        middle = at + shape.rows * key.itemsize
        end = middle + shape.rows * shape.columns * value.itemsize
        if end > len(content):
            raise Damaged("it is cut off")
        steps = np.frombuffer(content, key, shape.rows, at)
        values = np.frombuffer(content, value, shape.rows * shape.columns, middle).reshape(shape.rows, shape.columns)
        yield _checked(steps, values)
        at = end
    if at != len(content):
        raise Damaged("there are bytes behind its end")


def _checked(steps: IntArray, values: IntArray) -> SparseTable:
    """The table whose keys differ by ``steps``; unsigned types need no check of every number."""
    keys = np.cumsum(steps, dtype=np.int64)
    if steps.dtype.kind == "u":
        ascending = bool(steps[1:].all())
    else:
        ascending = bool((keys[1:] > keys[:-1]).all()) and (not len(keys) or keys[0] >= 0)
    if not ascending or (values.dtype.kind != "u" and values.size and values.min() < 0):
        raise Damaged("its keys do not ascend, or a number is negative")
    return SparseTable(keys, values)
