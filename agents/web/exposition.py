"""`/metrics`: every service level as Prometheus samples, computed when Prometheus asks.

No metric call is made per event. Integer microseconds and milliseconds become seconds here, nowhere earlier. Without
data there is no sample, since 0 and NaN would both be claims.
"""

from __future__ import annotations

import functools
import importlib.metadata
import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from agents.status.readiness import obstacles
from agents.status.readings import read as readings_of
from agents.status.readings import standards_in_force
from agents.status.worker import State
from agents.web.sample_encoder import Encoder
from streams import conventions
from streams.conventions.labels import Result
from streams.conventions.metric import Metric, Type
from streams.events.rejections import Reason
from streams.slices.histogram import DEFAULT_BOUNDS_US
from streams.slices.sparse_table import SATURATED
from streams.standards.model import ProbeAvailability
from streams.views.objectives.standing import Standing

if TYPE_CHECKING:
    from prometheus_client.core import Metric as MetricFamily

    from agents.status.worker import MonitorView, PartitionStatus, WorkerStatus
    from streams.engine.progress import Progress
    from streams.slices.distribution import Distribution
    from streams.standards.model import Standards
    from streams.views.levels import ObjectiveLevel, Reading, StepLevel

_MICROSECONDS: Final = 1_000_000
_MILLISECONDS: Final = 1_000
_QUANTILES: Final = {Fraction(quantile, 100): metric for quantile, metric in conventions.QUANTILES.items()}
_SETTLED: Final = {Reason.LATE: Result.LATE, Reason.FUTURE: Result.FUTURE}


class Exposition:
    """The exposition of one worker, in the format that a request prefers."""

    def __init__(self, observed: MonitorView, bounds_us: Sequence[int] = DEFAULT_BOUNDS_US) -> None:
        """Expose ``observed``, and the figures of the process, of Python and of its garbage collector.

        ``bounds_us`` are the bounds of the histogram in microseconds, ascending, all on the fine bucket grid.
        """
        self._registry = CollectorRegistry()
        self._registry.register(ServiceLevelCollector(observed, bounds_us))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._encoders: dict[str, Encoder] = {}  # by preferred format

    def render(self, accept: str | None) -> tuple[bytes, str]:
        """The whole exposition and its content type, in the format that the Accept header ``accept`` prefers.

        OpenMetrics where it is asked for, else the text format 0.0.4.
        """
        preferred = preference(accept)
        encode, type_ = choose_encoder(preferred)
        if preferred not in self._encoders:
            self._encoders[preferred] = Encoder(encode)
        return self._encoders[preferred].encode(self._registry.collect()), type_


def render(observed: MonitorView, accept: str | None) -> tuple[bytes, str]:
    """One exposition of ``observed``. See `Exposition.render`."""
    return Exposition(observed).render(accept)


def preference(accept: str | None) -> str:
    """The Accept header ``accept`` reduced to what matters, whether it prefers OpenMetrics: one of two texts.

    Versions and escaping do not matter: one version of each format is written, and no name here needs escaping.
    """
    try:
        _, type_ = choose_encoder(accept or "")
    except (TypeError, ValueError):  # a malformed version
        return ""
    return _OPENMETRICS if type_.startswith(_OPENMETRICS_TYPE) else ""


_OPENMETRICS_TYPE: Final = "application/openmetrics-text"
_OPENMETRICS: Final = f"{_OPENMETRICS_TYPE};version=1.0.0"


class ServiceLevelCollector(Collector):
    """Reads the engines of one worker at every scrape; holds no figures itself."""

    def __init__(self, observed: MonitorView, bounds_us: Sequence[int] = DEFAULT_BOUNDS_US) -> None:
        """Collect from ``observed``; ``bounds_us`` are the bounds of the histogram, as in `Exposition`."""
        self._observed = observed
        self._bounds = _Bounds(bounds_us)

    def collect(self) -> Iterator[MetricFamily]:
        """Yield every family that has samples, in the order of `streams.conventions.METRICS`."""
        families = _Families(self._bounds)
        readings = readings_of(self._observed)
        _add_cumulative(families, readings.everything, standards_in_force(self._observed))
        for window, reading in readings.windows.items():
            _add_window(families, window, reading)
        _add_objectives(families, readings.objectives)
        status = self._observed.status()
        for engine in self._observed.engines():
            _add_progress(families, engine.progress)
        for partition in status.partitions:
            _add_partition(families, partition)
        _add_state(families, status)
        _add_rekeying(families, status)
        _add_worker(families, status)
        families.add_info(conventions.BUILD, _version(), self._observed.standards.digest)
        return iter(families)


class _Bounds:
    """Bounds of the histogram: in whole microseconds, and as values of the label `le`, in seconds."""

    def __init__(self, bounds_us: Sequence[int]) -> None:
        self.microseconds = bounds_us
        self.labels = [floatToGoString(bound / _MICROSECONDS) for bound in bounds_us]


