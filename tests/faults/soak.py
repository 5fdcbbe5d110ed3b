"""Hours of steady load with a worker killed every minute: memory stays flat, lag returns to zero, counts are exact."""

from __future__ import annotations

import signal
import statistics
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.faults.log.load import SteadyLoad
from tests.faults.log.topics import RunTopics
from tests.faults.outcome.judging import Findings, settle
from tests.faults.outcome.outputs import Topics
from tests.faults.parts.fleet import Fleet, Slot, wait_patiently
from tests.faults.takeover import SHARE, deployment, measure_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.parts.site import Site

_WORKERS: Final = 3
_KILL_SECONDS: Final = 60
_SAMPLE_SECONDS: Final = 2
#: Most that memory may grow from the second quarter to the last.
GROWTH: Final = 1.15
# The log is read as it grows; what everybody has read may go.
_SHORT_LOG: Final = {"retention.ms": "900000", "segment.ms": "60000", "segment.bytes": "67108864"}


@dataclass
class Samples:
    """What was seen now and then: when, the memory of the worker that is never killed and of all, the lag."""

    moments: list[float] = field(default_factory=list)
    lasting_kib: list[int] = field(default_factory=list)
    all_kib: list[int] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)

    def take(self, fleet: Fleet, moment: float) -> None:
        """Look at all workers."""
        sizes = [_resident_kib(slot) for slot in fleet.wanted]
        rows = [row for slot in fleet.wanted for row in slot.status().get("partitions", ())]
        if all(sizes):
            self.moments.append(moment)
            self.lasting_kib.append(sizes[0])
            self.all_kib.append(sum(sizes))
            self.lags.append(sum(row["lag"] or 0 for row in rows))

    def growth(self, values: list[int], seconds: float) -> float:
        """Median of the last quarter over that of the second."""
        second = [v for v, at in zip(values, self.moments, strict=True) if seconds / 4 <= at < seconds / 2]
        last = [v for v, at in zip(values, self.moments, strict=True) if at >= seconds * 3 / 4]
        return statistics.median(last) / statistics.median(second) if second and last else 0.0


def soak(site: Site, folder: Path, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Soak for so many seconds; the result, with what was measured."""
    tell("measuring what one worker sustains")
    sustains = measure_rate(site, folder / "rate")
    rate = sustains * SHARE
    topics = RunTopics.create(site.kafka, f"soak-{uuid.uuid4().hex[:6]}", source_settings=_SHORT_LOG)
    samples = Samples()
    try:
        with Fleet(deployment(site, topics, folder / "soak")) as fleet, _outputs(site, topics) as outputs:
            for _ in range(_WORKERS):
                fleet.add()
            fleet.wait_until_owned()
            with SteadyLoad(site.kafka.bootstrap, topics.source, rate) as load:
                kills = _go_on(fleet, outputs, load, samples, seconds, tell)
            wait_patiently(fleet.at_rest, "the lag to return to zero", seconds=120)
            findings = _judged(fleet, outputs, load)
            bad_exits = [f"{one.worker} ended with code {one.code}" for one in fleet.exits if not one.good]
    finally:
        site.drop_topics(topics.names)
    growth = {name: round(samples.growth(values, seconds), 3) for name, values in _series(samples).items()}
    good = not findings and not bad_exits and growth["lasting"] <= GROWTH and growth["all"] <= GROWTH
    return {
        "kind": "soak",
        "seconds": round(seconds),
        "sustained": round(sustains),
        "load": round(rate),
        "events": outputs.records,
        "kills": kills,
        "decisions": len(outputs.due()),
        "memory_mib": {name: round(statistics.median(values) / 1024) for name, values in _series(samples).items()},
        "memory_growth": growth,
        "lag": {"median": round(statistics.median(samples.lags)), "largest": max(samples.lags), "end": 0},
        "exits": bad_exits,
        "lost": findings.lost,
        "twice": findings.twice,
        "wrong": findings.wrong,
        "lines": findings.lines[:10],
        "good": good,
    }


def _series(samples: Samples) -> dict[str, list[int]]:
    return {"lasting": samples.lasting_kib, "all": samples.all_kib}


def _outputs(site: Site, topics: RunTopics) -> Topics:
    return Topics(site.kafka.bootstrap, topics, keep_log=False)


def _go_on(
    fleet: Fleet,
    outputs: Topics,
    load: SteadyLoad,
    samples: Samples,
    seconds: float,
    tell: Callable[[str], None],
) -> int:
    """Follow the log, look at the workers, and kill one every minute, in turn, but never the first."""
    began, kills = time.monotonic(), 0
    while (moment := time.monotonic() - began) < seconds:
        if moment >= (kills + 1) * _KILL_SECONDS:
            fleet.slots[1 + kills % (_WORKERS - 1)].send(signal.SIGKILL)
            kills += 1
        outputs.more()
        samples.take(fleet, moment)
        lag = samples.lags[-1] if samples.lags else 0
        tell(f"{moment:.0f} of {seconds:.0f} s, {load.count:,} events, {kills} kills, lag {lag:,}")
        time.sleep(max(0.0, _SAMPLE_SECONDS - (time.monotonic() - began - moment)))
    return kills


def _judged(fleet: Fleet, outputs: Topics, load: SteadyLoad) -> Findings:
    findings = settle(fleet, outputs)
    findings.add_difference("records of the log", sum(load.acknowledged.values()), outputs.records)
    return findings


def _resident_kib(slot: Slot) -> int:
    """Memory of a worker's process; 0 where there is none."""
    try:
        lines = Path(f"/proc/{slot.pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
