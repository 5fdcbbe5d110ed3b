"""One engine over many days: ``python -m tests.bench.simulate STEPS DAYS SECONDS`` prints bytes a series by day.

Events reach the engine as columns, for to decode them would take most of the time and leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np

from streams.decoding.batch import NO_TIMESTAMP, Batch
from streams.decoding.columns import BatchContent, Observations, read_batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.slices.sparse_table import IntArray
from streams.standards.model import Standards
from streams.state.saving import Saver

_BEGAN_S: Final = 1_772_438_400
#: Ratios and distributions of a step.
SERIES: Final = 5
_HOUR_S: Final = 3_600
_BATCH: Final = 100_000


class _Decoded(Sequence[bytes]):
    """Raw records that were decoded before; nobody looks at them but at the last."""

    def __init__(self, observations: Observations) -> None:
        self.observations = observations

    def __len__(self) -> int:
        return len(self.observations)

    def __getitem__(self, which: Any) -> Any:
        return _Decoded(self.observations.take(which)) if isinstance(which, slice) else b""


def _content(values: _Decoded, *_: object) -> BatchContent:
    return BatchContent(values.observations)


def resident_bytes() -> int:
    """Memory of this process, without what is free and could be given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmRSS:"))


def simulate(steps: int, days: int, every_s: int) -> dict[int, float]:
    """Bytes a series at the end of the first day, and of each tenth."""
    engine, saver = Engine(Start("events", 0, Standards())), Saver()
    texts = [b'{"time":1,"service":"service-%04d","step":"step-%d","duration":1}' % divmod(n, 5) for n in range(steps)]
    codes = read_batch(texts, engine.decoder.names).observations.codes
    rng = np.random.default_rng(1)
    durations = np.round(rng.lognormal(7.0, 1.0, 4 * _BATCH)).astype(np.int64) * 1_000
    before, offset, sizes = 0, 0, {}
    with mock.patch("streams.engine.decoder.read_batch", _content):
        for hour in range(days * 24):
            seconds = np.arange(_BEGAN_S + hour * _HOUR_S, _BEGAN_S + (hour + 1) * _HOUR_S, every_s)
            for part in np.array_split(seconds, -(-len(seconds) * steps // _BATCH)):
                chosen = rng.integers(0, len(durations) - len(part) * steps)
                batch = _batch(part, codes, durations[chosen : chosen + len(part) * steps], offset)
                engine.fold(batch)
                offset += len(batch)
                engine.advance()
            saver.take(engine)  # as a worker does: nothing that is saved waits in memory
            day, rest = divmod(hour + 1, 24)
            if hour == 0:  # everything that is made once has been made
                before = resident_bytes()
            if not rest and (day == 1 or day % 10 == 0):
                sizes[day] = (resident_bytes() - before) / (SERIES * steps)
    assert engine.progress.accepted == offset
    return sizes


def _batch(seconds: IntArray, codes: IntArray, durations: IntArray, offset: int) -> Batch:
    """An event of every code in each of ``seconds``."""
    times = np.repeat(seconds * 1_000, len(codes))
    count = len(times)
    observations = Observations(
        np.arange(count), np.tile(codes, len(seconds)), times, np.ones(count, np.bool_), durations, None, {}
    )
    stamps = np.full(count, NO_TIMESTAMP, np.int64)
    return Batch("events", 0, _Decoded(observations), np.arange(offset, offset + count), stamps)


if __name__ == "__main__":
    print(json.dumps(simulate(*map(int, sys.argv[1:4]))))
