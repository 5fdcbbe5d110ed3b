"""Progress of several partitions added up."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.progress import NO_PARTITION, Example, Progress
from streams.events.rejections import Reason

_NUMBERS = st.integers(0, 1 << 62)
_COUNTS = st.integers(1, 1 << 40)
_TIMES = st.none() | st.integers(0, 1 << 42)
_REASONS = st.sampled_from(Reason)
_TEXTS = st.sampled_from(["a", "b", "c"])


def _counters(keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Counter[Any]]:
    return st.dictionaries(keys, _COUNTS, max_size=3).map(Counter)


_PROGRESS = st.builds(
    Progress,
    source=_TEXTS,
    partition=st.integers(0, 3),
    next_offset=st.none() | _NUMBERS,
    records=_NUMBERS,
    accepted=_NUMBERS,
    duplicates=_NUMBERS,
    ignored=_NUMBERS,
    rejected=_counters(_REASONS),
    overflowed=_counters(_TEXTS),
    unknown_fields=_NUMBERS,
    readable=_counters(_TEXTS),
    unreadable=_counters(st.tuples(_TEXTS, _REASONS)),
    mapped=_NUMBERS,
    found=st.sets(_TEXTS),
    newest_ms=_TIMES,
    watermark_ms=_TIMES,
    open_slices=st.integers(0, 100),
    unguarded=st.booleans(),
)


@given(_PROGRESS, _PROGRESS, _PROGRESS)
def test_addition_is_commutative_and_associative(a: Progress, b: Progress, c: Progress) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c) == Progress.total([c, a, b])


@given(_PROGRESS, _PROGRESS)
def test_adding_nothing_changes_no_sum(a: Progress, b: Progress) -> None:
    assert a + b + Progress.total([]) == a + b


@given(_PROGRESS)
def test_the_total_of_one_partition_differs_only_in_what_means_something_there_alone(one: Progress) -> None:
    assert Progress.total([one]) == dataclasses.replace(one, source="", partition=NO_PARTITION, next_offset=None)


@given(_PROGRESS, _PROGRESS)
def test_a_sum_shares_nothing_with_what_was_added(a: Progress, b: Progress) -> None:
    before = dataclasses.replace(a, rejected=a.rejected.copy(), found=set(a.found))
    total = a + b
    total.rejected[Reason.LATE] += 1
    total.found.add("d")
    assert a == before


def test_counters_add_up_and_times_bound_both() -> None:
    first = Progress("t", 0, 7, records=5, accepted=3, rejected=Counter({Reason.LATE: 2}), newest_ms=9, watermark_ms=4)
    second = Progress("t", 1, 8, records=2, rejected=Counter({Reason.LATE: 1, Reason.FUTURE: 1}), newest_ms=8)
    second.watermark_ms, second.unguarded, second.open_slices = 3, True, 2
    second.examples["time", Reason.LATE] = Example(3, "a line")
    total = first + second
    assert (total.records, total.accepted, total.rejected) == (7, 3, Counter({Reason.LATE: 3, Reason.FUTURE: 1}))
    assert (total.newest_ms, total.watermark_ms, total.open_slices, total.unguarded) == (9, 3, 2, True)
    assert (total.source, total.partition, total.next_offset, total.examples) == ("", NO_PARTITION, None, {})


def test_the_total_of_no_partition_is_empty() -> None:
    assert Progress.total([]) == Progress("", NO_PARTITION)
