"""What a Prometheus reads of an exposition."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.samples import Sample

from agents.web import exposition
from streams.conventions.metric import Metric
from streams.slices.histogram import DEFAULT_BOUNDS_US
from tests.fakes.floor import Floor


def samples(
    observed: Floor, accept: str | None = None, bounds_us: Sequence[int] = DEFAULT_BOUNDS_US
) -> dict[str, list[Sample]]:
    """Samples by name, as a Prometheus that asks with ``accept`` reads them."""
    body, content_type = exposition.Exposition(observed, bounds_us).render(accept)
    parse = openmetrics_parser if content_type.startswith("application/openmetrics-text") else text_parser
    found: dict[str, list[Sample]] = {}
    for family in parse.text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def one(found: dict[str, list[Sample]], metric: Metric | str, **labels: str) -> float | None:
    """Value of the one sample with ``labels``; None where there is none."""
    name = metric if isinstance(metric, str) else metric.name
    values = [s.value for s in found.get(name, ()) if labels.items() <= s.labels.items()]
    assert len(values) <= 1, f"{name} has {len(values)} samples with {labels}"
    return values[0] if values else None
