"""`slm run` as a process beside the tests."""

from __future__ import annotations

import json
import signal
import sys
import urllib.error
from typing import TYPE_CHECKING, Any, Self

from tests.services.loopback import HOST, fetch, fetch_json, free_row
from tests.services.parts import ROOT
from tests.services.process import Service
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


# As in tests/conftest.py: what is installed comes first, this checkout last.
#: The command `slm`, as words.
SLM = (
    sys.executable,
    "-c",
    f"import sys; sys.path.append({str(ROOT)!r}); from agents.cli import main; main(prog_name='slm')",
)


class Worker:
    """One worker on a free port; use it in a ``with`` statement: started at entry, killed at the exit.

    Args:
        folder: for its log.
        broker: ``host:port``.
        topics: source topics.
        group: consumer group.
        options: further options of ``slm run``.
        name: of the log.
        ports: how many in a row it takes.
    """

    def __init__(
        self,
        folder: Path,
        broker: str,
        topics: Sequence[str],
        *,
        group: str,
        options: Sequence[str] = (),
        name: str = "worker",
        ports: int = 1,
    ) -> None:
        self.group = group
        self.port = free_row(ports)
        self.url = f"http://{HOST}:{self.port}"
        named = [word for topic in topics for word in ("--topic", topic)]
        where = ["--broker", broker, "--group", group, "--web-port", str(self.port)]
        command = [*SLM, "run", *where, *named, *options]
        self.service = Service(name, command, folder)

    def __enter__(self) -> Self:
        self.service.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.service.kill()

    def status(self) -> dict[str, Any]:
        """The document of ``/api/status``; empty while nobody answers."""
        try:
            document: dict[str, Any] = fetch_json(f"{self.url}/api/status")
        except OSError:
            return {}
        return document

    def ready(self) -> bool:
        """Whether ``/ready`` answers 200."""
        return self.answer("/ready")[0] == 200

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET; (0, b"") when nobody listens."""
        try:
            return 200, fetch(self.url + path)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def wait_until_ready(self, *, partitions: int | None = None, seconds: float = 60) -> None:
        """Wait until everything assigned has been caught up, and ``partitions`` partitions are assigned."""

        def caught_up() -> bool:
            return self.ready() and partitions in (None, len(self.status().get("partitions", ())))

        try:
            self.service.wait_until(caught_up, seconds=seconds)
        except Exception as error:
            error.add_note(json.dumps(self.status(), indent=1)[:4000] + "\n" + self.service.tail())
            raise

    def end(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 10) -> int:
        """Send a signal, wait until the process has ended, and return its exit code."""
        process = self.service._started()
        process.send_signal(number)
        return self.exit_code(seconds=seconds)

    def exit_code(self, *, seconds: float = 60) -> int:
        """Wait until the process has ended by itself, and return its exit code."""
        wait_for(lambda: not self.service.running, f"{self.service.name} to end", seconds=seconds)
        return self.service._started().returncode
