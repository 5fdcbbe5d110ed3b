"""Service levels and objectives as tables on a terminal, in either language.

`build` makes every such table from columns. The columns of a replay are here; those that only the demonstration has are
in `agents.cli.terminal.screen`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Generic, Literal, TypeVar

from rich.table import Table
from rich.text import Text as Styled

from streams.engine.progress import Progress
from streams.slices.ratio import Ratio, RatioUnit
from streams.texts.figures import NOTHING, amount, count, duration, share
from streams.texts.phrase import Language, in_language
from streams.texts.states import States
from streams.texts.tables import Tables
from streams.views.levels import ObjectiveLevel, StepLevel, pareto
from streams.views.objectives.standing import ObjectiveState, Standing

Level = TypeVar("Level")

_MEDIAN: Final = Fraction(1, 2)
_P95: Final = Fraction(95, 100)
#: Fail points named in a row; the status page lists all of a step.
_FAIL_POINTS_SHOWN: Final = 2
#: Characters of a duration in two units, `10 min 00 s`.
_DURATION_WIDTH: Final = 11
_STATES: Final = {
    ObjectiveState.BREACHED: (States.BREACHED, "bold red"),
    ObjectiveState.MET: (States.MET, "green"),
    ObjectiveState.NO_DATA: (States.NO_DATA, "dim"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn(Generic[Level]):
    """One column: its heading (None: empty), the cell that it has of each level, and its layout as rich takes it."""

    heading: Tables | None
    cell: Callable[[Level, Language], str | Styled]
    justify: Literal["left", "right"] = "left"
    no_wrap: bool = True
    min_width: int | None = None
    max_width: int | None = None


def build(
    columns: Iterable[TableColumn[Level]],
    levels: Iterable[Level],
    language: Language,
    *,
    padding: tuple[int, int, int, int] = (0, 1, 0, 1),
) -> Table:
    """A table with one row for each of ``levels``; ``padding`` of its cells is top, right, bottom, left."""
    columns = list(columns)
    table = Table(box=None, pad_edge=False, padding=padding, header_style="bold")
    for column in columns:
        table.add_column(
            "" if column.heading is None else column.heading.say(language),
            justify=column.justify,
            no_wrap=column.no_wrap,
            min_width=column.min_width,
            max_width=column.max_width,
        )
    for level in levels:
        table.add_row(*(column.cell(level, language) for column in columns))
    return table


def figures(heading: Tables, cell: Callable[[Level], str]) -> TableColumn[Level]:
    """A column of figures, which are the same in every language."""
    return TableColumn(heading=heading, cell=lambda level, _: cell(level), justify="right")


def records_read(progress: Progress, language: Language) -> str:
    """One line: how many records were read, and what became of them."""
    return Tables.READ_RECORDS.say(
        language,
        records=count(progress.records),
        accepted=count(progress.accepted),
        duplicates=count(progress.duplicates),
        ignored=count(progress.ignored),
        rejected=count(progress.rejected.total()),
    )


def state(of: ObjectiveState, language: Language, *, opened: int = 0) -> Styled:
    """``of`` in its colour, and how often a breach was ``opened`` if any was."""
    phrase, style = _STATES[of]
    return Styled(phrase.say(language) + (f" ({opened}×)" if opened else ""), style=style)


def _good_of_total(ratio: Ratio, unit: RatioUnit) -> str:
    return f"{amount(ratio.good, unit)} / {amount(ratio.total, unit)}"


def _availability(level: StepLevel) -> str:
    """By request and, at steps that only probes report on, by time."""
    return share(level.availability if level.availability.total else level.probes)


def _interactions(level: StepLevel) -> str:
    return count(level.interactions) if level.interactions or not level.probes.total else NOTHING


def _uptime(level: StepLevel, _: Language) -> str:
    return _good_of_total(level.probes, RatioUnit.MILLISECONDS) if level.probes.total else NOTHING


def _fail_points(level: StepLevel, _: Language) -> str:
    ranked = pareto(level)
    shown = ", ".join(f"{name} {count(times)}" for name, times, _ in ranked[:_FAIL_POINTS_SHOWN])
    return f"{shown}, …" if len(ranked) > _FAIL_POINTS_SHOWN else shown


def _state(level: ObjectiveLevel, language: Language) -> Styled:
    return state(Standing.of(level.objective, level.window).state, language)


MEDIAN: Final[TableColumn[StepLevel]] = figures(
    Tables.COLUMN_MEDIAN, lambda level: duration(level.response.quantile(_MEDIAN))
)
P95: Final[TableColumn[StepLevel]] = figures(Tables.COLUMN_P95, lambda level: duration(level.response.quantile(_P95)))
ATTAINED: Final[TableColumn[ObjectiveLevel]] = figures(Tables.COLUMN_ATTAINED, lambda level: share(level.window))

_STEPS: Final[tuple[TableColumn[StepLevel], ...]] = (
    TableColumn(heading=Tables.COLUMN_SERVICE, cell=lambda level, _: level.service),
    TableColumn(heading=Tables.COLUMN_STEP, cell=lambda level, _: level.step),
    figures(Tables.COLUMN_INTERACTIONS, _interactions),
    figures(Tables.COLUMN_AVAILABILITY, _availability),
    # A narrow terminal has it in two lines, or not at all.
    TableColumn(heading=Tables.COLUMN_UPTIME, cell=_uptime, justify="right", no_wrap=False, min_width=_DURATION_WIDTH),
    figures(Tables.COLUMN_ABANDONED, lambda level: share(Ratio(level.abandoned, level.interactions))),
    MEDIAN,
    P95,
    figures(
        Tables.COLUMN_LONGEST,
        lambda level: duration(level.response.max_us) if level.response.count else NOTHING,
    ),
    TableColumn(heading=Tables.COLUMN_FAIL_POINTS, cell=_fail_points, no_wrap=False),
)

_OBJECTIVES: Final[tuple[TableColumn[ObjectiveLevel], ...]] = (
    TableColumn(heading=Tables.COLUMN_SERVICE, cell=lambda level, _: level.service),
    TableColumn(
        heading=Tables.COLUMN_OBJECTIVE,
        cell=lambda level, language: in_language(level.objective.title, language),
        no_wrap=False,
    ),
    ATTAINED,
    figures(
        Tables.COLUMN_TARGET,
        lambda level: f"{share(level.objective.target)} / {level.objective.window.name}",
    ),
    figures(Tables.COLUMN_KEPT, lambda level: _good_of_total(level.window, level.objective.unit)),
    TableColumn(heading=None, cell=_state),
)


def steps_table(levels: tuple[StepLevel, ...], language: Language) -> Table:
    """One row for each step of each service: interactions, availability, response time, fail points.

    Where any step is probed, one more column has the time that it was up, of the time that it was observed.
    """
    probed = any(level.probes.total for level in levels)
    return build([one for one in _STEPS if probed or one.heading is not Tables.COLUMN_UPTIME], levels, language)


def objectives_table(levels: tuple[ObjectiveLevel, ...], language: Language, *, breaches: Mapping[str, int]) -> Table:
    """One row for each objective: attained over its window against its target, and how often it was breached.

    ``breaches`` counts by "service objective"; where it is empty that column is left out.
    """

    def times(level: ObjectiveLevel, _: Language) -> str:
        return count(breaches.get(f"{level.service} {level.objective.name}", 0))

    counted = TableColumn(heading=Tables.COLUMN_BREACHES, cell=times, justify="right", no_wrap=False)
    return build([*_OBJECTIVES, counted] if breaches else _OBJECTIVES, levels, language)
