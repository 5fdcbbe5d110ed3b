"""Sends one event log from where an earlier attempt stopped, and stops in order when interrupted."""

from __future__ import annotations

import os
import select
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from agents.sending.records import BadLine, Outgoing, Prepare
from streams.events.rejections import BadEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from agents.files.event_log import EventLog, Line
    from agents.sending.delivery import Delivery, SendRate
    from agents.sending.journal import Journal


class Interruption:
    """Turns the first SIGINT or SIGTERM into a request to stop; a second one raises KeyboardInterrupt.

    Use it in a ``with`` statement, in the main thread. A request while input is awaited raises too, see `waiting`.
    """

    def __init__(self) -> None:
        self._requested = False
        self._waiting = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        # A pipe, not an event of `threading`: its lock may be held by the code that the signal interrupts.
        self._request, self._signalled = os.pipe()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal gave back
        os.close(self._request)
        os.close(self._signalled)

    @property
    def requested(self) -> bool:
        """Whether there was a request to stop."""
        return self._requested

    def sleep(self, seconds: float) -> None:
        """Sleep until ``seconds`` have passed, or there is a request."""
        select.select([self._request], [], [], seconds)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark a body that may never return: a request makes it raise KeyboardInterrupt."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        again, self._requested = self._requested, True
        os.write(self._signalled, b"!")
        if again or self._waiting:
            raise KeyboardInterrupt


@dataclass(slots=True)
class Sent:
    """The outcome of one log. Lines up to ``resumed_after`` had been sent before; ``bad`` ones were left out."""

    log: str
    sent: int = 0
    bad: int = 0
    resumed_after: int = 0
    acknowledged_line: int = 0
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Sending:
    """How logs are sent: the parts that `send` needs.

    ``on_line`` is called with the number of every line sent, ``on_bad`` with every line left out.
    """

    prepare: Prepare
    pace: SendRate
    interruption: Interruption
    on_line: Callable[[int], None] = field(default=lambda _: None)
    on_bad: Callable[[BadLine], None] = field(default=lambda _: None)

    def send(self, log: EventLog, delivery: Delivery, sent: Sent, *, last_line: int | None = None) -> None:
        """Send the lines of ``log`` beyond ``sent.resumed_after``, up to ``last_line``, and await them all.

        When interrupted, it sends nothing more, awaits what is under way, and notes the interruption in ``sent``.

        Raises:
            Fault: the log cannot be read, or Kafka does not take the records.
            KeyboardInterrupt: interrupted again, or while the brokers are silent.
        """
        try:
            for record in self._records(log, sent, last_line):
                self.pace.wait()
                delivery.send(record)
                self.on_line(record.line)
            delivery.finish()
        finally:
            sent.sent = delivery.acknowledged_records
            sent.interrupted = self.interruption.requested

    def _records(self, log: EventLog, sent: Sent, last_line: int | None) -> Iterator[Outgoing]:
        for line in self._lines(log):
            if last_line is not None and line.number > last_line:
                return
            if line.number <= sent.resumed_after:
                continue
            try:
                yield self.prepare(line)
            except BadEvent as bad:
                sent.bad += 1
                self.on_bad(BadLine(log.name, line.number, bad.reason, bad.detail))
            if self.interruption.requested:
                return

    def _lines(self, log: EventLog) -> Iterator[Line]:
        """Lines of ``log`` until its end or the request to stop, which also ends waiting for a pipe."""
        lines = log.lines()
        while not self.interruption.requested:
            try:
                with self.interruption.waiting():
                    line = next(lines, None)
            except KeyboardInterrupt:
                return
            if line is None:
                return
            yield line


def keep(journal: Journal | None, sent: Sent) -> Callable[[int], None]:
    """A function that notes an acknowledged line in ``sent``, and in the journal if there is one."""

    def note(line: int) -> None:
        sent.acknowledged_line = line
        if journal is not None:
            journal.write(line)

    return note
