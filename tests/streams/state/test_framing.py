"""Tables of integers as bytes of state: what was written comes back, and what nothing writes is refused."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import pytest

from streams.slices.sparse_table import SATURATED, SparseTable
from streams.state.framing import Block, Damaged, decode_block, encode_block

WIDTHS: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<i8"}


def block(steps: list[int], values: list[int], *, key: int = 1, value: int = 1) -> bytes:
    """A block with one table of one column, in whatever widths."""
    shape = {"rows": len(steps), "columns": 1, "key": key, "value": value}
    head = json.dumps({"start": 0, "end": 10, "tables": [shape]}).encode()
    columns: list[Any] = [np.array(steps, WIDTHS[key]), np.array(values, WIDTHS[value])]
    return b"\n".join((head, b"".join(column.tobytes() for column in columns)))


@pytest.mark.parametrize("largest", [0, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, SATURATED])
@pytest.mark.parametrize("count", [1, 5, 100])
def test_tables_come_back_as_they_were_written(largest: int, count: int) -> None:
    keys = np.arange(count) * (largest // count + 1 if largest < 2**40 else 2**40)
    values = np.full((count, 2), largest)
    values[0] = 1, 2
    written = SparseTable(keys, values)
    for table in (written, written.packed()):
        (found,) = decode_block(encode_block(Block(0, 10, (table,))), [2]).tables
        assert found == written
        assert found.packed() == written
        assert found.packed().values.flags.writeable
        assert found.packed().values.base is None


@pytest.mark.parametrize("width", WIDTHS)
def test_keys_that_do_not_ascend_are_damage(width: int) -> None:
    (found,) = decode_block(block([0, 1, 5], [1, 2, 3], key=width), [1]).tables
    assert found.keys.tolist() == [0, 1, 6]
    with pytest.raises(Damaged, match="do not ascend"):
        decode_block(block([3, 1, 0], [1, 2, 3], key=width), [1])


@pytest.mark.parametrize("steps", [[-1, 5], [5, -1], [2**62, 2**62, 2**62]])
def test_keys_that_are_negative_or_overflow_are_damage(steps: list[int]) -> None:
    with pytest.raises(Damaged, match="do not ascend"):
        decode_block(block(steps, [1] * len(steps), key=8), [1])


def test_negative_numbers_are_damage() -> None:
    with pytest.raises(Damaged, match="negative"):
        decode_block(block([0, 1], [5, -1], value=8), [1])
