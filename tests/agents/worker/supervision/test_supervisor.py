from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from agents.status.rekeying import RekeyStatus
from agents.status.worker import PartitionStatus, RecoveryStatus, State, TransactionStatus, WorkerStatus
from agents.web import page
from agents.worker.supervision import supervised
from agents.worker.supervision.supervised import WorkerReport
from agents.worker.supervision.supervisor import Child, CombinedView, _environment, _rekeying
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.texts.phrase import Language
from tests.oracles.logs import T0, rich_standards

if TYPE_CHECKING:
    from collections.abc import Sequence

STANDARDS = rich_standards("UTC")


class Shown:
    """A worker with engines of some partitions."""

    standards = STANDARDS

    def __init__(self, *partitions: int, state: State = State.RUNNING) -> None:
        self._engines = [self._engine(number) for number in partitions]
        rows = tuple(PartitionStatus("events", n, 3, 3, 0, caught_up=True) for n in partitions)
        self._status = WorkerStatus(
            state,
            1.0,
            "127.0.0.1:9092",
            rows,
            (),
            0.5,
            transactions=TransactionStatus(len(partitions), 0, 0.25, 0.1 * (1 + max(partitions, default=0))),
            recoveries=RecoveryStatus(len(partitions), 2.0, 7),
        )

    def _engine(self, number: int) -> Engine:
        engine = Engine(Start("events", number, STANDARDS))
        value = b'{"time":%d,"service":"%b","step":"ring","duration":%d}'
        values = [value % (T0 // 1_000 + i, name, i) for i in range(90) for name in (b"hotline", b"s%d" % number)]
        engine.fold(Batch.of("events", number, values))
        engine.advance()
        return engine

    def engines(self) -> Sequence[Engine]:
        return self._engines

    def status(self) -> WorkerStatus:
        return self._status


async def together(folder: Path, *workers: Shown | None) -> CombinedView:
    """The view of a supervisor whose workers tell over real sockets; None does not answer."""

    class Running(Child):
        @property
        def running(self) -> bool:
            return True

    servers, children = [], []
    for number, worker in enumerate(workers, 1):
        socket = folder / f"{number}.sock"
        children.append(Running(number, number, socket))
        if worker is not None:
            servers.append(await supervised.serve(worker, str(socket)))
    view = CombinedView(children, STANDARDS, "127.0.0.1:9092")
    await view.refresh()
    for server in servers:
        server.close()
    return view


@pytest.mark.parametrize("language", Language)
async def test_the_page_of_several_workers_is_that_of_one_that_has_it_all(tmp_path: Path, language: Language) -> None:
    apart = orjson.loads(page.status_json(await together(tmp_path, Shown(0, 2), Shown(1, 3)), language, now=5.0))
    whole = orjson.loads(page.status_json(Shown(0, 1, 2, 3), language, now=5.0))
    for document in (apart, whole):
        del document["worker"]
    assert apart == whole


def test_what_several_workers_rekey_is_added_up_and_a_path_that_one_has_found_is_found() -> None:
    one = RekeyStatus(records=5, dropped=1, lag=2, never_found={"orders": ["a", "b"], "calls": ["c"]})
    other = RekeyStatus(records=7, rejected=3, lag=1, last_error="away", never_found={"orders": ["b"]})
    together = _rekeying([one, other])
    assert together == RekeyStatus(
        records=12, rejected=3, dropped=1, lag=3, last_error="away", never_found={"calls": ["c"], "orders": ["b"]}
    )
    assert _rekeying([]) is None
    unsure = _rekeying([one, RekeyStatus()])
    assert unsure is not None
    assert unsure.lag is None


async def test_how_several_workers_are_is_added_up(tmp_path: Path) -> None:
    status = (await together(tmp_path, Shown(0), Shown(1, 2))).status()
    assert status.state is State.RUNNING
    assert [row.partition for row in status.partitions] == [0, 1, 2]
    assert status.fold_seconds == 1.0
    assert status.transactions == TransactionStatus(3, 0, 0.5, 0.1 * 3)
    assert status.recoveries == RecoveryStatus(3, 2.0, 7)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([State.RUNNING, State.RECOVERING], State.RECOVERING),
        ([State.RECOVERING, State.STARTING], State.STARTING),
        ([State.STALLED, State.STARTING], State.STALLED),
        ([State.STALLED, State.EVICTED, State.RUNNING], State.EVICTED),
        ([State.RUNNING, None], State.STARTING),
        ([None, None], State.STARTING),
    ],
)
async def test_all_are_in_the_worst_state_of_any(tmp_path: Path, states: list[State | None], expected: State) -> None:
    workers = [None if state is None else Shown(state=state) for state in states]
    assert (await together(tmp_path, *workers)).status().state is expected


async def test_a_worker_that_breaks_off_is_taken_for_silent(tmp_path: Path) -> None:
    whole = pickle.dumps(WorkerReport.by(Shown(0)))

    async def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(whole[:-20])
        writer.close()

    server = await asyncio.start_unix_server(break_off, tmp_path / "1.sock")
    child = Child(1, 1, tmp_path / "1.sock")
    child.process = await asyncio.create_subprocess_exec("sleep", "30")
    view = CombinedView([child], STANDARDS, "")
    await view.refresh()
    child.process.kill()
    await child.process.wait()
    server.close()
    assert view.status().state is State.STARTING


async def test_a_view_of_an_engine_knows_nothing_of_windows_that_its_standards_do_not_have(tmp_path: Path) -> None:
    (view, *_) = (await together(tmp_path, Shown(0))).engines()
    (window, *_) = STANDARDS.windows()
    other = replace(window, name="17d")
    assert view.read(window).steps
    assert view.read(other).steps == ()


def test_workers_import_this_very_program(tmp_path: Path) -> None:
    path = Path(_environment(Child(1, 0, tmp_path / "1.sock"))["PYTHONPATH"].rpartition(":")[2])
    assert (path / "agents" / "worker").is_dir(), "from inside a package its rooms would hide libraries, such as Faust"
