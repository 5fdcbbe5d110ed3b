"""Everything that a worker's engines know at one moment, added up: what exposition and status page both show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from streams.views.levels import ObjectiveLevel, Reading, merge

if TYPE_CHECKING:
    from agents.status import Observed


@dataclass(frozen=True, slots=True)
class Readings:
    """``everything`` is since the beginning of the log, ``windows`` holds readings by the names of their windows.

    ``objectives`` joins what these say about each objective: its cumulative ratio, and the one over its own window.
    """

    everything: Reading
    windows: Mapping[str, Reading]
    objectives: tuple[ObjectiveLevel, ...]


def read(observed: Observed) -> Readings:
    """Read every engine of ``observed`` over every window of its standards."""
    engines = observed.engines()
    everything = merge([engine.cumulative() for engine in engines])
    windows = {w.name: merge([engine.read(w) for engine in engines]) for w in observed.standards.windows()}
    return Readings(everything, windows, _join(everything, windows))


def _join(everything: Reading, windows: Mapping[str, Reading]) -> tuple[ObjectiveLevel, ...]:
    over_own_window = {
        (level.service, level.objective.name): level.window
        for name, reading in windows.items()
        for level in reading.objectives
        if level.objective.window.name == name
    }
    return tuple(
        replace(level, window=over_own_window.get((level.service, level.objective.name), level.window))
        for level in everything.objectives
    )