class _Families:
    """The families of one scrape, each created with its first sample."""

    def __init__(self, bounds: _Bounds) -> None:
        self._bounds = bounds
        self._families: dict[str, _Family] = {}  # by name of the metric

    def __iter__(self) -> Iterator[MetricFamily]:
        return (self._families[metric.name] for metric in conventions.METRICS if metric.name in self._families)

    def add(self, metric: Metric, labels: Iterable[str], value: float | None) -> None:
        """Add one sample of a counter or a gauge; ``value`` None is no data and adds nothing."""
        if value is None:
            return
        family = self._family(metric)
        assert isinstance(family, CounterMetricFamily | GaugeMetricFamily)
        family.add_metric(tuple(labels), value)

    def add_histogram(self, metric: Metric, labels: Iterable[str], distribution: Distribution) -> None:
        """Add the cumulative buckets, the count and the sum of ``distribution``, in seconds."""
        family = self._family(metric)
        assert isinstance(family, HistogramMetricFamily)
        counts = distribution.counts_at_most(self._bounds.microseconds)
        buckets = zip(self._bounds.labels, counts, strict=True)
        overflowed = distribution.sum_us == SATURATED
        family.add_metric(
            tuple(labels),
            [*buckets, ("+Inf", distribution.count)],
            math.inf if overflowed else distribution.sum_us / _MICROSECONDS,
        )

    def add_info(self, metric: Metric, *values: str) -> None:
        """Add the one sample of an info metric, which has ``values`` as its labels."""
        family = self._family(metric)
        assert isinstance(family, InfoMetricFamily)
        family.add_metric((), dict(zip(metric.labels, values, strict=True)))

    def _family(self, metric: Metric) -> _Family:
        family = self._families.get(metric.name)
        if family is None:
            family = self._families[metric.name] = _new_family(metric)
        return family


_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily | InfoMetricFamily


def _new_family(metric: Metric) -> _Family:
    match metric.type:
        case Type.COUNTER:
            return CounterMetricFamily(metric.family, metric.help, labels=metric.labels, unit=metric.unit)
        case Type.GAUGE:
            return GaugeMetricFamily(metric.family, metric.help, labels=metric.labels, unit=metric.unit)
        case Type.HISTOGRAM:
            return HistogramMetricFamily(metric.family, metric.help, labels=metric.labels, unit=metric.unit)
        case Type.INFO:
            return InfoMetricFamily(metric.family, metric.help, labels=())


def _add_cumulative(families: _Families, reading: Reading, standards: Standards) -> None:
    """Counters and the histogram, since the beginning of the log."""
    for level in reading.steps:
        at = (level.service, level.step)
        if level.interactions:
            for outcome, count in zip(conventions.OUTCOMES, (level.ok, level.failed, level.abandoned), strict=True):
                families.add(conventions.INTERACTIONS, (*at, outcome), count)
        for failure_point, count in _failures(level, standards):
            families.add(conventions.FAILURES, (*at, failure_point), count)
        if level.response.count:
            families.add_histogram(conventions.RESPONSE_TIME, at, level.response)
        if level.probes.total:
            families.add(conventions.PROBE_UP, at, level.probes.good / _MILLISECONDS)
            families.add(conventions.PROBE_OBSERVED, at, level.probes.total / _MILLISECONDS)


def _failures(level: StepLevel, standards: Standards) -> Iterable[tuple[str, int]]:
    """Failures by fail point. Declared ones start at 0, so that `increase` sees the first failure."""
    service = standards.services.get(level.service)
    step = service.steps.get(level.step) if service else None
    return sorted((dict.fromkeys(step.failure_points if step else (), 0) | dict(level.failure_points)).items())


def _add_window(families: _Families, window: str, reading: Reading) -> None:
    """Gauges over one window."""
    for level in reading.steps:
        at = (level.service, level.step, window)
        _add_response(families, at, level.response)
        if level.interactions:
            families.add(conventions.AVAILABILITY, at, level.availability.value)
            families.add(conventions.AVAILABILITY_EVENTS, at, level.availability.total)
            families.add(conventions.ABANDONMENT, at, level.abandoned / level.interactions)
            families.add(conventions.ABANDONMENT_EVENTS, at, level.interactions)
        if level.probes.total:
            families.add(conventions.PROBE_AVAILABILITY, at, level.probes.value)
            families.add(conventions.PROBE_AVAILABILITY_OBSERVED, at, level.probes.total / _MILLISECONDS)
        families.add(conventions.PROBE_COVERAGE, at, level.coverage.value)


def _add_response(families: _Families, at: tuple[str, ...], response: Distribution) -> None:
    if not response.count:
        return
    for metric, microseconds in zip(_QUANTILES.values(), response.quantiles(_QUANTILES), strict=True):
        families.add(metric, at, microseconds / _MICROSECONDS)
    families.add(conventions.RESPONSE_TIME_MAX, at, response.max_us / _MICROSECONDS)
    families.add(conventions.RESPONSE_TIME_MIN, at, response.min_us / _MICROSECONDS)


