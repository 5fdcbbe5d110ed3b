"""Digest of everything that the engine concludes from one fixed log, for comparison between processes."""

from __future__ import annotations

import hashlib
import random

from streams.calendars.periods import DAY_MS
from streams.slices.sparse_table import SparseTable
from tests.oracles.logs import SERVICES, STEPS, T0, Run, raw, rich_standards
from tests.oracles.oracle import Record


def log(records: int = 6_000) -> list[Record]:
    """A log with a bit of everything, the same in every process."""
    chance = random.Random(7)
    clock, made = T0, []
    for number in range(records):
        clock += chance.choice((0, 50, 700, 4_000)) if number % 500 else chance.choice((0, DAY_MS, 9 * DAY_MS))
        event: dict[str, object] = {"service": chance.choice(SERVICES), "step": chance.choice(STEPS)}
        if chance.random() < 0.1:
            event |= {"kind": "probe", "up": chance.random() < 0.8, "holds": chance.choice((5, 60, 900))}
        else:
            event |= {"outcome": chance.choice(("ok", "ok", "ok", "failed", "abandoned"))}
            event |= {"duration": round(chance.expovariate(0.1), 6), "class": chance.choice(("gold", "web"))}
            event |= {"failure_point": chance.choice((None, None, "rude", "queue"))}
        if chance.random() < 0.2:
            event["id"] = str(chance.randrange(9))
        time = clock - chance.choice((0, 0, 0, 5_000, 30_000, 90_000, -40_000, -400_000))
        made.append(Record(raw(event, time), clock) if chance.random() < 0.98 else Record(b"garbage"))
    return made


def _show(thing: object) -> str:
    """``thing`` in full: arrays of numpy abbreviate themselves."""
    if isinstance(thing, SparseTable):
        return f"{thing.keys.tolist()}{thing.values.tolist()}"
    if isinstance(thing, list | tuple) and not hasattr(thing, "_fields"):
        return "[" + ",".join(map(_show, thing)) + "]"
    fields = getattr(thing, "__dataclass_fields__", None)
    if fields is not None:
        return "(" + ",".join(f"{name}={_show(getattr(thing, name))}" for name in fields) + ")"
    return repr(dict(sorted(thing.items()))) if isinstance(thing, dict) else repr(thing)


if __name__ == "__main__":
    outcome = Run(rich_standards("America/New_York"), log(), sizes=(1_000, 333, 4_000)).outcome()
    print(hashlib.sha256(_show(outcome).encode()).hexdigest(), len(_show(outcome)))
