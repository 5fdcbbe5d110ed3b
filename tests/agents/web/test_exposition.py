from __future__ import annotations

import math
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from agents.status.worker import PartitionStatus, State
from agents.web import exposition
from streams import conventions
from streams.conventions import METRICS
from streams.conventions.metric import Metric
from streams.events.rejections import Reason
from streams.slices.histogram import DEFAULT_BOUNDS_US, on_the_grid
from streams.slices.ratio import Ratio
from streams.slices.sparse_table import SATURATED
from streams.standards.model import Objective, ProbeAvailability, Service, Standards
from streams.texts.phrase import Text
from streams.views.levels import ObjectiveLevel, StepLevel
from tests.agents.web.scraped import one, samples
from tests.fakes import floor
from tests.fakes.floor import FakeEngine, Floor
from tests.services.parts import require

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
HOSTILE = [
    'say "hi"',
    "back\\slash",
    "two\nlines",
    "return\rtab\t",
    "客服 ☎ \U0001f4a9",
    "x" * 200,
    "\x00",
    '{le="1"} 7',
]
SAMPLES_OF_A_LARGE_FLOOR = 20_000


def with_steps(*levels: StepLevel) -> Floor:
    return Floor(fakes=[FakeEngine(steps={"all": levels})])


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param(None, "text/plain; version=0.0.4; charset=utf-8", id="no preference gets the text format"),
        pytest.param("*/*", "text/plain; version=0.0.4; charset=utf-8", id="so does a browser"),
        pytest.param(
            OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8", id="OpenMetrics is asked for"
        ),
    ],
)
def test_the_format_is_negotiated(accept: str | None, content_type: str) -> None:
    body, found = exposition.render(floor.floor(), accept)
    assert found.startswith(content_type)
    assert body.endswith(b"# EOF\n") == ("openmetrics" in content_type)


@pytest.mark.parametrize("accept", [None, OPENMETRICS], ids=["text", "OpenMetrics"])
@pytest.mark.parametrize(
    "observed", [floor.floor(), floor.empty(), Floor()], ids=["a floor", "no events", "no engines"]
)
def test_both_formats_read_back_with_names_types_and_labels_of_the_conventions(
    observed: Floor, accept: str | None
) -> None:
    body, content_type = exposition.render(observed, accept)
    parse = openmetrics_parser if "openmetrics" in content_type else text_parser
    families = {f.name: f for f in parse.text_string_to_metric_families(body.decode())}
    for metric in METRICS:
        family = families.get(metric.family) or families.get(metric.name)
        for sample in family.samples if family else ():
            assert set(sample.labels) - {"le"} == set(metric.labels)
            assert not math.isnan(sample.value)
    ours = {name for name in families if name.startswith(conventions.PREFIX)}
    assert ours <= {m.family for m in METRICS} | {m.name for m in METRICS}


def test_the_sample_floor_exposes_every_metric() -> None:
    observed = floor.floor()
    observed.worker = floor.worker(warnings=("create-time-topic",))
    observed.fakes.append(by_probes())
    found = samples(observed)
    suffixes = ("", "_bucket")
    assert [m.name for m in METRICS if not any(found.get(m.name + suffix) for suffix in suffixes)] == []


def hostile() -> Floor:
    return with_steps(*(StepLevel(n, n, ok=1, failed=1, failure_points={n: 1}) for n in sorted(HOSTILE)))


