"""How long it takes until another worker has taken over from one that was killed, at 30 % of what one sustains."""

from __future__ import annotations

import signal
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from tests.faults.log.load import SteadyLoad, sustained
from tests.faults.log.promises import PARTITIONS, standards_file
from tests.faults.log.topics import RunTopics
from tests.faults.outcome.judging import exposed_by, settle
from tests.faults.outcome.outputs import Topics
from tests.faults.parts.fleet import Deployment, Fleet, wait_patiently
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.parts.site import Site

SHARE: Final = 0.3
#: Seconds after the kill within which the partitions must progress again, and be exact and caught up. Progress is that
#: the heir folds: what is open is folded again first, which is the log of the allowed lateness and cannot be had sooner
#: than the heir folds it. When the partitions have passed where the victim had brought them is told, too.
PROGRESS_SECONDS, EXACT_SECONDS = 15.0, 45.0
_STEADY_SECONDS: Final = 90


def deployment(site: Site, topics: RunTopics, folder: Path) -> Deployment:
    """Workers without ticks: once the events end, nothing changes any more."""
    folder.mkdir(parents=True, exist_ok=True)
    standards = folder / "standards.yaml"
    standards.write_text(standards_file(), "utf-8")
    options = ["--standards", str(standards), "--tick-interval", "1h", *topics.options]
    return Deployment(folder, site.kafka.bootstrap, site.proxied, topics.source, f"faults-{topics.source}", options)


def measure_rate(site: Site, folder: Path) -> float:
    """Records a second that one worker sustains here, with the producer and the brokers beside it."""
    topics = RunTopics.create(site.kafka, f"rate-{uuid.uuid4().hex[:6]}")
    try:
        with Fleet(deployment(site, topics, folder)) as fleet:
            fleet.add()
            fleet.wait_until_owned()
            return sustained(fleet, site.kafka.bootstrap, topics.source)
    finally:
        site.drop_topics(topics.names)


def take_over(site: Site, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Kill one of two workers under load; the result, with what was measured."""
    tell("measuring what one worker sustains")
    sustains = measure_rate(site, folder / "rate")
    topics = RunTopics.create(site.kafka, f"takeover-{uuid.uuid4().hex[:6]}")
    try:
        with Fleet(deployment(site, topics, folder / "takeover")) as fleet:
            found = _take_over(site, topics, fleet, sustains * SHARE, tell)
    finally:
        site.drop_topics(topics.names)
    good = (
        found["progress_seconds"] <= PROGRESS_SECONDS
        and found["exact_seconds"] <= EXACT_SECONDS
        and not (found["lost"] or found["twice"] or found["wrong"])
    )
    return {"kind": "takeover", "sustained": round(sustains), "load": round(sustains * SHARE), **found, "good": good}


def _take_over(site: Site, topics: RunTopics, fleet: Fleet, rate: float, tell: Callable[[str], None]) -> dict[str, Any]:
    fleet.add()
    victim = fleet.add()
    wait_patiently(lambda: _shared(fleet), "both workers to own partitions", seconds=60)
    with SteadyLoad(site.kafka.bootstrap, topics.source, rate) as load:
        tell(f"{rate:.0f} events a second")
        fleet.note(f"{rate:.0f} events a second")
        time.sleep(_STEADY_SECONDS)  # so that there is state to take over
        before = {row["partition"]: row["next_offset"] for row in victim.status()["partitions"]}
        victim.wanted = False
        victim.send(signal.SIGKILL)
        killed = time.monotonic()
        tell("killed")
        fleet.note(f"{victim.name} was killed")
        seen: dict[int, int] = {}
        wait_for(lambda: _progress(fleet, before, seen), "the partitions to progress", seconds=120)
        fleet.note("all partitions progress")
        progress = time.monotonic() - killed
        wait_for(lambda: _passed(fleet, before), "the partitions to pass where the victim was", seconds=120)
        passed = time.monotonic() - killed
        wait_for(lambda: _caught_up(fleet, rate), "the heir to catch up", seconds=120)
    fleet.note("caught up")
    wait_for(fleet.at_rest, "the heir to have read everything", seconds=120)
    fleet.renew()
    exposed = exposed_by(fleet)
    exact = time.monotonic() - killed
    tell("judging")
    with Topics(site.kafka.bootstrap, topics, keep_log=False) as outputs:
        findings = settle(fleet, outputs)
        if exposed_by(fleet) != exposed:
            findings.add("figures changed after everything had been read", wrong=1)
        findings.add("records of the log", lost=max(0, sum(load.acknowledged.values()) - outputs.records))
    return {
        "events": outputs.records,
        "decisions": len(outputs.due()),
        "progress_seconds": round(progress, 1),
        "passed_seconds": round(passed, 1),
        "exact_seconds": round(exact, 1),
        "lost": findings.lost,
        "twice": findings.twice,
        "wrong": findings.wrong,
        "lines": findings.lines[:10],
    }


def _shared(fleet: Fleet) -> bool:
    counts = [len(slot.status().get("partitions", ())) for slot in fleet.wanted]
    return all(counts) and sum(counts) == PARTITIONS


def _progress(fleet: Fleet, victims: dict[int, int], seen: dict[int, int]) -> bool:
    """Whether the heir has come further in every partition of the victim than when it was first ``seen`` to fold."""
    rows = {row["partition"]: row for row in fleet.wanted[0].status().get("partitions", ())}
    offsets = {p: row["next_offset"] for p, row in rows.items() if p in victims and row["saved_offset"] is not None}
    for partition, offset in offsets.items():
        seen.setdefault(partition, offset)
    return all(offsets.get(partition, -1) > seen.get(partition, -1) for partition in victims)


def _passed(fleet: Fleet, before: dict[int, int]) -> bool:
    """Whether every partition of the victim has come further than the victim had brought it."""
    rows = {row["partition"]: row for row in fleet.wanted[0].status().get("partitions", ())}
    return all(
        partition in rows and not rows[partition]["recovering"] and rows[partition]["next_offset"] > reached
        for partition, reached in before.items()
    )


def _caught_up(fleet: Fleet, rate: float) -> bool:
    """Whether no partition is further behind than what comes within a second."""
    rows = fleet.wanted[0].status().get("partitions", ())
    return len(rows) == PARTITIONS and all(row["lag"] is not None and row["lag"] <= rate for row in rows)
