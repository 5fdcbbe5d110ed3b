"""PromQL from the conventions refuses what the conventions do not have."""

from __future__ import annotations

import re

import pytest

from dashboards.grafana.queries import formula, label_values, max_by, rate, series, shown, sum_by
from streams import conventions


def test_a_selector_has_the_matchers_it_is_given() -> None:
    assert series(conventions.BREACH_OPEN, 'service="a"').text == 'slm_breach_open{service="a"}'


def test_a_selector_without_matchers_has_no_braces() -> None:
    assert series(conventions.WORKER_READY).text == "slm_worker_ready"


@pytest.mark.parametrize("matcher", ['step="a"', 'le="1"', 'windw=~".*"', 'stepp!="a"'])
def test_a_label_that_the_metric_has_not_is_an_error(matcher: str) -> None:
    with pytest.raises(ValueError, match="slm_breach_open has no label"):
        series(conventions.BREACH_OPEN, matcher)


def test_labels_that_prometheus_adds_are_known() -> None:
    assert series(conventions.WORKER_READY, 'job!="a"').text == 'slm_worker_ready{job!="a"}'


def test_a_histogram_must_say_which_sample() -> None:
    with pytest.raises(ValueError, match="one sample of a histogram"):
        series(conventions.RESPONSE_TIME)


def test_only_a_histogram_has_such_samples() -> None:
    with pytest.raises(ValueError, match="no sample of a histogram"):
        series(conventions.FAILURES, sample="_bucket")


def test_variables_filter_the_labels_that_the_metric_has() -> None:
    assert shown(conventions.BREACH_OPEN).text == 'slm_breach_open{service=~"$service"}'
    assert shown(conventions.AVAILABILITY).text.endswith('{service=~"$service",step=~"$step",window="$window"}')


def test_a_formula_knows_each_metric_that_it_reads_once() -> None:
    good, events = rate(shown(conventions.OBJECTIVE_GOOD)), rate(shown(conventions.OBJECTIVE_EVENTS))
    share = formula("{good} / {events} + {good}", good=good, events=events)
    assert share.metrics == (conventions.OBJECTIVE_GOOD, conventions.OBJECTIVE_EVENTS)


@pytest.mark.parametrize("label", ["service", "step", "window", "objective"])
def test_choices_come_from_every_metric_that_has_the_label(label: str) -> None:
    found = re.fullmatch(r'label_values\({__name__=~"([^"]*)"}, (\w+)\)', label_values(label))
    assert found
    having = [metric for metric in conventions.METRICS if label in metric.labels]
    assert [name.removesuffix("_count") for name in found[1].split("|")] == [metric.name for metric in having]
    assert found[2] == label


def test_choices_are_narrowed_by_labels_that_their_metrics_have() -> None:
    query = label_values("step", 'service=~"$service"')
    assert 'service=~"$service"' in query
    assert conventions.PROBE_OBSERVED.name in query
    assert conventions.BREACH_OPEN.name not in query, "it has no step"


@pytest.mark.parametrize(("label", "matchers"), [("stepp", ()), ("topic", ('service="a"',))])
def test_choices_of_a_label_that_no_metric_has_are_an_error(label: str, matchers: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"no metric has all of these labels: {label}"):
        label_values(label, *matchers)


def test_aggregations_keep_the_named_labels() -> None:
    expr = series(conventions.PIPELINE_LAG)
    assert max_by(expr, "topic", "partition").text == "max by (topic, partition) (slm_pipeline_lag_records)"
    assert sum_by(expr).text == "sum(slm_pipeline_lag_records)"
