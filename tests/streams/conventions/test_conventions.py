from __future__ import annotations

import json
import re

import pytest

from streams import conventions
from streams.conventions import METRICS
from streams.conventions.metric import Metric, Type
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.routing.series_catalogue import Caps
from streams.standards.model import Standards

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_metric_is_listed_once() -> None:
    constants = {value for value in vars(conventions).values() if isinstance(value, Metric)}
    assert constants | set(conventions.QUANTILES.values()) == set(METRICS)
    names = [metric.name for metric in METRICS]
    families = [metric.family for metric in METRICS]
    assert len(set(names)) == len(names)
    assert len(set(families)) == len(families), "two families of OpenMetrics have one name"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_labels_and_help_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"slm(_[a-z0-9]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.type is Type.COUNTER)
    assert metric.name.endswith("_info") == (metric.type is Type.INFO)
    assert not re.search(r"_(ms|us|seconds_ratio|percent|count|sum|bucket)$", metric.family)
    assert all(re.fullmatch(r"[a-z_]+", label) for label in metric.labels)
    beside_the_place = set(metric.labels) - {"service", "step"} - {"topic", "partition"}
    with_two = (conventions.PIPELINE_EVENTS, conventions.PIPELINE_UNREADABLE, conventions.BUILD)
    assert len(beside_the_place) <= 1 or metric in with_two
    assert metric.help.endswith(".")
    assert metric.help_zh.endswith("。")
    assert CHINESE.search(metric.help_zh)
    assert not CHINESE.search(metric.help)


@pytest.mark.parametrize(
    ("metric", "family", "unit"),
    [
        pytest.param(conventions.INTERACTIONS, "slm_interactions", "", id="a counter of things has no unit"),
        pytest.param(conventions.PROBE_UP, "slm_probe_up_seconds", "seconds", id="a counter of seconds"),
        pytest.param(conventions.AVAILABILITY, "slm_availability_ratio", "ratio", id="a ratio"),
        pytest.param(conventions.RESPONSE_TIME, "slm_response_time_seconds", "seconds", id="a histogram"),
        pytest.param(conventions.BUILD, "slm_build", "", id="an info metric"),
        pytest.param(conventions.STATE_UNSAVED, "slm_state_unsaved_records", "", id="a gauge of things has no unit"),
    ],
)
def test_family_and_unit_follow_from_the_name(metric: Metric, family: str, unit: str) -> None:
    assert (metric.family, metric.unit) == (family, unit)


def test_whatever_is_counted_under_other_has_its_kind() -> None:
    """The kinds are the names that `streams.routing.router` may replace; each is there before it first occurs."""
    caps = Caps(services=1, steps=1, failure_points=1, sources=1)
    engine = Engine(Start("t", 0, Standards(), caps=caps))
    names = [("a", "x", "p"), ("a", "x", "q"), ("a", "y", "p"), ("b", "x", "p")]
    events = [
        {"service": service, "step": step, "time": 1_700_000_000, "outcome": "failed", "failure_point": point}
        for service, step, point in names
    ]
    probe = {"kind": "probe", "service": "a", "step": "x", "time": 1_700_000_000, "up": True}
    events += [probe | {"class": source} for source in ("m", "n")]
    engine.fold(Batch.of("t", 0, [json.dumps(event).encode() for event in events]))
    assert set(engine.progress.overflowed) == set(conventions.OVERFLOWED_KINDS)
