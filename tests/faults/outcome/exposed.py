"""What workers expose: the samples of /metrics that an oracle can foresee, added up over all workers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_SAMPLE: Final = re.compile(r"^(?P<name>slm_\w+)\{(?P<labels>.*)\} (?P<value>\S+)$")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_MICRO: Final = 1_000_000
_MILLI: Final = 1_000


@dataclass
class Exposed:
    """Samples of all workers together. Whatever two of them show of one service or partition is in `twice`."""

    interactions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    events: Counter[tuple[int, str, str]] = field(default_factory=Counter)  # by partition, result, reason
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    waited_us: Counter[tuple[str, str]] = field(default_factory=Counter)
    up_ms: Counter[tuple[str, str]] = field(default_factory=Counter)
    observed_ms: Counter[tuple[str, str]] = field(default_factory=Counter)
    breached: set[tuple[str, str]] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    _by_worker: dict[str, str] = field(default_factory=dict)

    def add(self, worker: str, text: str) -> None:
        """Add what ``worker`` answers at /metrics."""
        for line in text.splitlines():
            match = _SAMPLE.match(line)
            take = _TAKERS.get(match["name"]) if match else None
            if match and take:
                labels = dict(_LABEL.findall(match["labels"]))
                shown = f"service {labels['service']}" if "service" in labels else f"partition {labels['partition']}"
                if self._by_worker.setdefault(shown, worker) != worker:
                    self.twice.add(shown)
                take(self, labels, float(match["value"]))


Labels = dict[str, str]


def _step(labels: Labels) -> tuple[str, str]:
    return labels["service"], labels["step"]


def _interactions(exposed: Exposed, labels: Labels, value: float) -> None:
    exposed.interactions[*_step(labels), labels["outcome"]] += round(value)


def _events(exposed: Exposed, labels: Labels, value: float) -> None:
    exposed.events[int(labels["partition"]), labels["result"], labels["reason"]] += round(value)


def _answered(exposed: Exposed, labels: Labels, value: float) -> None:
    exposed.answered[_step(labels)] += round(value)


def _waited(exposed: Exposed, labels: Labels, value: float) -> None:
    exposed.waited_us[_step(labels)] += round(value * _MICRO)


def _up(exposed: Exposed, labels: Labels, value: float) -> None:
    exposed.up_ms[_step(labels)] += round(value * _MILLI)


def _observed(exposed: Exposed, labels: Labels, value: float) -> None:
    exposed.observed_ms[_step(labels)] += round(value * _MILLI)


def _breached(exposed: Exposed, labels: Labels, value: float) -> None:
    if value:
        exposed.breached.add((labels["service"], labels["objective"]))


_TAKERS: Final = {
    "slm_interactions_total": _interactions,
    "slm_pipeline_events_total": _events,
    "slm_response_time_seconds_count": _answered,
    "slm_response_time_seconds_sum": _waited,
    "slm_probe_up_seconds_total": _up,
    "slm_probe_observed_seconds_total": _observed,
    "slm_breach_open": _breached,
}
