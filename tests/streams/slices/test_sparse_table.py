"""Tables: merge laws, packing, saturation, joining and splitting, all against dictionaries."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.open_slices import OpenSlice
from streams.slices.slice import PAIRS, SUMMARIES, Counts, Distributions, slice_ceiling, slice_start, slice_starts
from streams.slices.sparse_table import (
    SATURATED,
    SparseTable,
    combine,
    gather,
    group,
    join,
    run_starts,
    sorting,
    split,
    total,
)

_NUMBERS = st.one_of(st.integers(0, 300), st.integers(0, 2**40), st.integers(SATURATED - 3, SATURATED))
_ROWS = st.dictionaries(st.integers(0, 40) | st.integers(0, 2**45), st.tuples(_NUMBERS, _NUMBERS), max_size=12)


def table(rows: Mapping[int, tuple[int, ...]], columns: int = 2) -> SparseTable:
    if not rows:
        return SparseTable.empty(columns)
    keys = sorted(rows)
    return SparseTable(np.array(keys, np.int64), np.array([rows[key] for key in keys], np.int64))


def plain(made: SparseTable) -> dict[int, tuple[int, ...]]:
    return dict(zip(made.keys.tolist(), map(tuple, made.values.tolist()), strict=True))


def summed(parts: Sequence[dict[int, tuple[int, int]]]) -> dict[int, tuple[int, ...]]:
    keys = {key for part in parts for key in part}
    return {
        key: tuple(min(sum(part.get(key, (0, 0))[column] for part in parts), SATURATED) for column in range(2))
        for key in keys
    }


# -- laws -------------------------------------------------------------------------------------------------------------


@given(st.lists(_ROWS, max_size=5))
def test_a_total_is_the_saturating_sum_key_by_key(parts: list[dict[int, tuple[int, int]]]) -> None:
    assert plain(total([table(part) for part in parts], 2)) == summed(parts)


@given(_ROWS, _ROWS, _ROWS)
def test_addition_is_associative_and_commutative_even_where_it_saturates(
    a: dict[int, tuple[int, int]], b: dict[int, tuple[int, int]], c: dict[int, tuple[int, int]]
) -> None:
    x, y, z = map(table, (a, b, c))
    assert total([x, y], 2) == total([y, x], 2)
    assert total([total([x, y], 2), z], 2) == total([x, total([y, z], 2)], 2) == total([x, y, z], 2)
    assert total([x, SparseTable.empty(2)], 2) == x


@given(st.lists(_ROWS, max_size=5))
def test_extremes_go_by_minimum_and_maximum(parts: list[dict[int, tuple[int, int]]]) -> None:
    made = plain(combine([table(part) for part in parts], (np.minimum, np.maximum)))
    for key, (least, most) in made.items():
        rows = [part[key] for part in parts if key in part]
        assert (least, most) == (min(row[0] for row in rows), max(row[1] for row in rows))


@given(st.lists(st.lists(_ROWS, max_size=3), min_size=1, max_size=4))
def test_groups_joined_in_one_pass_are_those_combined_one_by_one(
    groups: list[list[dict[int, tuple[int, int]]]],
) -> None:
    tables = [[table(part) for part in parts] for parts in groups]
    width = 2**45 + 1
    apart = split(join(tables, width, PAIRS), width, len(groups))
    assert apart == [combine(parts, PAIRS) for parts in tables]


@given(_ROWS, _ROWS)
def test_packing_keeps_every_value_and_every_sum(a: dict[int, tuple[int, int]], b: dict[int, tuple[int, int]]) -> None:
    x, y = table(a), table(b)
    assert plain(x.packed()) == plain(x)
    mixed = total([x.packed(), y], 2)
    assert mixed == total([x, y], 2) == total([x.packed(), y.packed()], 2)
    assert mixed.keys.dtype == mixed.values.dtype == np.int64


# -- packing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("largest", "width"),
    [(255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32 - 1, 4), (2**32, 8), (2**53 + 1, 8), (SATURATED, 8)],
)
def test_values_are_packed_into_the_narrowest_type_that_never_becomes_a_float(largest: int, width: int) -> None:
    rows = np.full((200, 2), largest)
    packed = SparseTable(np.arange(200), rows).packed()
    assert packed.values.itemsize == width
    assert packed.values.tolist() == rows.tolist()
    assert (packed.values + rows).dtype == np.int64


def test_packed_tables_do_not_keep_the_memory_alive_that_they_were_cut_from() -> None:
    big = SparseTable(np.arange(1_000), np.full((1_000, 2), 2**40))
    cut = split(big, 10, 100)[3].packed()
    assert cut.keys.base is None
    assert cut.values.base is None
    assert big.nbytes == 24_000


def test_tables_of_few_rows_are_left_as_they_are() -> None:
    small = table({1: (2, 3)})
    assert small.packed().values is small.values


# -- saturation -------------------------------------------------------------------------------------------------------


def test_a_sum_that_overflows_stays_at_the_largest_integer() -> None:
    half = table({7: (2**62, 1), 8: (1, 1)})
    assert plain(total([half, half], 2)) == {7: (SATURATED, 2), 8: (2, 2)}
    assert plain(total([half, half, half, half, half], 2)) == {7: (SATURATED, 5), 8: (5, 5)}


# -- pieces -----------------------------------------------------------------------------------------------------------


def test_tables_compare_by_rows_whatever_their_types() -> None:
    rows = table({i: (i, 5) for i in range(60)})
    assert rows.packed() == rows
    assert rows != table({1: (2, 3)})
    assert rows.__eq__(5) is NotImplemented


def test_runs_start_where_a_new_value_begins() -> None:
    assert run_starts(np.array([3])).tolist() == [0]
    assert run_starts(np.array([3, 3, 4, 9, 9])).tolist() == [0, 2, 3]


def test_grouping_nothing_gives_an_empty_table() -> None:
    assert plain(group(np.empty(0, np.int64), np.empty((0, 4), np.int64), SUMMARIES)) == {}


def test_an_empty_group_is_an_empty_table() -> None:
    assert [plain(made) for made in split(join([[], [table({0: (1, 2)})], []], 1, PAIRS), 1, 3)] == [
        {},
        {0: (1, 2)},
        {},
    ]
    assert [plain(made) for made in split(join([[], []], 0, PAIRS), 0, 2)] == [{}, {}]


# -- slices -----------------------------------------------------------------------------------------------------------


def test_counts_and_distributions_add_part_by_part() -> None:
    counts = Counts(table({0: (1, 2)}), table({1: (3, 3)}))
    assert Counts.add([counts, Counts(), counts]) == Counts(table({0: (2, 4)}), table({1: (6, 6)}))
    one = Distributions(table({2: (1, 9, 9, 9)}), table({5: (1,)}, 1))
    two = Distributions(table({2: (1, 4, 4, 4)}), table({4: (1,)}, 1))
    assert Distributions.add([one, two]) == Distributions(table({2: (2, 13, 4, 9)}), table({4: (1,), 5: (1,)}, 1))
    assert Distributions.add([]) == Distributions()


def test_an_open_slice_brings_together_what_has_become_many_tables() -> None:
    opened = OpenSlice(0)
    for _ in range(100):
        opened.add_cells(table({3: (2,)}, 1))
        opened.add_cells(SparseTable.empty(1))
    assert len(opened.cells) < 20
    assert sum(int(part.values.sum()) for part in opened.cells) == 200


def first_seen(opened: OpenSlice, identities: Sequence[int]) -> list[bool]:
    new: list[bool] = opened.first_seen(np.array(identities, np.uint64)).tolist()
    return new


def test_an_open_slice_remembers_identities() -> None:
    opened = OpenSlice(0)
    seen = [first_seen(opened, some) for some in ((5, 6, 5), (), (2**64 - 1, 6, 0), (0,))]
    assert seen == [[True, True, False], [], [True, False, True], [False]]
    assert opened.end_ms == 10_000


def test_identities_are_remembered_however_many_there_are_and_whatever_comes_at_once() -> None:
    rng, opened, known = random.Random(1), OpenSlice(0), set[int]()
    while len(known) < 40_000:
        some = [rng.choice((rng.getrandbits(64), rng.getrandbits(14))) for _ in range(rng.choice((1, 20, 3_000)))]
        expected = []
        for identity in some:
            expected.append(identity not in known)
            known.add(identity)
        assert first_seen(opened, some) == expected


@pytest.mark.parametrize(
    ("time", "start", "ceiling"),
    [
        (0, 0, 0),
        (1, 0, 10_000),
        (9_999, 0, 10_000),
        (10_000, 10_000, 10_000),
        (-1, -10_000, 0),
        (-10_000, -10_000, -10_000),
    ],
)
def test_slices_are_half_open_and_begin_at_whole_tens_of_seconds(time: int, start: int, ceiling: int) -> None:
    assert slice_start(time) == slice_starts(np.array([time]))[0] == start
    assert slice_ceiling(time) == ceiling


@pytest.mark.parametrize("most", [9, 200, 70_000, 1 << 33, 1 << 50])
@pytest.mark.parametrize("count", [0, 1, 1_023, 5_000])
def test_keys_are_sorted_and_equal_ones_keep_their_order(count: int, most: int) -> None:
    keys = np.random.default_rng(count).integers(0, most, count)
    assert sorting(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@pytest.mark.parametrize("largest", [9, 1 << 40, SATURATED // 3])
@pytest.mark.parametrize("most", [1, 9, 900, 1_100, 70_000, 1 << 50])
@pytest.mark.parametrize("count", [1, 2, 500, 5_000])
def test_rows_are_gathered_in_whatever_order_and_however_dense_their_keys(count: int, most: int, largest: int) -> None:
    rng = np.random.default_rng(count)
    keys, numbers = rng.integers(0, most, count), rng.integers(0, largest, (count, 4), endpoint=True)
    due: dict[int, tuple[int, ...]] = {}
    for key, row in zip(keys.tolist(), numbers.tolist(), strict=True):
        a, b, least, most_ = due.get(key, (0, 0, SATURATED, 0))
        due[key] = (min(a + row[0], SATURATED), min(b + row[1], SATURATED), min(least, row[2]), max(most_, row[3]))
    gathered = gather(keys, numbers, SUMMARIES)
    assert plain(gathered) == due
    assert gathered.keys.tolist() == sorted(due)
