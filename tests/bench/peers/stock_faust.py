"""A stock Faust agent, which handles one event after the other and counts in plain dictionaries."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import faust

from tests.bench.peers.counting import BOUNDS, WINDOW_SECONDS, Stopwatch, bucket, microseconds


def application(broker: str, topic: str, watch: Stopwatch) -> faust.App:
    """An app with one agent, which ends the process once it has counted everything."""
    app = faust.App(
        f"stock-{uuid.uuid4().hex[:8]}",
        broker=f"kafka://{broker}",
        autodiscover=False,
        datadir=Path(tempfile.mkdtemp()),
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
    )
    counts: dict[tuple[str, str, int], list[int]] = {}
    sums: dict[tuple[str, str, int], int] = {}
    histograms: dict[tuple[str, str, int], list[int]] = {}

    @app.agent(app.topic(topic, value_serializer="json"))
    async def count(events: faust.StreamT[dict[str, Any]]) -> None:
        async for event in events:
            watch.begin()
            window = int(event["time"]) // WINDOW_SECONDS
            key = event["service"], event["step"], window
            if key not in counts:
                counts[key], sums[key], histograms[key] = [0, 0, 0], 0, [0] * (len(BOUNDS) + 1)
            outcome = event.get("outcome", "ok")
            counts[key][0 if outcome == "ok" else 1 if outcome == "failed" else 2] += 1
            duration = microseconds(event)
            sums[key] += duration
            histograms[key][bucket(event["duration"])] += 1
            watch.events += 1
            if watch.events == watch.wanted:
                watch.events = sum(sum(one) for one in counts.values())
                watch.microseconds = sum(sums.values())
                watch.report()
                sys.stdout.flush()
                os._exit(0)

    return app


if __name__ == "__main__":
    worker = faust.Worker(application(sys.argv[1], sys.argv[2], Stopwatch(int(sys.argv[3]))), loglevel="ERROR")
    worker.execute_from_commandline()