@pytest.mark.parametrize(
    "observed", [floor.floor(), floor.empty(), hostile()], ids=["a floor", "no events", "hostile labels"]
)
def test_promtool_finds_nothing_to_complain_of(observed: Floor) -> None:
    require("promtool")
    body, _ = exposition.render(observed, None)
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_counters_and_gauges_of_a_step() -> None:
    found = samples(floor.floor())
    at = {"service": "hotline", "step": "answer"}
    assert one(found, conventions.INTERACTIONS, **at, outcome="ok") == 1_940
    assert one(found, conventions.INTERACTIONS, **at, outcome="abandoned") == 88
    assert one(found, conventions.FAILURES, **at, failure_point="queue-overflow") == 17
    assert one(found, conventions.AVAILABILITY, **at, window="5m") == pytest.approx(1_940 / 1_961)
    assert one(found, conventions.AVAILABILITY_EVENTS, **at, window="5m") == 1_961
    assert one(found, conventions.ABANDONMENT, **at, window="1d") == pytest.approx(88 / 2_049)
    assert one(found, conventions.PROBE_AVAILABILITY, **at, window="1h") == pytest.approx(298 / 300)
    assert one(found, conventions.PROBE_OBSERVED, **at) == 300
    assert one(found, conventions.PROBE_COVERAGE, **at, window="1h") == 0.75


def test_times_become_seconds() -> None:
    found = samples(with_steps(StepLevel("s", "a", ok=3, response=floor.durations(0.25, 0.5, 86_400))))
    assert one(found, conventions.RESPONSE_TIME_MIN, window="5m") == 0.25
    assert one(found, conventions.RESPONSE_TIME_MAX, window="5m") == 86_400
    assert one(found, conventions.QUANTILES[50], window="5m") == pytest.approx(0.5, rel=0.012)
    assert one(found, "slm_response_time_seconds_sum") == 86_400.75
    assert one(found, "slm_response_time_seconds_count") == 3
    assert one(samples(floor.floor()), conventions.PIPELINE_WATERMARK) == floor.NOW_MS / 1000 - 61.2


@pytest.mark.parametrize("accept", [None, OPENMETRICS], ids=["text", "OpenMetrics"])
@pytest.mark.parametrize(
    "bounds_us",
    [
        pytest.param(DEFAULT_BOUNDS_US, id="the default"),
        pytest.param(on_the_grid([Decimal("0.1"), Decimal(1), Decimal(10)]), id="a deployment's own"),
        pytest.param(on_the_grid([Decimal(86_400)]), id="a single one"),
    ],
)
def test_the_histogram_counts_exactly_at_every_bound(accept: str | None, bounds_us: Sequence[int]) -> None:
    bounds = [us / 1_000_000 for us in bounds_us]
    beyond = [(us + 1) / 1_000_000 for us in bounds_us]
    level = StepLevel("s", "", ok=2 * len(bounds), response=floor.durations(*bounds, *beyond))
    found = samples(with_steps(level), accept, bounds_us)
    counts = {float(s.labels["le"]): s.value for s in found["slm_response_time_seconds_bucket"]}
    assert list(counts) == [*bounds, math.inf]
    assert list(counts.values()) == [*range(1, 2 * len(bounds), 2), 2 * len(bounds)]


def test_a_sum_that_has_overflowed_is_infinite_and_not_wrong() -> None:
    overflowed = replace(floor.durations(1, 2), sum_us=SATURATED)
    found = samples(with_steps(StepLevel("s", "", ok=2, response=overflowed)))
    assert one(found, "slm_response_time_seconds_sum") == math.inf


@pytest.mark.parametrize(
    ("level", "absent"),
    [
        pytest.param(
            StepLevel("s", "a", abandoned=4),
            (conventions.AVAILABILITY, conventions.QUANTILES[95], conventions.PROBE_AVAILABILITY),
            id="all abandoned: nothing to judge availability by, no response time, no probe",
        ),
        pytest.param(
            StepLevel("s", "a", probes=Ratio(10, 60)),
            (
                conventions.INTERACTIONS,
                conventions.AVAILABILITY,
                conventions.ABANDONMENT,
                conventions.AVAILABILITY_EVENTS,
                conventions.PROBE_COVERAGE,
            ),
            id="probes alone, nothing final yet: no interactions, no coverage",
        ),
    ],
)
def test_without_data_there_is_no_sample(level: StepLevel, absent: Iterable[Metric]) -> None:
    found = samples(with_steps(level))
    assert [metric.name for metric in absent if found.get(metric.name)] == []


