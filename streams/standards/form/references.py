"""Check the parts of a standards file against one another: steps, fail points, days, fields of mappings.

Works on the plain data, so that these problems are found together with those of the form; a part that the form refuses
is passed over here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import Final, TypeVar

from streams.events import event
from streams.mappings import mapping
from streams.mappings.conversions import SUMMABLE
from streams.standards.form import quantities
from streams.standards.form.fields import MAX_DATES
from streams.standards.problems.problems import Finding, Path, Unfit, closest, enumerate_names, show_text, suggest

T = TypeVar("T")

_MEASURES: Final = ("response_time", "availability", "failure_free")
_OF_CALENDARS: Final = ("timezone", "holidays", "workdays")


def check(data: object) -> Iterator[Finding]:
    """Every contradiction in ``data``, the file's content as read from YAML."""
    for name, service in _members(data, "services"):
        yield from _service(service, ("services", name))
    for name, calendar in _members(data, "calendars"):
        yield from _calendar(calendar, ("calendars", name))
    for name, topic in _members(data, "topics"):
        yield from _mapping(topic, ("topics", name, "mapping"))


def _service(service: object, at: Path) -> Iterator[Finding]:
    points = {name: _names(_get(step, "failure_points")) for name, step in _members(service, "steps")}
    for name, objective in _members(service, "objectives"):
        yield from _one_measure(_get(objective, "measure"), (*at, "objectives", name, "measure"))
        for kind, measure in _members(objective, "measure"):
            yield from _measure(measure, points, (*at, "objectives", name, "measure", kind))


def _one_measure(measure: object, at: Path) -> Iterator[Finding]:
    if isinstance(measure, dict) and len(measure) != 1:
        found = f"{len(measure)} measures" if measure else "an empty mapping"
        rule = f"a measure is exactly one of {enumerate_names(_MEASURES)}"
        yield Finding(at, found, rule, "write one objective for each" if measure else "write one of them")


def _measure(measure: object, points: Mapping[str, Collection[str]], at: Path) -> Iterator[Finding]:
    step = _get(measure, "step")
    if isinstance(step, str) and step not in points:
        remedy = f"add it to {at[0]}.{at[1]}.steps"
        yield _undeclared((*at, "step"), step, points, "step", remedy)
        return
    declared = points[step] if isinstance(step, str) else {name for names in points.values() for name in names}
    named = _get(measure, "failure_points")
    for index, name in enumerate(named if isinstance(named, list) else [named]):
        if isinstance(name, str) and name not in declared:
            path = (*at, "failure_points", index) if isinstance(named, list) else (*at, "failure_points")
            yield _undeclared(path, name, declared, "fail point", "add it to the failure_points of its step")


def _undeclared(path: Path, name: str, declared: Collection[str], what: str, remedy: str) -> Finding:
    listed = f"declared here: {enumerate_names(declared)}" if declared else "none is declared here"
    rule = f"a {what} is declared before an objective names it ({listed})"
    return Finding(path, show_text(name), rule, suggest(name, declared, remedy))


def _names(points: object) -> set[str]:
    """Fail points in either spelling, a mapping or a list."""
    return {name for name in points if isinstance(name, str)} if isinstance(points, dict | list) else set()


def _calendar(calendar: object, at: Path) -> Iterator[Finding]:
    week: dict[int, tuple[quantities.Interval, ...]] = {}
    calendar = {} if calendar is None else calendar
    if not isinstance(calendar, dict):
        return
    unreadable = False
    for key in (key for key in calendar if key not in _OF_CALENDARS):
        try:
            days = quantities.days(key)
        except Unfit as unfit:
            meant = closest(key, _OF_CALENDARS)
            remedy = f"did you mean {meant}?" if meant else unfit.remedy
            yield Finding((*at, key), show_text(key), unfit.rule, remedy, of_key=True)
            unreadable = True
            continue
        if twice := [quantities.WEEKDAYS[day] for day in days if day in week]:
            rule = f"a day has its hours in one place, and {enumerate_names(twice)} has them already"
            yield Finding((*at, key), show_text(key), rule, "name each day once", of_key=True)
        week.update(dict.fromkeys(days, _or_none(quantities.hours, calendar[key]) or ()))
    if not week and not unreadable:
        yield Finding(at, "no opening hours", "a business clock runs on one day at least", 'add mon-fri: "09:00-18:00"')
    yield from _overlaps(week, at)
    yield from _double_dates(calendar, at)


