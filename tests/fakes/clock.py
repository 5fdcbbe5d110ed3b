"""An event loop with simulated time, which advances only while nothing is ready.

Waits take no real time and end exactly when due, so that tests can assert when something happens, and not before.
Async tests that are marked `virtual_time` run in it; `tests/conftest.py` sees to that.
"""

from __future__ import annotations

import asyncio
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """While nothing is ready, jumps to the time of the next timer."""

    _now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        inside: Any = self
        if not inside._ready:
            timers = [timer.when() for timer in inside._scheduled if not timer.cancelled()]
            self._now = max(self._now, min(timers, default=self._now))
        super()._run_once()  # type: ignore[misc]  # typeshed leaves it out


def now() -> float:
    """The time of the running loop, in seconds."""
    return asyncio.get_running_loop().time()
