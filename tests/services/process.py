"""A program that runs beside the tests: its log is kept, and it ends when they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LEASH = Path(__file__).with_name("leash.py")

# The kernel ends a leashed process with the *thread* that started it, not with its process. Hence one thread that lives
# as long as the tests: a test may then start a broker from a short-lived thread.
_starter = ThreadPoolExecutor(1, thread_name_prefix="starter")


class ServiceError(Exception):
    """A program did not come up, or ended by itself; the message carries the end of its log."""


class Service:
    """A program with one log file, which can be started again after it has ended.

    In a ``with`` statement it is started at entry and killed at the exit.

    Args:
        name: what it is called in messages; also the log's name.
        command: program and arguments.
        folder: where its log goes; must exist.
        environment: variables beyond those of the tests.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether the program has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        return self._started().pid

    def start(self) -> None:
        """Start the program; its log goes on where it stopped."""
        if self.running:
            raise ServiceError(f"{self.name} is running already (process {self.pid})")
        self._process = _starter.submit(self._spawn).result()

    def terminate(self, *, grace: float = 20) -> None:
        """Ask the program to end, and kill it when it has not within ``grace`` seconds."""
        if not self.running:
            return
        process = self._started()
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program and what it started at once, as a crash would; does nothing when it has ended."""
        if self.running:
            process = self._started()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait until ``ready``.

        Raises:
            ServiceError: the program ended, or was not ready in time.
        """

        def ready_or_ended() -> bool:
            return not self.running or ready()

        try:
            wait_for(ready_or_ended, f"{self.name} to be ready", seconds=seconds)
        except TimeoutError as error:
            raise ServiceError(self._with_log(str(error))) from None
        self.ensure_running()

    def ensure_running(self) -> None:
        """Raise `ServiceError` if the program has ended."""
        if not self.running:
            raise ServiceError(self._with_log(f"{self.name} ended with code {self._started().returncode}"))

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        text = self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _spawn(self) -> subprocess.Popen[bytes]:
        leash = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*leash, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                # A group of its own: an interrupt from the keyboard reaches the tests alone, which then stop it.
                start_new_session=True,
            )

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServiceError(f"{self.name} has not been started")
        return self._process

    def _with_log(self, message: str) -> str:
        return f"{message}; the end of {self.log}:\n{self.tail()}"
