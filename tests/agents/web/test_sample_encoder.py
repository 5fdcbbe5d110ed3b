"""Our encoder gives, byte for byte, what the client library's gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

from agents.web.exposition import ServiceLevelCollector
from agents.web.sample_encoder import Encoder
from streams.views.levels import StepLevel
from tests.fakes import floor
from tests.fakes.floor import FakeEngine, Floor

ACCEPTED: Final = {
    "text": "",
    "OpenMetrics": "application/openmetrics-text;version=1.0.0",
    "OpenMetrics with names of any kind": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
}
HOSTILE: Final = (
    *("", "a", 'say "hi"', "back\\slash", "two\nlines", "\n# EOF\n", "# HELP", "return\rtab\t", "客服 ☎ \U0001f4a9"),
    *("\x00", "\u2028", '{le="1"} 0.0', "0.0", " 0.0"),
)
#: With names of metrics and labels as they may be, and texts as they must not hurt.
SAMPLES: Final = st.dictionaries(
    st.tuples(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE)), st.floats() | st.integers(0, 2**70), max_size=6
)
FAMILIES: Final = st.lists(
    st.tuples(
        st.sampled_from([(CounterMetricFamily, "a"), (GaugeMetricFamily, "b"), (GaugeMetricFamily, "c_total_ratio")]),
        SAMPLES,
    ),
    max_size=3,
    unique_by=lambda made: made[0],
)


class Told:
    """Families as a registry gives them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self.families = families

    def collect(self) -> Sequence[Metric]:
        return self.families


def family(kind: Any, name: str, samples: dict[tuple[str, str], float]) -> Metric:
    made: Metric = kind(name, 'Help with "quotes",\nand \\.', labels=("one", "another"))
    for labels, value in samples.items():
        made.add_metric(labels, value)  # type: ignore[attr-defined]  # as every kind of them has it
    return made


@pytest.mark.parametrize("accept", ACCEPTED.values(), ids=ACCEPTED)
@given(scrapes=st.lists(FAMILIES, max_size=4))
def test_scrape_after_scrape_the_text_is_that_of_the_library(accept: str, scrapes: list[Any]) -> None:
    encode, _ = choose_encoder(accept)
    ours = Encoder(encode)
    for scrape in scrapes:
        families = [family(kind, name, samples) for (kind, name), samples in scrape]
        assert ours.encode(families) == encode(Told(families))


@pytest.mark.parametrize("accept", ACCEPTED.values(), ids=ACCEPTED)
def test_histograms_infos_and_process_figures_too(accept: str) -> None:
    encode, _ = choose_encoder(accept)
    ours = Encoder(encode)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    for count in (1, 2):
        histogram = HistogramMetricFamily("wait_seconds", "Wait.", labels=("one",), unit="seconds")
        for text in HOSTILE:
            histogram.add_metric((text,), [("0.1", count), ("+Inf", 5 * count)], 0.5 * count)
        info = InfoMetricFamily("build", "Build.", labels=())
        info.add_metric((), {"version": "1\n2"})
        told = Told([histogram, info, *registry.collect()])
        assert ours.encode(told.families) == encode(told)


def step(name: str) -> StepLevel:
    return StepLevel(name, name, ok=1, failed=2, failure_points={name: 1})


@pytest.mark.parametrize("accept", ACCEPTED.values(), ids=ACCEPTED)
def test_service_levels_come_and_go(accept: str) -> None:
    encode, _ = choose_encoder(accept)
    ours = Encoder(encode)
    many = Floor(fakes=[FakeEngine(steps={"all": tuple(map(step, sorted(HOSTILE)))})])
    few = Floor(fakes=[FakeEngine(steps={"all": (step("a"),)})])
    for observed in (floor.floor(), floor.empty(), many, few, many, floor.floor()):
        families = list(ServiceLevelCollector(observed).collect())
        assert ours.encode(families) == encode(Told(families))


def test_what_is_gone_is_forgotten() -> None:
    ours = Encoder(choose_encoder("")[0])
    ours.encode([family(GaugeMetricFamily, "a", {("1", "1"): 1.0, ("2", "2"): 1.0})])
    ours.encode([family(GaugeMetricFamily, "a", {("2", "2"): 1.0})])
    assert list(ours._beginnings) == [("a", "2", "2")]