def _add_objectives(families: _Families, found: Iterable[ObjectiveLevel]) -> None:
    """Each objective; only its target and its alert where another worker has the events of the service."""
    for level in found:
        at = (level.service, level.objective.name)
        families.add(conventions.OBJECTIVE_TARGET, at, float(level.objective.target))
        families.add(conventions.OBJECTIVE_ALERTS, at, int(level.objective.alert))
        if not level.cumulative.total:
            continue
        standing = Standing.of(level.objective, level.window)
        by_time = isinstance(level.objective.measure, ProbeAvailability)
        unit, basis = (
            (_MILLISECONDS, conventions.OBJECTIVE_WINDOW_SECONDS)
            if by_time
            else (1, conventions.OBJECTIVE_WINDOW_EVENTS)
        )
        families.add(conventions.OBJECTIVE_GOOD, at, level.cumulative.good / unit)
        families.add(conventions.OBJECTIVE_EVENTS, at, level.cumulative.total / unit)
        families.add(conventions.OBJECTIVE_RATIO, at, _float(standing.attained))
        families.add(basis, at, level.window.total / unit)
        families.add(conventions.BUDGET_REMAINING, at, _float(standing.budget_remaining))
        families.add(conventions.BREACH_OPEN, at, int(level.breached_since_ms is not None))


def _float(fraction: Fraction | None) -> float | None:
    return None if fraction is None else float(fraction)


def _add_progress(families: _Families, p: Progress) -> None:
    """Progress of a source partition; at a rebalance its counters move to the next worker as a whole."""
    source = (p.source, str(p.partition))
    counts = {Result.ACCEPTED: p.accepted, Result.DUPLICATE: p.duplicates, Result.IGNORED: p.ignored}
    for result, count in counts.items():
        families.add(conventions.PIPELINE_EVENTS, (*source, result, ""), count)
    for reason in Reason:
        result = _SETTLED.get(reason, Result.MALFORMED)
        families.add(conventions.PIPELINE_EVENTS, (*source, result, reason), p.rejected[reason])
    for kind, count in sorted({**dict.fromkeys(conventions.OVERFLOWED_KINDS, 0), **p.overflowed}.items()):
        families.add(conventions.PIPELINE_OVERFLOWED_LABELS, (*source, kind), count)
    families.add(conventions.PIPELINE_UNKNOWN_FIELDS, source, p.unknown_fields)
    for what, count in sorted(p.unreadable.items()):
        families.add(conventions.PIPELINE_UNREADABLE, (*source, *what), count)
    families.add(conventions.PIPELINE_WATERMARK, source, _seconds(p.watermark_ms))
    families.add(conventions.PIPELINE_NEWEST, source, _seconds(p.newest_ms))
    families.add(conventions.PIPELINE_OPEN_SLICES, source, p.open_slices)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / _MILLISECONDS


def _add_partition(families: _Families, partition: PartitionStatus) -> None:
    source = (partition.topic, str(partition.partition))
    families.add(conventions.PIPELINE_LAG, source, partition.lag)
    families.add(conventions.PIPELINE_RECOVERING, source, int(partition.recovering))
    families.add(conventions.STATE_SAVED_OFFSET, source, partition.saved_offset)
    families.add(conventions.STATE_UNSAVED, source, partition.unsaved)
    if partition.standards is not None:
        families.add_info(conventions.STANDARDS_IN_FORCE, *source, partition.standards)


def _add_state(families: _Families, status: WorkerStatus) -> None:
    """Transactions and recoveries; a broker that keeps nothing has none."""
    if status.ephemeral:
        return
    transactions, recoveries = status.transactions, status.recoveries
    counts = (transactions.committed, transactions.failed)
    for result, count in zip(conventions.TRANSACTION_RESULTS, counts, strict=True):
        families.add(conventions.STATE_TRANSACTIONS, (result,), count)
    families.add(conventions.STATE_TRANSACTION_SECONDS, (), transactions.seconds)
    families.add(conventions.STATE_RECOVERIES, (), recoveries.count)
    families.add(conventions.STATE_RECOVERY_SECONDS, (), recoveries.last_seconds)
    families.add(conventions.STATE_RECOVERY_ROWS, (), recoveries.last_rows)


def _add_rekeying(families: _Families, status: WorkerStatus) -> None:
    done = status.rekeying
    if done is None:
        return
    counts = (done.records - done.rejected, done.rejected, done.dropped)
    for result, count in zip(conventions.REKEY_RESULTS, counts, strict=True):
        families.add(conventions.REKEY_RECORDS, (result,), count)
    families.add(conventions.REKEY_LAG, (), done.lag)


def _add_worker(families: _Families, status: WorkerStatus) -> None:
    families.add(conventions.PIPELINE_FOLD_SECONDS, (), status.fold_seconds)
    families.add(conventions.PIPELINE_TICKS, (), status.ticks)
    families.add(conventions.STANDARDS_REFUSED, (), int(status.refused_standards is not None))
    families.add(conventions.WORKER_READY, (), int(not obstacles(status)))
    for state in State:
        families.add(conventions.WORKER_STATE, (state,), int(state is status.state))
    for warning in status.warnings:
        families.add(conventions.WORKER_WARNING, (warning,), 1)


@functools.cache
def _version() -> str:
    try:
        return importlib.metadata.version("service-level-monitor")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from a checkout without installation
