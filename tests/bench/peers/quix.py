"""Quix Streams: a tumbling window by service, in which every step is counted."""

from __future__ import annotations

import sys
import tempfile
import uuid
from typing import Any

from quixstreams import Application

from tests.bench.peers.counting import BOUNDS, WINDOW_SECONDS, Stopwatch, bucket, microseconds

State = dict[str, list[int]]


def first(event: dict[str, Any]) -> State:
    """A window with its first event."""
    return further({}, event)


def further(state: State, event: dict[str, Any]) -> State:
    """One more event: three outcomes, the sum, and the histogram of its step."""
    counts = state.get(event["step"])
    if counts is None:
        counts = state[event["step"]] = [0] * (4 + len(BOUNDS) + 1)
    outcome = event.get("outcome", "ok")
    counts[0 if outcome == "ok" else 1 if outcome == "failed" else 2] += 1
    counts[3] += microseconds(event)
    counts[4 + bucket(event["duration"])] += 1
    return state


def run(broker: str, topic: str, watch: Stopwatch) -> None:
    """Count everything. Without changelog topics, and with few commits, which costs it less than its own choices."""
    app = Application(
        broker_address=broker,
        consumer_group=f"quix-{uuid.uuid4().hex[:8]}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        use_changelog_topics=False,
        commit_interval=5.0,
        state_dir=tempfile.mkdtemp(),
        loglevel="ERROR",
        consumer_extra_config={"fetch.min.bytes": 100_000, "queued.max.messages.kbytes": 65_536},
    )

    def when(event: dict[str, Any], *_: object) -> int:
        watch.begin()
        time: float = event["time"]
        return round(time * 1_000)

    source = app.topic(topic, value_deserializer="json", timestamp_extractor=when)
    latest: dict[tuple[bytes, int], State] = {}

    def keep(window: dict[str, Any], key: bytes, *_: object) -> None:
        latest[key, window["start"]] = window["value"]

    frame = app.dataframe(source).tumbling_window(WINDOW_SECONDS * 1_000, grace_ms=60_000).reduce(further, first)
    frame.current().update(keep, metadata=True)
    app.run(count=watch.wanted)
    watch.events = sum(sum(counts[:3]) for state in latest.values() for counts in state.values())
    watch.microseconds = sum(counts[3] for state in latest.values() for counts in state.values())
    watch.report()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Stopwatch(int(sys.argv[3])))
