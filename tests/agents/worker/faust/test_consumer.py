"""The consumer within Faust, without a broker: when it waits, and what it calls in its thread."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from faust.types import TP

from agents.settings.settings import Settings
from agents.worker.faust.app import Worker
from streams.decoding.batch import SourcePartition

if TYPE_CHECKING:
    from collections.abc import Collection

    import pytest

    from agents.worker.faust.consumer import Consumer

FIRST, SECOND = TP("events", 0), TP("events", 1)
#: Longer than a test waits where nothing has to be waited for.
LONG: Final = 30.0


def _ignore(_: Any) -> None:
    """Nobody else is there."""


def consumer(monkeypatch: pytest.MonkeyPatch, assigned: Collection[TP]) -> Consumer:
    """One that has not been started, for which the group has decided."""
    worker = Worker(
        Settings.resolve({"group": "g", "topics": ("events",)}),
        mount=_ignore,
        on_touch=_ignore,
    )
    monkeypatch.setattr(worker.reader._thread, "assignment", lambda: set(assigned))
    worker.reader._thread.thread_loop.close()  # nothing here runs in the thread
    return worker.reader


async def test_once_something_is_to_be_read_it_is_not_waited_any_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = consumer(monkeypatch, {FIRST, SECOND})
    asked: list[Any] = []

    async def fetched(**words: Any) -> dict[TP, list[Any]]:
        asked.append(words)
        return {}

    monkeypatch.setattr(reader, "_getmany", fetched)
    reader.pause_partitions({FIRST, SECOND})
    waiting = asyncio.ensure_future(reader._wait_next_records(LONG))
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.resume_partitions({SECOND})
    assert await asyncio.wait_for(waiting, LONG / 2) == ({}, set())
    assert not asked, "nothing was fetched while nothing was to be read"
    await reader._wait_next_records(1.0)
    assert asked == [{"active_partitions": {SECOND}, "timeout": 1.0}]


async def test_where_nothing_is_ever_to_be_read_it_looks_again_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = consumer(monkeypatch, {FIRST})
    reader.pause_partitions({FIRST})
    assert await reader._wait_next_records(0.01) == ({}, set())


async def test_only_what_is_assigned_is_switched_off_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    places = (TopicPartition(*FIRST),)

    reader = consumer(monkeypatch, {FIRST})
    switched: list[Any] = []
    inner = SimpleNamespace(
        assignment=lambda: frozenset({TopicPartition(*FIRST)}),
        pause=lambda *places: switched.append(("pause", places)),
        resume=lambda *places: switched.append(("resume", places)),
        paused=lambda: {FIRST} if switched[-1][0] == "pause" else set(),
        _fetcher=SimpleNamespace(_fetch_max_wait_ms=0),
    )
    monkeypatch.setattr(reader._thread, "_ensure_consumer", lambda: inner)
    for wanted in (False, True):
        await reader._thread._fetch([SourcePartition(*FIRST), SourcePartition(*SECOND)], wanted)
        switched.append(inner._fetcher._fetch_max_wait_ms)
    assert switched == [("pause", places), 20, ("resume", places), 100]
