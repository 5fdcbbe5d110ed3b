"""Bytewax: a tumbling window by service and step."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

from tests.bench.peers.counting import BOUNDS, WINDOW_SECONDS, Stopwatch, bucket, microseconds

Counts = list[int]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def nothing() -> Counts:
    """Three outcomes, the sum, and the histogram."""
    return [0] * (4 + len(BOUNDS) + 1)


def further(counts: Counts, event: dict[str, Any]) -> Counts:
    """One more event."""
    outcome = event.get("outcome", "ok")
    counts[0 if outcome == "ok" else 1 if outcome == "failed" else 2] += 1
    counts[3] += microseconds(event)
    counts[4 + bucket(event["duration"])] += 1
    return counts


def together(one: Counts, other: Counts) -> Counts:
    """Two windows that turn out to be one."""
    return [a + b for a, b in zip(one, other, strict=True)]


class _Adding(StatelessSinkPartition[Any]):  # type: ignore[misc]  # Bytewax is Any where it is not installed
    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def write_batch(self, items: list[Any]) -> None:
        for _, (_, counts) in items:
            self._watch.events += sum(counts[:3])
            self._watch.microseconds += counts[3]


class _Sink(DynamicSink[Any]):  # type: ignore[misc]
    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Adding:  # noqa: ARG002 - as Bytewax calls it
        return _Adding(self._watch)


def flow(broker: str, topic: str, watch: Stopwatch) -> Dataflow:
    """Read the topic to its end, and count everything in it."""
    whole = Dataflow("counting")
    options = {"fetch.min.bytes": "100000"}
    source = kop.input("in", whole, brokers=[broker], topics=[topic], tail=False, batch_size=10_000, add_config=options)

    def decoded(message: Any) -> tuple[str, dict[str, Any]]:
        watch.begin()
        event = orjson.loads(message.value)
        return f"{event['service']}/{event['step']}", event

    keyed = op.map("decode", source.oks, decoded)
    clock: Any = windowing.EventClock(
        ts_getter=lambda event: _EPOCH + timedelta(seconds=event["time"]),
        wait_for_system_duration=timedelta(seconds=60),
    )
    windower = windowing.TumblingWindower(length=timedelta(seconds=WINDOW_SECONDS), align_to=_EPOCH)
    windows = windowing.fold_window("count", keyed, clock, windower, nothing, further, together, ordered=False)
    op.output("out", windows.down, _Sink(watch))
    return whole


if __name__ == "__main__":
    stopwatch = Stopwatch(int(sys.argv[3]))
    cli_main(flow(sys.argv[1], sys.argv[2], stopwatch))
    stopwatch.report()