def _overlaps(week: Mapping[int, tuple[quantities.Interval, ...]], at: Path) -> Iterator[Finding]:
    for day, hours in sorted(week.items()):
        after = week.get((day + 1) % 7, ())
        if hours and after and hours[-1][1] - quantities.MINUTES_A_DAY > after[0][0]:
            this, following = quantities.WEEKDAYS[day], quantities.WEEKDAYS[(day + 1) % 7]
            found = f"hours of {this} that reach into those of {following}"
            yield Finding(at, found, "opening hours do not overlap", f"end {this} at {quantities.clock(after[0][0])}")


def _double_dates(calendar: Mapping[str, object], at: Path) -> Iterator[Finding]:
    holidays = {day for _, days in _dates(calendar, "holidays") for day in days}
    for path, days in _dates(calendar, "workdays"):
        if both := holidays.intersection(days):
            rule = "a date is a holiday or a working day, not both"
            yield Finding((*at, *path), f"{min(both)}, a holiday too", rule, "remove it from one of the lists")


def _dates(calendar: Mapping[str, object], key: str) -> Iterator[tuple[Path, tuple[date, ...]]]:
    """Dates in a list of dates, or a single one in place of a list, each with its path within the calendar."""
    listed = calendar.get(key)
    for index, each in enumerate(listed[:MAX_DATES] if isinstance(listed, list) else [listed]):
        yield (key, index) if isinstance(listed, list) else (key,), _or_none(quantities.dates, each) or ()


def _mapping(topic: object, at: Path) -> Iterator[Finding]:
    rules = {name: rule for name, rule in _members(topic, "mapping") if name in mapping.FIELDS}
    for name, rule in rules.items():
        for steps, value in _values(rule):
            if not mapping.accepts(name, value):
                rule_broken = f"{name} takes {mapping.wanted(name)}"
                yield Finding((*at, name, *steps), _shown(value), rule_broken, _instead(name, value))
        if _get(rule, "unit") is not None and name not in mapping.TIMED:
            rule_broken = f"only {enumerate_names(mapping.TIMED)} have units"
            yield Finding((*at, name, "unit"), _shown(_get(rule, "unit")), rule_broken, "remove it")
        if _get(rule, "list") is not None and name not in SUMMABLE:
            rule_broken = f"only {enumerate_names(SUMMABLE)} are added up"
            yield Finding((*at, name, "list"), _shown(_get(rule, "list")), rule_broken, "remove it")
    if rules:
        yield from _incomplete(rules, at)


def _incomplete(rules: Mapping[str, object], at: Path) -> Iterator[Finding]:
    """Finding that events lack a field, where all are of one kind."""
    kind = _get(rules.get("kind", {"value": "interaction"}), "value")
    alternatives = event.REQUIRED.get(kind, ()) if isinstance(kind, str) else ()
    if alternatives and not any(set(names) <= rules.keys() for names in alternatives):
        needed = " or ".join(" and ".join(names) for names in alternatives)
        found = f"no {needed}"
        yield Finding(at, found, f"events of the kind {kind} have {needed}", f"add {alternatives[0][-1]}: {{path: …}}")


def _instead(name: str, value: object) -> str:
    """Remedy for ``value``, which the field ``name`` does not take."""
    if options := mapping.choices(name):
        return suggest(str(value), options, "write one of them")
    if isinstance(value, int | float) and mapping.accepts(name, str(value)):
        return f'write "{_shown(value)}" in quotes'
    if mapping.accepts(name, value=True):
        return f"write {'false' if str(value).lower() in {'no', 'off'} else 'true'}"
    return "write a number without quotes" if mapping.accepts(name, 1) else "write it shorter"


def _values(rule: object) -> Iterator[tuple[Path, object]]:
    """Every value that ``rule`` may give to its field, with its path within the rule."""
    for key in ("value", "otherwise"):
        yield (key,), _get(rule, key)
    for key, value in _members(rule, "table"):
        yield ("table", key), value
    when = _get(rule, "when")
    for index, branch in enumerate(when if isinstance(when, list) else []):
        yield ("when", index, "then"), _get(branch, "then")


def _get(data: object, key: str) -> object:
    return data.get(key) if isinstance(data, dict) else None


def _members(data: object, key: str) -> list[tuple[str, object]]:
    """Members of the mapping at ``key``; none where there is no mapping."""
    found = _get(data, key)
    return list(found.items()) if isinstance(found, dict) else []


def _or_none(read: Callable[[object], T], value: object) -> T | None:
    """Result of ``read`` on ``value``; None where the form has refused it already."""
    try:
        return read(value)
    except Unfit:
        return None


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return (
        show_text(value)
        if isinstance(value, str)
        else "a mapping or list"
        if isinstance(value, dict | list)
        else str(value)
    )
