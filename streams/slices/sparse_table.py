"""Sparse tables of exact integers, sorted by key: slices are made of them.

A table maps integer keys to rows of integers. Adding tables is exact, associative and commutative, so that neither
batch size nor order nor the number of workers can change a sum. All numbers are non-negative, and sums stop at
`SATURATED`, which is associative too: an overflow shows instead of wrapping round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

#: A sum that would exceed the largest 64-bit integer stays here. Readers show it as overflowed.
SATURATED: Final = int(np.iinfo(np.int64).max)

_ADD: Final = np.add
#: By operation, the number that changes no other number of a table.
_NEUTRAL: Final[dict[np.ufunc, int]] = {np.add: 0, np.minimum: SATURATED, np.maximum: 0}
#: Largest number that arrays are narrowed for, and most numbers for which narrowing saves less than an array's header.
_NARROWABLE: Final = int(np.iinfo(np.uint32).max)
_FEW: Final = 32
#: Up to this many possible keys per row, adding into an array over all possible keys is faster than sorting.
_DENSE: Final = 2
#: From this many keys on, a radix sort by digits of 16 bits is faster than comparing keys.
_MANY: Final = 1_024
_DIGIT: Final = 16
#: Keys with more digits are compared, since each digit takes another pass.
_MOST_DIGITS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class SparseTable:
    """Rows of integers under sorted, unique, non-negative keys.

    ``keys`` has shape (n,), ``values`` shape (n, columns); both int64, or a narrower unsigned type once packed.
    """

    keys: IntArray
    values: IntArray

    @classmethod
    def empty(cls, columns: int) -> Self:
        """A table without rows."""
        return cls(np.empty(0, np.int64), np.empty((0, columns), np.int64))

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.keys)

    def __eq__(self, other: object) -> bool:
        """Whether the rows are the same, in whatever types they are held."""
        if not isinstance(other, SparseTable):
            return NotImplemented
        return np.array_equal(self.keys, other.keys) and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def packed(self) -> SparseTable:
        """The same rows in arrays of their own and in narrow types where that saves memory; for closed slices."""
        return SparseTable(_narrow(self.keys), _narrow(self.values))

    @property
    def nbytes(self) -> int:
        """Bytes that the rows take."""
        return self.keys.nbytes + self.values.nbytes


def _narrow(array: IntArray) -> IntArray:
    if array.size <= _FEW or array.dtype.kind == "u":  # few, or packed before
        return array if array.base is None else array.copy()
    largest = int(array.max())
    if largest > _NARROWABLE:  # uint64 and int64 meet in float64, which is not exact
        return array.astype(np.int64)
    # Declared as int64 to readers: numpy widens the narrow type in every operation with an int64.
    return array.astype(np.min_scalar_type(largest))


def total(tables: Sequence[SparseTable], columns: int) -> SparseTable:
    """Sum of ``tables`` key by key, every column added."""
    return combine(tables, (_ADD,) * columns)


def combine(tables: Sequence[SparseTable], how: Sequence[np.ufunc]) -> SparseTable:
    """Rows of ``tables`` combined by key, each column by its own operation (add, minimum, maximum)."""
    return join((tables,), 0, how)


def join(groups: Sequence[Sequence[SparseTable]], width: int, how: Sequence[np.ufunc]) -> SparseTable:
    """Combine each of many groups of tables in one go: the rows of group g get the keys g · width + key.

    With several groups all keys must be less than ``width``. `split` separates the groups again.
    """
    filled = [(number, table) for number, tables in enumerate(groups) for table in tables if len(table)]
    if not filled:
        return SparseTable.empty(len(how))
    keys = np.concatenate([table.keys for _, table in filled]).astype(np.int64, copy=False)
    values = np.concatenate([table.values for _, table in filled]).astype(np.int64, copy=False)
    if len(groups) > 1:
        numbers = np.array([number for number, _ in filled], np.int64)
        keys = keys + np.repeat(numbers * width, [len(table) for _, table in filled])
    if len(filled) == 1:
        return SparseTable(keys, values)
    return gather(keys, values, how)


def gather(keys: IntArray, values: IntArray, how: Sequence[np.ufunc]) -> SparseTable:
    """Table of non-negative ``keys`` in any order; rows of equal keys are combined as by `combine`."""
    if not len(keys):
        return SparseTable.empty(len(how))
    possible = int(keys.max()) + 1
    columns = list(zip(values.T, how, strict=True))
    if possible > _DENSE * len(keys) or not all(_sums_fit(column) for column, way in columns if way is _ADD):
        order = sorting(keys)
        return group(keys[order], values.take(order, axis=0), how)  # several times as fast as values[order]
    found = np.flatnonzero(np.bincount(keys))
    gathered = np.empty((len(found), len(how)), np.int64)
    for number, (column, way) in enumerate(columns):
        dense = np.full(possible, _NEUTRAL[way])
        way.at(dense, keys, column)
        gathered[:, number] = dense[found]
    return SparseTable(found, gathered)


def sorting(keys: IntArray) -> IntArray:
    """Indices that sort non-negative ``keys``; equal ones keep their order."""
    if len(keys) < _MANY or (largest := int(keys.max())) >> (_MOST_DIGITS * _DIGIT):
        return np.argsort(keys, kind="stable")
    order = np.argsort(keys.astype(np.uint16), kind="stable")  # numpy sorts 16 bits by counting
    for shift in range(_DIGIT, largest.bit_length(), _DIGIT):
        digits = (keys >> shift).astype(np.uint16)
        order = order[np.argsort(digits[order], kind="stable")]
    return order


def split(joined: SparseTable, width: int, count: int) -> list[SparseTable]:
    """The ``count`` tables that `join` made under keys of ``width``; they share the values of ``joined``."""
    starts = np.arange(count + 1) * width
    ends = np.searchsorted(joined.keys, starts).tolist()
    own = joined.keys - np.repeat(starts[:-1], np.diff(ends))
    return [SparseTable(own[a:b], joined.values[a:b]) for a, b in pairwise(ends)]


def group(keys: IntArray, values: IntArray, how: Sequence[np.ufunc]) -> SparseTable:
    """Table of sorted ``keys`` that may repeat: each run of equal keys is reduced column by column with ``how``."""
    if not len(keys):
        return SparseTable.empty(len(how))
    starts = run_starts(keys)
    if len(starts) == len(keys):
        return SparseTable(keys, values)
    columns = [reduce_runs(operation, values[:, i], starts) for i, operation in enumerate(how)]
    return SparseTable(keys[starts], np.stack(columns, axis=1))


def run_starts(keys: IntArray) -> IntArray:
    """Positions at which runs of equal values begin in sorted, non-empty ``keys``."""
    begins = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def run_ends(starts: IntArray, length: int) -> IntArray:
    """Ends of the runs that begin at ``starts``, at least one, in a column of ``length``."""
    ends = np.empty_like(starts)
    ends[:-1], ends[-1] = starts[1:], length
    return ends


def reduce_runs(operation: np.ufunc, column: IntArray, starts: IntArray) -> IntArray:
    """Runs of ``column`` that begin at ``starts``, each reduced by ``operation``; sums saturate."""
    if operation is _ADD and not _sums_fit(column):
        return _saturating_sums(column, starts)
    reduced: IntArray = operation.reduceat(column, starts)
    return reduced


def _sums_fit(column: IntArray) -> bool:
    """Whether no sum over a part of ``column`` can overflow."""
    return int(column.max()) * len(column) <= SATURATED


def _saturating_sums(column: IntArray, starts: IntArray) -> IntArray:
    ends = np.append(starts[1:], len(column))
    sums = (sum(column[a:b].tolist()) for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
    return np.array([min(s, SATURATED) for s in sums], np.int64)
