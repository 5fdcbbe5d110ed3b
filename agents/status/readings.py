"""Everything that a worker's engines know at one moment, added up: what exposition and status page both show."""

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

    ``objectives`` joins what these say about each objective: its cumulative ratio, and the one over its own window.
    """

    everything: Reading
    windows: Mapping[str, Reading]
    objectives: tuple[ObjectiveLevel, ...]


def read(observed: MonitorView) -> Readings:
    """Read every engine of ``observed`` over every window of the standards in force."""
    engines = observed.engines()
    since_beginning = [engine.cumulative() for engine in engines]
    held = [engine.standards for engine in engines] or [observed.standards]
    windows = {window.name: window for standards in held for window in standards.windows()}
    readings = {name: merge([engine.read(window) for engine in engines]) for name, window in windows.items()}
    return Readings(merge(since_beginning), readings, _join(since_beginning, readings))


def standards_in_force(observed: MonitorView) -> Standards:
    """The standards that figures are judged by; before a partition is read, those of the worker's own file.

    A change takes effect in each partition at a slice end of its own. While they differ, those of the partition that
    is furthest in event time are shown.
    """
    engines = observed.engines()
    if not engines:
        return observed.standards
    return max(engines, key=lambda engine: engine.progress.watermark_ms or 0).standards


def _join(since_beginning: Sequence[Reading], windows: Mapping[str, Reading]) -> tuple[ObjectiveLevel, ...]:
    """Levels of objectives, each as the partition has it that most of its events are in.

    While a change of standards is under way, partitions may know different objectives of one name.
    """
    known = sorted((level for part in since_beginning for level in part.objectives), key=_weight)
    held = {_place(level): level.objective for level in known}
    over = {(name, *_place(level)): level.window for name, reading in windows.items() for level in reading.objectives}
    return tuple(
        replace(level, objective=objective, window=over.get((objective.window.name, *_place(level)), level.window))
        for level in merge(since_beginning).objectives
        for objective in (held[_place(level)],)
    )


def _place(level: ObjectiveLevel) -> tuple[str, str]:
    return level.service, level.objective.name


def _weight(level: ObjectiveLevel) -> int:
    return level.cumulative.total