def test_where_probes_have_fallen_silent_the_window_is_not_covered_at_all() -> None:
    found = samples(with_steps(StepLevel("s", "a", ok=1, coverage=Ratio(0, 300_000))))
    assert one(found, conventions.PROBE_COVERAGE, window="5m") == 0
    assert conventions.PROBE_AVAILABILITY.name not in found


def test_without_events_an_objective_has_a_target_and_no_ratio() -> None:
    observed = floor.floor()
    found = samples(observed)
    at = {"service": "hotline", "objective": "reachable"}
    assert one(found, conventions.OBJECTIVE_TARGET, **at) == 0.999
    assert one(found, conventions.OBJECTIVE_WINDOW_EVENTS, **at) == 47
    assert one(found, conventions.OBJECTIVE_WINDOW_SECONDS, **at) is None
    assert one(found, conventions.OBJECTIVE_RATIO, **at) is None, "47 events are fewer than its minimum of 100"
    assert one(found, conventions.BUDGET_REMAINING, **at) is None


def test_an_objective_in_breach() -> None:
    found = samples(floor.floor())
    at = {"service": "hotline", "objective": "answered-in-10s"}
    assert one(found, conventions.BREACH_OPEN, **at) == 1
    assert one(found, conventions.OBJECTIVE_RATIO, **at) == pytest.approx(188_011 / 200_100)
    assert one(found, conventions.BUDGET_REMAINING, **at) == pytest.approx(1 - (12_089 / 200_100) / 0.05)
    assert one(found, conventions.BREACH_OPEN, service="front-desk") == 0


def test_declared_fail_points_start_at_zero_so_that_the_first_failure_shows_as_an_increase() -> None:
    engine = FakeEngine(steps={"all": (StepLevel("hotline", "answer", ok=1),)})
    found = samples(Floor(floor.STANDARDS, [engine]))
    counts = {s.labels["failure_point"]: s.value for s in found[conventions.FAILURES.name]}
    assert counts == {"queue-overflow": 0, "rude": 0}


def test_partitions_are_added_exactly() -> None:
    engines = [FakeEngine(steps={"all": (floor.ANSWER,)}), FakeEngine(steps={"all": (floor.ANSWER, floor.RESOLVE)})]
    found = samples(Floor(fakes=[*engines]))
    assert one(found, conventions.INTERACTIONS, step="answer", outcome="ok") == 2 * 1_940
    assert one(found, conventions.AVAILABILITY_EVENTS, step="answer", window="5m") == 2 * 1_961
    assert one(found, conventions.RESPONSE_TIME_MAX, step="answer", window="5m") == 50


def test_every_record_is_somewhere() -> None:
    rejected = Counter({Reason.LATE: 4, Reason.FUTURE: 1, Reason.NOT_JSON: 2})
    progress = floor.progress(records=100, accepted=80, duplicates=10, ignored=3, rejected=rejected)
    found = samples(Floor(fakes=[FakeEngine(progress=progress)]))
    events = found[conventions.PIPELINE_EVENTS.name]
    assert sum(s.value for s in events) == 100
    assert one(found, conventions.PIPELINE_EVENTS, result="late", reason="late") == 4
    assert one(found, conventions.PIPELINE_EVENTS, result="malformed", reason="not-json") == 2
    assert {s.labels["reason"] for s in events} == {"", *Reason}, "every reason is there before it first occurs"


@pytest.mark.parametrize(
    ("changes", "ready", "lag"),
    [
        pytest.param({}, 1, 0, id="caught up"),
        pytest.param({"state": State.STARTING, "partitions": ()}, 0, None, id="starting"),
        pytest.param({"partitions": ()}, 1, None, id="standing by without partitions"),
        pytest.param({"partitions": (PartitionStatus("t", 3, 5, 12, 7, caught_up=False),)}, 0, 7, id="behind"),
        pytest.param(
            {"partitions": (PartitionStatus("t", 3, 5, None, None, caught_up=False),)}, 0, None, id="not asked yet"
        ),
    ],
)
def test_readiness_and_lag(changes: dict[str, object], ready: int, lag: int | None) -> None:
    found = samples(Floor(worker=floor.worker(**changes)))
    assert one(found, conventions.WORKER_READY) == ready
    assert one(found, conventions.PIPELINE_LAG) == lag


