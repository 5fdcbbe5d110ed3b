"""PromQL from the conventions: an expression has the metrics that it reads, and refuses labels that they lack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams import conventions
from streams.conventions.metric import Type

if TYPE_CHECKING:
    from streams.conventions.metric import Metric

#: Labels that Prometheus adds to everything it scrapes.
TARGET_LABELS: Final = ("job", "instance")

#: The range that Grafana computes to hold at least two scrapes (its documentation: "$__rate_interval").
RATE_RANGE: Final = "$__rate_interval"

#: Matches rejected records: only they have a reason.
REJECTED: Final = 'reason!=""'

#: The time range that the dashboard shows.
SHOWN_RANGE: Final = "$__range"

# Operators of the dashboard's variables, by the label that each filters. Service and step take several values.
_VARIABLES: Final = {"service": "=~", "step": "=~", "window": "="}


@dataclass(frozen=True, slots=True)
class Expr:
    """A PromQL expression and the metrics that it reads, in the order of first appearance."""

    text: str
    metrics: tuple[Metric, ...]


def series(metric: Metric, *matchers: str, sample: str = "") -> Expr:
    """Select the series of ``metric``.

    Args:
        metric: one of the conventions.
        matchers: label matchers as PromQL writes them, `result!="accepted"`.
        sample: which of a histogram's samples: `_bucket`, `_count` or `_sum`.

    Raises:
        ValueError: a matcher names a label that the metric does not have, or only a histogram has such samples.
    """
    if bool(sample) != (metric.type is Type.HISTOGRAM):
        message = f"{metric.name} is a {metric.type}: {'no' if sample else 'one'} sample of a histogram must be named"
        raise ValueError(message)
    known = {*metric.labels, *TARGET_LABELS, *(("le",) if sample == "_bucket" else ())}
    for matcher in matchers:
        label = _label_of(matcher)
        if label not in known:
            message = f"{metric.name} has no label {label!r}; it has {', '.join(sorted(known))}"
            raise ValueError(message)
    braces = "{" + ",".join(matchers) + "}" if matchers else ""
    return Expr(f"{metric.name}{sample}{braces}", (metric,))


def shown(metric: Metric, *matchers: str, sample: str = "") -> Expr:
    """Select the series that the dashboard's variables choose, as far as ``metric`` has their labels."""
    chosen = (f'{label}{operator}"${label}"' for label, operator in _VARIABLES.items() if label in metric.labels)
    return series(metric, *chosen, *matchers, sample=sample)


def label_values(label: str, *matchers: str) -> str:
    """Grafana's query for the choices of a variable: the values of ``label`` that any metric has.

    A service may have probes, fail points or objectives alone.

    Raises:
        ValueError: no metric has ``label``, or none has both it and those that the ``matchers`` name.
    """
    having = [metric for metric in conventions.METRICS if {label, *map(_label_of, matchers)} <= set(metric.labels)]
    if not having:
        message = f"no metric has all of these labels: {label}, {', '.join(matchers)}"
        raise ValueError(message)
    names = "|".join(f"{metric.name}{_SAMPLES.get(metric.type, '')}" for metric in having)
    selector = ",".join((f'__name__=~"{names}"', *matchers))
    return f"label_values({{{selector}}}, {label})"


#: The sample that represents a metric with several.
_SAMPLES: Final = {Type.HISTOGRAM: "_count"}


def _label_of(matcher: str) -> str:
    return matcher.partition("=")[0].rstrip("!")


def formula(template: str, **parts: Expr) -> Expr:
    """Put expressions into a template: `formula("{good} / {all}", good=…, all=…)`."""
    metrics = dict.fromkeys(metric for part in parts.values() for metric in part.metrics)
    return Expr(template.format(**{name: part.text for name, part in parts.items()}), tuple(metrics))


def over(function: str, expr: Expr, range_: str) -> Expr:
    """Apply a function of a range vector, such as `rate`, to a selector."""
    return Expr(f"{function}({expr.text}[{range_}])", expr.metrics)


def rate(expr: Expr) -> Expr:
    """Increase per second, over the range that suits the zoom."""
    return over("rate", expr, RATE_RANGE)


def max_by(expr: Expr, *labels: str) -> Expr:
    """Take the maximum over workers.

    A service is in one partition and therefore on one worker; only while the partition moves do two show it.
    """
    return Expr(f"max by ({', '.join(labels)}) ({expr.text})", expr.metrics)


def sum_by(expr: Expr, *labels: str) -> Expr:
    """Add over all other labels; over all labels if none is given."""
    return Expr(f"sum by ({', '.join(labels)}) ({expr.text})" if labels else f"sum({expr.text})", expr.metrics)
