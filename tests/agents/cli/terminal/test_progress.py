"""Progress of long work is for people who look at a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from agents.cli.terminal.progress import is_terminal, record_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["closed", "a file"])
def test_progress_is_shown_to_people_alone(stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with record_progress([]) as advance:
        advance(5)
    assert stream is None or not stream.getvalue()


def test_a_closed_stream_is_no_terminal() -> None:
    assert [is_terminal(stream) for stream in (None, io.StringIO(), Terminal())] == [False, False, True]
