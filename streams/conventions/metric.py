"""What a metric is: its name, type, labels and help, and what OpenMetrics derives from them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

#: The units that are used, each the base unit of what it measures. Timestamps are seconds since 1970.
UNITS: Final = ("seconds", "ratio")


class Type(enum.StrEnum):
    """The types of the Prometheus exposition formats that are used."""

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
        """Name of the metric family in OpenMetrics: the name without the suffix that its type prescribes."""
        return self.name.removesuffix(_SUFFIXES.get(self.type, ""))

    @property
    def unit(self) -> str:
        """Base unit that ends the family's name; empty where it counts things."""
        return next((unit for unit in UNITS if self.family.endswith(f"_{unit}")), "")
