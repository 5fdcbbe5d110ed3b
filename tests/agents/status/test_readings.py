"""Readings of partitions that are judged by different standards, while a change is under way."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from agents.status.readings import read, standards_in_force
from streams.calendars.periods import Window
from streams.slices.ratio import Ratio
from streams.standards.model import Objective, Service, Standards
from streams.texts.phrase import Text
from streams.views.levels import ObjectiveLevel
from tests.fakes.floor import CHECKED_IN, FakeEngine, Floor, progress

STRICTER = replace(CHECKED_IN, target=Fraction(99, 100), window=Window("7d", rolling_ms=7 * 86_400_000))


def promising(digest: str, objective: Objective) -> Standards:
    declared = Service("desk", Text("Desk", "前台"), objectives={objective.name: objective})
    return Standards(digest=digest, services={"desk": declared})


BEFORE, AFTER = promising("before", CHECKED_IN), promising("after", STRICTER)


def engine(standards: Standards, ratio: Ratio, watermark_ms: int | None = None) -> FakeEngine:
    (objective,) = standards.services["desk"].objectives.values()
    level = ObjectiveLevel("desk", objective, ratio, ratio)
    return FakeEngine(objectives=(level,), standards=standards, progress=progress(watermark_ms=watermark_ms))


@pytest.mark.parametrize(
    ("engines", "digest"),
    [
        pytest.param([], "file", id="nothing is read: the file's own"),
        pytest.param([engine(BEFORE, Ratio())], "before", id="not the file's, once a partition is read"),
        pytest.param(
            [engine(BEFORE, Ratio(), 5_000), engine(AFTER, Ratio(), 7_000), engine(BEFORE, Ratio())],
            "after",
            id="they differ: those of the partition that is furthest",
        ),
    ],
)
def test_the_standards_in_force(engines: list[FakeEngine], digest: str) -> None:
    assert standards_in_force(Floor(Standards(digest="file"), engines)).digest == digest


@pytest.mark.parametrize(
    ("engines", "objective"),
    [
        pytest.param([engine(BEFORE, Ratio()), engine(AFTER, Ratio(7, 9))], STRICTER, id="changed where they are"),
        pytest.param([engine(AFTER, Ratio()), engine(BEFORE, Ratio(7, 9))], CHECKED_IN, id="not yet changed there"),
    ],
)
def test_an_objective_is_shown_as_the_partition_has_it_that_its_events_are_in(
    engines: list[FakeEngine], objective: Objective
) -> None:
    (level,) = read(Floor(BEFORE, engines)).objectives
    assert level.objective == objective
    assert (level.window, level.cumulative) == (Ratio(7, 9), Ratio(7, 9))


def test_windows_are_those_of_all_standards_in_force_whatever_the_file_says() -> None:
    found = read(Floor(BEFORE, [engine(BEFORE, Ratio()), engine(AFTER, Ratio())]))
    assert {"5m", "1h", "1d", "7d", "28d"} == set(found.windows)
