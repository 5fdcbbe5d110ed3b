"""Feed a target with inputs, watch time and memory, and say of a failure how to have it again."""

from __future__ import annotations

import gc
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

from tests.fuzz.targets import Target

#: Peak memory may grow by so much once the first tenth of the inputs has been seen.
MOST_GROWTH: Final = 128 << 20
_UNIT: Final = 1 if sys.platform == "darwin" else 1_024  # of ru_maxrss


class Hang(BaseException):
    """An input took longer than its target allows. No `Exception`, so that nothing on the way takes it for its own."""


@dataclass(slots=True)
class Tally:
    """What a run has seen so far."""

    inputs: int = 0
    failures: int = 0
    slowest_seconds: float = 0.0
    growth_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A subject that was not dealt with as promised, as short as it could be made, and what happened."""

    data: bytes
    told: str


class Run:
    """One run of a target, subject by subject."""

    def __init__(self, target: Target, inputs: int) -> None:
        """Expect about ``inputs`` inputs."""
        self._target = target
        self._warm = inputs // 10
        self._peak: int | None = None
        self.tally = Tally()

    def feed(self, data: bytes) -> Failure | None:
        """Let the target deal with ``data``; gives what went wrong."""
        begun = time.process_time()
        failed = _failure(self._target, data)
        self.tally.slowest_seconds = max(self.tally.slowest_seconds, time.process_time() - begun)
        if isinstance(failed, int):
            self.tally.inputs += failed
            return self._watch_memory(data)
        self.tally.failures += 1
        shortest = shortened(self._target, data, kind(failed))
        return Failure(shortest, "".join(traceback.format_exception(failed)))

    def _watch_memory(self, data: bytes) -> Failure | None:
        if self.tally.inputs < self._warm:
            return None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
        self._peak = self._peak or peak
        grown, self.tally.growth_bytes = self.tally.growth_bytes, peak - self._peak
        if grown <= MOST_GROWTH < self.tally.growth_bytes:
            self.tally.failures += 1
            return Failure(data, f"memory has grown by {self.tally.growth_bytes:,} bytes\n")
        return None


def inputs_of(target: Target, seed: int) -> Iterator[bytes]:
    """Bytes for one subject after the other, without end."""
    chance = random.Random(f"{target.what} {seed}")  # of a text: the same on every machine
    while True:
        yield chance.randbytes(chance.choice((target.size, target.size, target.size // 4, 16)))


def _failure(target: Target, data: bytes) -> int | BaseException:
    """How many inputs were dealt with, or what went wrong."""
    try:
        with _limit(target.seconds):
            return target.run(data)
    except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return error


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise `Hang` in the block once it has used ``seconds`` of processor time; others' work does not count."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Hang(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def kind(error: BaseException) -> tuple[str, str, int | None]:
    """What tells one failure from another: its type, and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return type(error).__name__, last.filename, None if isinstance(error, Hang) else last.lineno


def shortened(target: Target, data: bytes, wanted: tuple[str, str, int | None], tries: int = 2_000) -> bytes:
    """``data`` without what the failure ``wanted`` does not need: smaller and smaller pieces are left out."""
    if wanted[0] == Hang.__name__:
        return data
    piece = len(data) // 2
    while piece:
        at = 0
        while at < len(data) and tries:
            tries -= 1
            candidate = data[:at] + data[at + piece :]
            failed = _failure(target, candidate)
            if isinstance(failed, BaseException) and kind(failed) == wanted:
                data = candidate
            else:
                at += piece
        piece //= 2
    gc.collect()
    return data
