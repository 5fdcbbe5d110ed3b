"""Readings of all engines of a worker, merged: the figures that exposition and status page both show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from streams.views.levels import ObjectiveLevel, Reading, merge

if TYPE_CHECKING:
    from agents.status.worker import MonitorView
    from streams.standards.model import Standards


@dataclass(frozen=True, slots=True)
class Readings:
    """``everything`` is since the beginning of the log, ``windows`` holds readings by the names of their windows.

    ``objectives`` joins both for each objective: its cumulative ratio, and the one over its own window.
    """

    everything: Reading
    windows: Mapping[str, Reading]
    objectives: tuple[ObjectiveLevel, ...]


def read(observed: MonitorView) -> Readings:
    """Read every engine of ``observed`` over every window of the standards in force."""
    engines = observed.engines()
    since_beginning = [engine.cumulative() for engine in engines]
    in_force = [engine.standards for engine in engines] or [observed.standards]
    windows = {window.name: window for standards in in_force for window in standards.windows()}
    readings = {name: merge([engine.read(window) for engine in engines]) for name, window in windows.items()}
    return Readings(merge(since_beginning), readings, _join(since_beginning, readings))


def standards_in_force(observed: MonitorView) -> Standards:
    """The standards that figures are judged by; before a partition is read, those of the worker's own file.

    Each partition takes a change over at an end of a slice of its own. While they differ, the standards of the
    partition that is furthest in event time count.
    """
    engines = observed.engines()
    if not engines:
        return observed.standards
    return max(engines, key=lambda engine: engine.progress.watermark_ms or 0).standards


def _join(since_beginning: Sequence[Reading], windows: Mapping[str, Reading]) -> tuple[ObjectiveLevel, ...]:
    """Levels of objectives, each with the objective as defined in the partition with most of its events.

    While a change of standards takes effect, partitions may have different objectives of one name.
    """
    known = sorted((level for part in since_beginning for level in part.objectives), key=_weight)
    objectives = {_name(level): level.objective for level in known}
    over = {(name, *_name(level)): level.window for name, reading in windows.items() for level in reading.objectives}
    return tuple(
        replace(level, objective=objective, window=over.get((objective.window.name, *_name(level)), level.window))
        for level in merge(since_beginning).objectives
        for objective in (objectives[_name(level)],)
    )


def _name(level: ObjectiveLevel) -> tuple[str, str]:
    return level.service, level.objective.name


def _weight(level: ObjectiveLevel) -> int:
    return level.cumulative.total
