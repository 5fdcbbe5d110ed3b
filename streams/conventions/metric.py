"""The definition of a metric: name, type, labels and help, and the names that OpenMetrics derives from them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

#: Base units in use. Timestamps are seconds since 1970.
UNITS: Final = ("seconds", "ratio")


class Type(enum.StrEnum):
    """Metric types of the Prometheus exposition formats in use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


_SUFFIXES: Final = {Type.COUNTER: "_total", Type.INFO: "_info"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``name`` is as it is queried: counters end in `_total`, info metrics in `_info`."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str
    help_zh: str

    @property
    def family(self) -> str:
        """Name of the metric family in OpenMetrics: the name without the suffix of its type."""
        return self.name.removesuffix(_SUFFIXES.get(self.type, ""))

    @property
    def unit(self) -> str:
        """Base unit at the end of the family's name; empty for counts."""
        return next((unit for unit in UNITS if self.family.endswith(f"_{unit}")), "")
