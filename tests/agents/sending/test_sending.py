"""Stopping in good order: a signal is obeyed wherever it comes, and never waits for what it interrupts."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from agents.sending.sender import Interruption

if TYPE_CHECKING:
    from types import FrameType

_LONG_SECONDS = 600.0
_BRIEF_SECONDS = 0.001


class _AtLine:
    """Sends SIGINT to this process when so many further lines of Python have run."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, _: FrameType, event: str, argument: Any) -> _AtLine:
        del argument
        if event == "line" and self.left >= 0:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGINT)
        return self


@pytest.mark.timeout(60)
def test_an_interrupt_is_obeyed_at_whatever_line_of_sleeping_it_comes() -> None:
    before, lines, done = sys.gettrace(), 0, False
    while not done:
        with Interruption() as interruption:
            at = _AtLine(lines)
            sys.settrace(at)
            try:
                interruption.sleep(_BRIEF_SECONDS)
            finally:
                sys.settrace(before)
            done = at.left >= 0
            assert interruption.requested is not done
        lines += 1
    assert lines > 1


@pytest.mark.timeout(60)
def test_a_request_ends_sleeping_and_a_second_one_everything() -> None:
    with Interruption() as interruption:
        main = threading.main_thread().ident or 0
        threading.Timer(_BRIEF_SECONDS, signal.pthread_kill, (main, signal.SIGTERM)).start()
        interruption.sleep(_LONG_SECONDS)
        assert interruption.requested
        interruption.sleep(_LONG_SECONDS)  # not any more
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
