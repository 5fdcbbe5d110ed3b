"""Nothing is collected while a program begins, and the collector is not forgotten afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from agents import garbage


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    gc.enable()


def test_what_a_program_begins_with_is_left_alone_and_what_comes_later_is_collected() -> None:
    garbage.begin()
    assert not gc.isenabled()
    garbage.collect_rarely()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] > 10_000