def test_the_build_names_its_standards_and_warnings_show() -> None:
    found = samples(Floor(Standards(digest="abc"), worker=floor.worker(warnings=("gap-in-log",))))
    assert found[conventions.BUILD.name][0].labels["standards"] == "abc"
    assert one(found, conventions.WORKER_WARNING, warning="gap-in-log") == 1


@pytest.mark.parametrize("accept", [None, OPENMETRICS], ids=["text", "OpenMetrics"])
def test_labels_survive_whatever_events_put_into_them(accept: str | None) -> None:
    found = samples(hostile(), accept)
    assert {s.labels["failure_point"] for s in found[conventions.FAILURES.name]} == set(HOSTILE)
    assert {s.labels["service"] for s in found[conventions.AVAILABILITY.name]} == set(HOSTILE)


def by_probes() -> FakeEngine:
    up = Objective("up", ProbeAvailability(), Fraction(99, 100), floor.ROLLING, Text("Up", "在线"))
    return FakeEngine(objectives=[ObjectiveLevel("s", up, Ratio(59_500, 60_331), Ratio(119_500, 120_000))])


def test_an_objective_by_probes_counts_seconds_and_no_events() -> None:
    fake = by_probes()
    (level,) = fake.objectives
    declared = Standards(services={"s": Service("s", Text("S", "S"), objectives={"up": level.objective})})
    found = samples(Floor(declared, [fake]))
    assert one(found, conventions.OBJECTIVE_GOOD) == 119.5
    assert one(found, conventions.OBJECTIVE_EVENTS) == 120
    assert one(found, conventions.OBJECTIVE_WINDOW_SECONDS) == 60.331
    assert conventions.OBJECTIVE_WINDOW_EVENTS.name not in found
    assert one(found, conventions.OBJECTIVE_RATIO) == pytest.approx(59.5 / 60.331)


def test_an_objective_without_any_event_here_may_live_at_another_worker() -> None:
    found = samples(Floor(floor.STANDARDS, [FakeEngine(objectives=[ObjectiveLevel("hotline", floor.ANSWERED)])]))
    assert one(found, conventions.OBJECTIVE_TARGET) == 0.95
    assert conventions.BREACH_OPEN.name not in found
    assert conventions.OBJECTIVE_EVENTS.name not in found


def test_a_large_floor_has_a_sample_for_every_figure() -> None:
    levels = [replace(floor.ANSWER, service=f"service-{i:04}") for i in range(400)]
    body, _ = exposition.render(with_steps(*levels), None)
    lines = [line for line in body.splitlines() if not line.startswith(b"#")]
    assert len(lines) > SAMPLES_OF_A_LARGE_FLOOR
    assert len({line.rpartition(b" ")[0] for line in lines}) == len(lines), "a series is there twice"


@pytest.mark.parametrize(
    "accept",
    [
        *(f"application/openmetrics-text;version=1.0.{number}" for number in range(3)),
        *("application/openmetrics-text;version=1.0.x", "text/plain;version=1.0.0;escaping=values", "*", "\x00;=,;"),
        "application/openmetrics-text;version=;escaping=dots",
    ],
)
def test_whatever_clients_ask_for_there_are_two_formats(accept: str) -> None:
    preferred = exposition.preference(accept)
    assert preferred in {exposition.preference(None), exposition.preference(OPENMETRICS)}
    assert exposition.preference(preferred) == preferred
    shown = exposition.Exposition(floor.floor())
    body, content_type = shown.render(accept)
    assert content_type == shown.render(preferred)[1]
    assert body.endswith(b"# EOF\n") == content_type.startswith("application/openmetrics-text")
