from __future__ import annotations

import io
import re
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console

from agents.cli.terminal.screen import PLAIN_WIDTH, Screen
from agents.demo.demonstration import standards
from agents.demo.publisher import TOPIC
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.simulator.floor import events
from streams.texts.phrase import Language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.status.worker import WorkerStatus
    from streams.standards.model import Standards

START_MS = 1_763_900_000_000
TITLE = "Status page: http://127.0.0.1:9464/"


class Floor:
    """A worker that has read the simulated floor up to some second."""

    def __init__(self) -> None:
        self._engine = Engine(Start(TOPIC, 0, standards().standards))
        self._coming = events(1, START_MS, 200)
        self._offset = 0

    def read_until(self, second: float) -> None:
        due = list(takewhile(lambda one: one.at_ms < START_MS + second * 1000, self._coming))
        batch = Batch.of(TOPIC, 0, [one.value for one in due], self._offset, [one.at_ms for one in due])
        self._engine.fold(batch)
        self._engine.advance()
        self._offset += len(due)

    @property
    def standards(self) -> Standards:
        return self._engine.standards

    def engines(self) -> Sequence[Engine]:
        return [self._engine]

    def status(self) -> WorkerStatus:
        raise NotImplementedError


class Starting(Floor):
    """A worker without partitions."""

    def engines(self) -> Sequence[Engine]:
        return []


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    width = 80 if terminal else PLAIN_WIDTH
    return Console(file=output, force_terminal=terminal, width=width, height=24, highlight=False), output


def last_screen(output: io.StringIO) -> str:
    """What was drawn last, without colours and cursor movements."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.getvalue())
    return text[text.rindex(TITLE) :]


@pytest.mark.parametrize("language", list(Language))
def test_a_terminal_shows_every_step_and_objective_in_80_columns_and_24_lines(language: Language) -> None:
    floor, (terminal, output) = Floor(), console(terminal=True)
    floor.read_until(30)
    with Screen(terminal, language, TITLE) as screen:
        screen.show(floor, 30)
        shown = last_screen(output).splitlines()
    assert len(shown) <= 24
    assert max(map(cell_len, shown)) <= 80
    words = " ".join(shown)
    for step in ("payments authorise", "hotline answer", "hotel housekeeping"):
        assert step in words
    for service in floor.standards.services.values():
        assert words.count(f"{service.name}: ") == len(service.objectives)


def test_rush_outage_and_recovery_are_seen_within_a_minute() -> None:
    floor, (terminal, output) = Floor(), console(terminal=True)
    seen: dict[int, str] = {}
    with Screen(terminal, Language.EN, TITLE) as screen:
        for second in range(2, 60):
            floor.read_until(second)
            screen.show(floor, second)
            seen[second] = last_screen(output)

    def state(second: int, title: str) -> str:
        (line,) = (line for line in seen[second].splitlines() if title in line)
        return line.partition(" / 20s")[2].strip()

    answered, succeed = "Answered within 10 s of", "payments: Requests succeed  "
    assert state(5, answered) == state(5, succeed) == "Met"
    assert state(24, answered).startswith("In breach")
    assert state(24, succeed).startswith("In breach")
    assert state(59, answered) == state(59, succeed) == "Met (1×)"


def test_elsewhere_a_line_comes_every_ten_seconds_and_names_what_is_in_breach() -> None:
    floor, (plain, output) = Floor(), console(terminal=False)
    with Screen(plain, Language.EN, TITLE) as screen:
        for second in range(1, 32):
            floor.read_until(second)
            screen.show(floor, second)
    lines = output.getvalue().splitlines()
    assert [line.partition(" s · ")[0] for line in lines] == ["10", "20", "30"]
    assert "In breach: " in lines[1]
    assert "payments: Requests succeed" in lines[1]


def test_the_summary_counts_from_the_beginning() -> None:
    floor, (plain, output) = Floor(), console(terminal=False)
    floor.read_until(40)
    with Screen(plain, Language.EN, TITLE) as screen:
        screen.summary(floor, 40)
    text = output.getvalue()
    (everything,) = (step for step in floor.engines()[0].cumulative().steps if step.step == "authorise")
    assert f"{everything.interactions:,}" in text
    assert "acquirer-timeout" in text


def test_before_there_is_anything_to_show_it_says_so() -> None:
    floor, (terminal, output) = Starting(), console(terminal=True)
    with Screen(terminal, Language.EN, TITLE) as screen:
        screen.show(floor, 1)
        assert "The worker is starting" in last_screen(output)
        screen.summary(floor, 1)
