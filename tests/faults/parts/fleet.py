"""The workers of a run as processes, each started again when it ends, as a service manager would do it."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.error
from dataclasses import dataclass, field
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, Final, Self

from tests.faults.log.promises import PARTITIONS
from tests.services.loopback import fetch
from tests.services.parts import ROOT
from tests.services.waiting import wait_for
from tests.services.worker import SLM, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SESSION_SECONDS: Final = 6
_OPTIONS: Final = ("--session-timeout", f"{SESSION_SECONDS}s", "--heartbeat", "2s", "--stall-timeout", "20s")
#: How long a manager waits before it starts a worker again.
_RESTART_SECONDS: Final = 0.2
_ANSWER_SECONDS: Final = 2.0
_WATCH_SECONDS: Final = 1.0
#: Between two questions that cost a worker time.
_PAUSE_SECONDS: Final = 0.3
#: How long SIGTERM may take.
END_SECONDS: Final = 10
UNAVAILABLE, STALLED = 3, 4
_TOO_LARGE: Final = re.compile(r"too ?large", re.IGNORECASE)


@dataclass(frozen=True)
class Exit:
    """How a worker ended. ``asked``: the signal that it was sent, if any."""

    worker: str
    code: int
    asked: signal.Signals | None
    tail: str

    @property
    def good(self) -> bool:
        """Whether it is one of the ways in which a worker may end."""
        if self.asked is signal.SIGKILL:
            return self.code == -signal.SIGKILL
        if self.asked is signal.SIGTERM:
            # Asked in the moment in which it gave up, since no broker answers or Kafka refuses what it saves.
            # Or asked while Python still started, before the worker could see to it: it has said and done nothing.
            gave_up = bool(self.code == UNAVAILABLE and self.complaint) or bool(self.refusal)
            return self.code == 0 or gave_up or (self.code == -signal.SIGTERM and not self.tail)
        return self.code in {UNAVAILABLE, STALLED}

    @property
    def complaint(self) -> str:
        """The line in which the worker says why it gives up; empty if it does not."""
        lines = reversed(self.tail.splitlines())
        return next((line.strip() for line in lines if line.startswith("Error: ")), "")

    @property
    def refusal(self) -> str:
        """The same where it gives up since a row is too large; empty for all else."""
        return self.complaint if self.code == STALLED and _TOO_LARGE.search(self.complaint) else ""


class Slot:
    """One worker's place: its name, its port and its log stay the same whenever it is started again."""

    def __init__(self, worker: Worker, name: str, *, proxied: bool, prelude: str = "") -> None:
        self.worker, self.name, self.proxied = worker, name, proxied
        self.wanted = False
        self.asked: signal.Signals | None = None
        self.frozen = False
        self.lock = RLock()
        self._prelude = f"import sys; sys.path.append({str(ROOT)!r})\n{prelude}" if prelude else ""
        self._ended_at: float | None = None
        self._log_at = 0  # where the log of the process that runs began
        self.shift_clock(0)

    @property
    def running(self) -> bool:
        """Whether the process runs, be it frozen."""
        return self.worker.service.running

    @property
    def pid(self) -> int:
        """Process id."""
        return self.worker.service.pid

    def status(self) -> dict[str, Any]:
        """The document of /api/status; empty while nobody answers."""
        if self.frozen or not self.running:
            return {}
        try:
            document: dict[str, Any] = json.loads(self._answer("/api/status"))
        except OSError:
            return {}
        return document

    def renew(self) -> None:
        """Wait for another status document."""
        before = self.status().get("now")
        wait_for(lambda: self.status().get("now") != before, f"{self.name} to make a new answer")

    def readiness(self) -> dict[str, Any]:
        """The document of /ready, which costs the worker little; empty while nobody answers."""
        if self.frozen or not self.running:
            return {}
        try:
            document: dict[str, Any] = json.loads(self._answer("/ready"))
        except OSError:
            return {}
        return document

    def _answer(self, path: str) -> bytes:
        try:
            return fetch(self.worker.url + path, seconds=_ANSWER_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                return error.read()

    def metrics(self) -> str | None:
        """What /metrics answers; None while nobody does."""
        try:
            return fetch(f"{self.worker.url}/metrics", seconds=10).decode()
        except OSError:
            return None

    def said(self) -> str:
        """The log of the process that runs, or ran last."""
        with self.worker.service.log.open("rb") as log:
            log.seek(self._log_at)
            return log.read().decode(errors="replace")

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; False when there is no process any more."""
        with self.lock:
            if not self.running:
                return False
            if number in {signal.SIGKILL, signal.SIGTERM}:
                self.asked = number
            os.kill(self.pid, number)
            self.frozen = number is signal.SIGSTOP
            return True

    def start(self) -> None:
        """Start the process, or let it be started at once if it has ended."""
        with self.lock:
            self.wanted = True
            if not self.running:
                self._spawn()

    def _spawn(self) -> None:
        log = self.worker.service.log
        self._log_at = log.stat().st_size if log.exists() else 0
        self.asked, self.frozen, self._ended_at = None, False, None
        self.worker.service.start()

    def look_after(self) -> Exit | None:
        """Start the process again some time after its end; how it ended, once."""
        with self.lock:
            if self.running or self.worker.service._process is None:
                return None
            found = None
            if self._ended_at is None:
                self._ended_at = time.monotonic()
                code = self.worker.service._started().returncode
                found = Exit(self.name, code, self.asked, self.said()[-3_000:])
            if self.wanted and time.monotonic() >= self._ended_at + _RESTART_SECONDS:
                self._spawn()
            return found

    def shift_clock(self, hours: int) -> None:
        """Let processes started from now on see a clock that is ``hours`` off; 0: the right one."""
        self._hours = hours
        service = self.worker.service
        script = (shifted(hours) if hours else "") + self._prelude + _SCRIPT
        service._command = [script if word.endswith(_SCRIPT) else word for word in service._command]

    @property
    def clock_is_right(self) -> bool:
        """Whether processes started from now on see the right time."""
        return not self._hours


_SCRIPT: Final = SLM[2]


def shifted(hours: int) -> str:
    """Python that shifts the clock which all that is imported behind it reads; timers stay as they are.

    A library that is loaded before all others can do it for any program, but libfaketime 0.9.10 takes absolute times
    on the clock of timers for times on the other one: waits for Python's global lock end at once, again and again, and
    workers crawl. `test_scenarios` has a worker under it that has little to do.
    """
    return f"""
import time
_clock, _clock_ns = time.time, time.time_ns
time.time = lambda: _clock() + {hours} * 3_600
time.time_ns = lambda: _clock_ns() + {hours} * 3_600_000_000_000
"""


def wait_patiently(condition: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Wait for a condition that costs workers time to answer."""
    asked_at = -_PAUSE_SECONDS

    def holds() -> bool:
        nonlocal asked_at
        if time.monotonic() < asked_at + _PAUSE_SECONDS:
            return False
        found = condition()
        asked_at = time.monotonic()
        return found

    wait_for(holds, what, seconds=seconds)


@dataclass
class Deployment:
    """What all workers of a run have in common. ``prelude`` is Python that they run before anything else."""

    folder: Path
    brokers: str
    proxied: str
    topic: str
    group: str
    options: Sequence[str]
    prelude: str = ""


@dataclass
class Fleet:
    """Workers and who looks after them; use it in a ``with`` statement. None runs at first."""

    deployment: Deployment
    slots: list[Slot] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    _over: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._threads = [Thread(target=work, daemon=True) for work in (self._keep, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for slot in self.slots:
            slot.worker.service.kill()

    def add(self, *, proxied: bool = False) -> Slot:
        """Start a further worker; ``proxied``: it reaches the brokers through the proxy alone."""
        common, name = self.deployment, f"worker-{len(self.slots)}"
        worker = Worker(
            common.folder,
            common.proxied if proxied else common.brokers,
            [common.topic],
            group=common.group,
            options=[*_OPTIONS, *common.options],
            name=name,
        )
        slot = Slot(worker, name, proxied=proxied, prelude=common.prelude)
        slot.start()
        self.slots.append(slot)
        return slot

    @property
    def wanted(self) -> list[Slot]:
        """Workers that are to run."""
        return [slot for slot in self.slots if slot.wanted]

    def end(self, slot: Slot, *, for_good: bool = False) -> Exit:
        """Ask a worker to end, and wait until it has.

        Raises:
            TimeoutError: it did not end within the time that SIGTERM may take.
        """
        seen = len(self.exits)
        with slot.lock:
            slot.wanted = slot.wanted and not for_good
            if not slot.send(signal.SIGTERM):
                return Exit(slot.name, 0, signal.SIGTERM, "")

        def ended() -> Exit | None:
            return next((one for one in self.exits[seen:] if one.worker == slot.name), None)

        return wait_for(ended, f"{slot.name} to end after SIGTERM", seconds=END_SECONDS)

    def owned(self, *, besides: Slot | None = None) -> int:
        """Partitions that are assigned to workers that answer."""
        others = [slot for slot in self.wanted if slot is not besides]
        return sum(len(slot.status().get("partitions", ())) for slot in others)

    def wait_until_owned(self, *, besides: Slot | None = None, seconds: float = 60) -> None:
        """Wait until all partitions are assigned."""
        wait_patiently(lambda: self.owned(besides=besides) >= PARTITIONS, "all partitions to be owned", seconds=seconds)

    def at_rest(self) -> bool:
        """Whether all workers are ready, and have read all there is in all partitions between them."""
        documents = [slot.status() for slot in self.wanted]
        rows = [row for document in documents for row in document.get("partitions", ())]
        ready = all(document.get("worker", {}).get("ready") for document in documents)
        return ready and len(rows) == PARTITIONS and all(row["lag"] == 0 for row in rows)

    def renew(self) -> None:
        """Wait until whatever the workers answer was made after this call: answers are given again for a while."""
        for slot in self.wanted:
            for _ in range(2):  # the first that is new may have been under way
                slot.renew()

    def _keep(self) -> None:
        while not self._over.wait(0.05):
            for slot in list(self.slots):
                if found := slot.look_after():
                    self.exits.append(found)
                    self.note(f"{slot.name} ended with code {found.code}, asked by {found.asked!s}")

    def _watch(self) -> None:
        """Note now and then how all workers are."""
        while not self._over.wait(_WATCH_SECONDS):
            for slot in list(self.slots):
                if slot.running:
                    self.note(f"{slot.name} {json.dumps(slot.readiness() or 'does not answer')}")

    def note(self, what: str) -> None:
        """Write a line into the run's journal."""
        with (self.deployment.folder / "journal.txt").open("a", encoding="utf-8") as journal:
            journal.write(f"{time.strftime('%H:%M:%S')} {what}\n")
