"""An event loop whose time passes only while there is nothing else to do.

Waits take no time and come out exactly, so that tests may say when something happens, and that it does not before.
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

#: Stands for the module `time` where a part under test reads the clock.
CLOCK = SimpleNamespace(monotonic=lambda: now(), perf_counter=time.perf_counter)  # noqa: PLW0108 - defined below


class _Loop(asyncio.SelectorEventLoop):
    """Where nothing is ready, the next timer is due at once."""

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
    """The time of the loop that runs."""
    return asyncio.get_running_loop().time()


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run ``scenario`` in such a loop."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(scenario)
