"""Service levels and objectives as tables on a terminal, in either language."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from rich.table import Table

from streams.slices.ratio import Ratio, RatioUnit
from streams.texts.figures import NOTHING, amount, count, duration, share
from streams.texts.phrase import Language, in_language
from streams.texts.states import States
from streams.texts.tables import Tables
from streams.views.levels import ObjectiveLevel, StepLevel, pareto
from streams.views.objectives.standing import ObjectiveState, Standing

_MEDIAN: Final = Fraction(1, 2)
_P95: Final = Fraction(95, 100)
#: Fail points named in a row; the table of one step has them all on the page.
_FAIL_POINTS_SHOWN: Final = 2
#: Characters of a duration in two units, `10 min 00 s`.
_DURATION_WIDTH: Final = 11
_STYLES: Final = {ObjectiveState.MET: "green", ObjectiveState.BREACHED: "bold red", ObjectiveState.NO_DATA: "dim"}
_STATES: Final = {
    ObjectiveState.MET: States.MET,
    ObjectiveState.BREACHED: States.BREACHED,
    ObjectiveState.NO_DATA: States.NO_DATA,
}


def steps_table(levels: tuple[StepLevel, ...], language: Language) -> Table:
    """One row for each step of each service: interactions, availability, response time, fail points.

    Availability is by request and, at steps that only probes tell about, by time. Where any step is probed, one more
    column has the time that it was up, of the time that it was observed.
    """
    probed = any(level.probes.total for level in levels)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (Tables.COLUMN_SERVICE, Tables.COLUMN_STEP):
        table.add_column(heading.say(language), no_wrap=True)
    for heading in (Tables.COLUMN_INTERACTIONS, Tables.COLUMN_AVAILABILITY):
        table.add_column(heading.say(language), justify="right", no_wrap=True)
    if probed:  # narrow terminals have it in two lines, or not at all
        table.add_column(Tables.COLUMN_UPTIME.say(language), justify="right", min_width=_DURATION_WIDTH)
    for heading in (Tables.COLUMN_ABANDONED, Tables.COLUMN_MEDIAN, Tables.COLUMN_P95, Tables.COLUMN_LONGEST):
        table.add_column(heading.say(language), justify="right", no_wrap=True)
    table.add_column(Tables.COLUMN_FAIL_POINTS.say(language))
    for level in levels:
        table.add_row(*_step_row(level, probed=probed))
    return table


def _step_row(level: StepLevel, *, probed: bool) -> tuple[str, ...]:
    response = level.response
    availability = level.availability if level.availability.total else level.probes
    return (
        level.service,
        level.step,
        count(level.interactions) if level.interactions or not level.probes.total else NOTHING,
        share(availability),
        *((_uptime(level.probes),) if probed else ()),
        share(Ratio(level.abandoned, level.interactions)),
        duration(response.quantile(_MEDIAN)),
        duration(response.quantile(_P95)),
        duration(response.max_us) if response.count else NOTHING,
        _fail_points(level),
    )


def _uptime(probes: Ratio) -> str:
    return _good_of_total(probes, RatioUnit.MILLISECONDS) if probes.total else NOTHING


def _good_of_total(ratio: Ratio, unit: RatioUnit) -> str:
    return f"{amount(ratio.good, unit)} / {amount(ratio.total, unit)}"


def _fail_points(level: StepLevel) -> str:
    ranked = pareto(level)
    shown = ", ".join(f"{name} {count(times)}" for name, times, _ in ranked[:_FAIL_POINTS_SHOWN])
    return f"{shown}, …" if len(ranked) > _FAIL_POINTS_SHOWN else shown


def objectives_table(levels: tuple[ObjectiveLevel, ...], language: Language, *, breaches: dict[str, int]) -> Table:
    """One row for each objective: attained over its window against its target, and how often it was breached.

    ``breaches`` counts by "service objective"; where it is empty that column is left out.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Tables.COLUMN_SERVICE.say(language), no_wrap=True)
    table.add_column(Tables.COLUMN_OBJECTIVE.say(language))
    for heading in (Tables.COLUMN_ATTAINED, Tables.COLUMN_TARGET, Tables.COLUMN_KEPT):
        table.add_column(heading.say(language), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    if breaches:
        table.add_column(Tables.COLUMN_BREACHES.say(language), justify="right")
    for level in levels:
        row = _objective_row(level, language)
        times = [count(breaches.get(f"{level.service} {level.objective.name}", 0))] if breaches else []
        table.add_row(*row, *times)
    return table


def _objective_row(level: ObjectiveLevel, language: Language) -> tuple[str, ...]:
    objective = level.objective
    verdict = Standing.of(objective, level.window).verdict
    return (
        level.service,
        in_language(objective.title, language),
        share(level.window),
        f"{share(objective.target)} / {objective.window.name}",
        _good_of_total(level.window, objective.unit),
        f"[{_STYLES[verdict]}]{_STATES[verdict].say(language)}[/]",
    )
