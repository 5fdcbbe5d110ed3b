"""The screen of the demonstration: live tables on a terminal, a line every ten seconds elsewhere, a summary at the end.

The tables fit a terminal of 80 columns and 24 lines; names are cut, figures never.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text as Styled

from agents.cli.terminal import tables
from agents.cli.terminal.tables import TableColumn
from streams.calendars.periods import Window
from streams.engine.progress import Progress
from streams.texts.figures import NOTHING, count, share
from streams.texts.phrase import Language, in_language
from streams.texts.states import States
from streams.texts.tables import Tables
from streams.views import levels
from streams.views.objectives.standing import ObjectiveState, Standing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agents.status.worker import MonitorView
    from streams.views.levels import ObjectiveLevel, StepLevel

#: The window of the live table of steps: so short that rush, outage and recovery show as they happen.
RECENT: Final = Window("20s", rolling_ms=20_000)
_LINE_SECONDS: Final = 10.0
#: Characters of the longest name of a step that is shown, and those that the other columns of each table take.
_STEP_WIDTH: Final = 18
_STEP_FIGURES: Final = 67
_OBJECTIVE_FIGURES: Final = 40
#: Padding of cells, closer than elsewhere: top, right, bottom, left.
_PADDING: Final = (0, 1, 0, 0)
#: Columns of a console that is no terminal.
PLAIN_WIDTH: Final = 120


class Screen:
    """Shows a worker while it runs. Use it in a ``with`` statement.

    Args:
        console: where to print.
        language: of the texts.
        title: first line above the tables, with the address of the status page.
    """

    def __init__(self, console: Console, language: Language, title: str) -> None:
        self._console, self._language, self._title = console, language, title
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._next_line = _LINE_SECONDS
        self._breaches: set[tuple[str, str, int]] = set()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, observed: MonitorView, seconds: float) -> None:
        """Update the tables on a terminal; elsewhere print a line every ten seconds.

        ``seconds`` have passed since the start.
        """
        judged = self._judge(observed)
        if self._live:
            head = [Styled(self._title, style="bold"), Styled(self._figures(observed, seconds), style="dim")]
            recent = levels.merge([engine.read(RECENT) for engine in observed.engines()])
            self._live.update(Group(*head, *self._tables(recent.steps, judged)), refresh=True)
        elif seconds >= self._next_line:
            self._next_line += _LINE_SECONDS
            line = f"{self._figures(observed, seconds)} · {self._state(judged)}"
            self._console.print(line, soft_wrap=True, markup=False)

    def summary(self, observed: MonitorView, seconds: float) -> None:
        """Replace the live tables by figures since the beginning of the log."""
        if self._live:
            self._live.stop()
        everything = levels.merge([engine.cumulative() for engine in observed.engines()])
        judged = self._judge(observed)
        self._console.print(self._figures(observed, seconds), markup=False, soft_wrap=True)
        self._console.print(Group(*self._tables(everything.steps, judged)))
        self._console.print(f"{Tables.COLUMN_BREACHES.say(self._language)}: {len(self._breaches)}", style="dim")

    def _figures(self, observed: MonitorView, seconds: float) -> str:
        """How far the worker has read, as one line."""
        progress = Progress.total(engine.progress for engine in observed.engines())
        return f"{seconds:.0f} s · {tables.records_read(progress, self._language)}"

    def _judge(self, observed: MonitorView) -> list[ObjectiveLevel]:
        """Every objective over its own window, those in breach first; count new breaches."""
        windows = {o.window for s in observed.standards.services.values() for o in s.objectives.values()}
        readings = [levels.merge([e.read(window) for e in observed.engines()]) for window in windows]
        judged = [level for reading in readings for level in reading.objectives]
        self._breaches |= {
            (level.service, level.objective.name, level.breached_since_ms)
            for level in judged
            if level.breached_since_ms is not None
        }
        return sorted(
            judged, key=lambda one: (_state(one) is not ObjectiveState.BREACHED, one.service, one.objective.name)
        )

    def _tables(self, steps: tuple[StepLevel, ...], judged: list[ObjectiveLevel]) -> list[RenderableType]:
        if not judged:
            return [Styled(), Styled(States.WORKER_STARTING.say(self._language))]
        used = [level for level in steps if level.interactions]
        return [
            Styled(),
            tables.build(self._step_columns(), used, self._language, padding=_PADDING),
            Styled(),
            tables.build(self._objective_columns(), judged, self._language, padding=_PADDING),
        ]

    def _step_columns(self) -> Iterator[TableColumn[StepLevel]]:
        yield TableColumn(
            heading=Tables.COLUMN_STEP,
            cell=lambda level, _: f"{level.service} {level.step}",
            max_width=_STEP_WIDTH,
        )
        yield tables.figures(Tables.COLUMN_INTERACTIONS, lambda level: count(level.interactions))
        yield tables.MEDIAN
        yield tables.P95
        yield tables.figures(Tables.COLUMN_AVAILABILITY, lambda level: share(level.availability))
        yield TableColumn(
            heading=Tables.COLUMN_FAIL_POINTS, cell=_worst, max_width=max(self._console.width - _STEP_FIGURES, 8)
        )

    def _objective_columns(self) -> Iterator[TableColumn[ObjectiveLevel]]:
        times = Counter((service, name) for service, name, _ in self._breaches)
        yield TableColumn(
            heading=Tables.COLUMN_OBJECTIVE,
            cell=_name,
            max_width=max(self._console.width - _OBJECTIVE_FIGURES, 10),
        )
        yield tables.ATTAINED
        yield tables.figures(Tables.COLUMN_TARGET, _target)
        yield TableColumn(
            heading=None,
            cell=lambda level, language: tables.state(
                _state(level), language, opened=times[level.service, level.objective.name]
            ),
        )

    def _state(self, judged: list[ObjectiveLevel]) -> str:
        breached = [level for level in judged if _state(level) is ObjectiveState.BREACHED]
        if not breached:
            return States.MET.say(self._language)
        promises = (f"{_name(one, self._language)} {share(one.window)} {_target(one)}" for one in breached)
        return f"{States.BREACHED.say(self._language)}: {'; '.join(promises)}"


def _worst(level: StepLevel, _: Language) -> str:
    """The most frequent fail point."""
    return next((f"{count(times)} {name}" for name, times, _ in levels.pareto(level)), NOTHING)


def _name(level: ObjectiveLevel, language: Language) -> str:
    return f"{level.service}: {in_language(level.objective.title, language)}"


def _target(level: ObjectiveLevel) -> str:
    objective = level.objective
    return f"{float(objective.target * 100):g} % / {objective.window.name.removeprefix('calendar ')}"


def _state(level: ObjectiveLevel) -> ObjectiveState:
    """The state as decided: a breach stays open until the end of a slice closes it."""
    if level.breached_since_ms is not None:
        return ObjectiveState.BREACHED
    return Standing.of(level.objective, level.window).state
