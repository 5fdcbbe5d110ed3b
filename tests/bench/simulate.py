"""One engine over many days: ``python -m tests.bench.simulate STEPS DAYS SECONDS`` prints bytes a series by day."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Final

import numpy as np

from streams.columns import Batch
from streams.engine import Engine
from streams.standards.model import Standards

_BEGAN_S: Final = 1_772_438_400
_DAY_S: Final = 86_400
#: Ratios and distributions of a step.
SERIES: Final = 5
_HOUR_S: Final = 3_600


def resident_bytes() -> int:
    """Memory of this process."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmRSS:"))


def simulate(steps: int, days: int, every_s: int) -> dict[int, float]:
    """Bytes a series at the end of each tenth day, and of the first."""
    engine = Engine(Standards(), source="events", partition=0)
    rng = np.random.default_rng(1)
    gc.collect()
    before, offset, sizes = resident_bytes(), 0, {}
    texts = [f'"service":"service-{step // 5:04}","step":"step-{step % 5}"'.encode() for step in range(steps)]
    for hour in range(days * 24):
        durations = np.round(rng.lognormal(7.0, 1.0, _HOUR_S // every_s * steps)).astype(np.int64).tolist()
        values = [
            b'{"time":%d,%b,"duration":%d.%03d}' % (second, text, *divmod(durations.pop(), 1_000))
            for second in range(_BEGAN_S + hour * _HOUR_S, _BEGAN_S + (hour + 1) * _HOUR_S, every_s)
            for text in texts
        ]
        for first in range(0, len(values), 10_000):
            part = values[first : first + 10_000]
            engine.fold(Batch.of("events", 0, part, offset))
            offset += len(part)
            engine.advance()
            engine.take()  # as a worker does: nothing that is saved waits in memory
        day, rest = divmod(hour + 1, 24)
        if not rest and (day == 1 or day % 10 == 0):
            del values
            gc.collect()
            sizes[day] = (resident_bytes() - before) / (SERIES * steps)
    assert engine.progress.accepted == offset
    return sizes


if __name__ == "__main__":
    print(json.dumps(simulate(*map(int, sys.argv[1:4]))))
