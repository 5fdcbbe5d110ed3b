"""Nothing is collected while a program begins, and the collector is not forgotten afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner

from agents.cli import garbage, main
from agents.cli.processes.worker import _serve, _supervise
from agents.files.standards_file import NO_FILE
from agents.settings.settings import Settings


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    threshold = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # Python's own, not the one that all tests have
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    gc.enable()


def test_what_a_program_begins_with_is_left_alone_and_what_comes_later_is_collected() -> None:
    garbage.begin()
    assert not gc.isenabled()
    garbage.collect_rarely()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] > 10_000


def test_a_replay_is_collected_while_it_reads(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(b'{"time":1,"service":"a"}\n')
    seen: list[bool] = []

    def read(*_: object, **__: object) -> None:
        seen.append(gc.isenabled())
        raise KeyboardInterrupt

    with mock.patch("agents.cli.processes.replaying.replay", read):
        CliRunner().invoke(main, ["replay", str(log)])
    assert seen == [True]


async def test_a_worker_is_collected_while_it_reads() -> None:
    seen: list[bool] = []

    async def run(_: object) -> None:
        seen.append(gc.isenabled())

    garbage.begin()
    with mock.patch("agents.worker.monitor.build", return_value=mock.Mock(run=run)):
        await _serve(Settings.resolve({}), NO_FILE)
    assert seen == [True]


def test_a_supervisor_is_collected_while_it_watches() -> None:
    seen: list[bool] = []

    async def run() -> int:
        seen.append(gc.isenabled())
        return 0

    garbage.begin()
    with (
        mock.patch("agents.worker.supervision.supervisor.Supervisor", return_value=mock.Mock(run=run)),
        mock.patch("agents.cli.log.configure"),
    ):
        _supervise(Settings.resolve({}), NO_FILE)
    assert seen == [True]
