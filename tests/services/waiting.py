"""Waiting for a condition, with a deadline: what tests do instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

POLL_SECONDS = 0.05


def wait_for(condition: Callable[[], T | None], what: str, *, seconds: float = 30) -> T:
    """Return the first true value of ``condition``, asked again every 50 ms.

    Raises:
        TimeoutError: it had none within ``seconds``; the message says ``what`` was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(POLL_SECONDS)
    return value


async def wait_for_async(condition: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = 30) -> T:
    """Return the first true value of ``condition``, as `wait_for` does, while the event loop goes on."""
    deadline = time.monotonic() + seconds
    while not (value := await condition()):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        await asyncio.sleep(POLL_SECONDS)
    return value
