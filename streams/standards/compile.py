"""Compile the form of the file to the model: names filled in, all sorted, so that equal meaning gives equal values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import TypeVar

from streams.calendars.business_hours import Calendar
from streams.mappings.mapping import Choice, Constant, LookupTable, MappingSpec, Rule, Summed, Taken, TimeUnit
from streams.standards import model
from streams.standards.digest import digest
from streams.standards.form import forms, quantities
from streams.texts.phrase import Text

T = TypeVar("T")


def compile_standards(form: forms.StandardsForm) -> model.Standards:
    """Turn a checked form into the standards that router and views read."""
    topics = _sorted(form.topics)
    standards = model.Standards(
        timezone=form.timezone,
        services={name: _service(name, each) for name, each in _sorted(form.services).items()},
        calendars={name: _calendar(each, form.timezone) for name, each in _sorted(form.calendars).items()},
        mappings={name: _mapping(each.mapping) for name, each in topics.items() if each.mapping is not None},
        lateness_ms={name: each.lateness for name, each in topics.items() if each.lateness is not None},
    )
    return replace(standards, digest=digest(standards))


def _service(name: str, form: forms.ServiceForm) -> model.Service:
    return model.Service(
        name=name,
        title=_title(form.title, name),
        owner=form.owner,
        steps={step: _step(step, each) for step, each in _sorted(form.steps).items()},
        objectives={objective: _objective(objective, each) for objective, each in _sorted(form.objectives).items()},
    )


def _step(name: str, form: forms.StepForm) -> model.Step:
    points = {point: model.PokaYoke(each) if each else None for point, each in _sorted(form.failure_points).items()}
    stage = model.Stage(form.stage) if form.stage else None
    return model.Step(name=name, title=_title(form.title, name), stage=stage, failure_points=points)


def _objective(name: str, form: forms.ObjectiveForm) -> model.Objective:
    return model.Objective(
        name=name,
        measure=_measure(form.measure),
        target=form.target,
        window=form.window,
        title=_title(form.title, name),
        minimum_total=form.minimum_total,
        alert=form.alert,
    )


def _measure(form: forms.MeasureForm) -> model.Measure:
    if form.response_time is not None:
        return _response_time(form.response_time)
    if form.availability is not None:
        return _availability(form.availability)
    assert form.failure_free is not None
    chosen = form.failure_free
    return model.FailureFree(frozenset(chosen.failure_points), step=chosen.step, class_=chosen.class_)


def _response_time(form: forms.ResponseTimeForm) -> model.ResponseTimeWithin:
    return model.ResponseTimeWithin(
        within_us=form.within,
        step=form.step,
        class_=form.class_,
        abandoned=_abandonment(form.abandoned),
        failed=model.Verdict(form.failed),
    )


def _abandonment(form: forms.AbandonedForm) -> model.Abandonment:
    short_us = form.short or 0
    if form.otherwise == "good-in-time":
        return model.Abandonment(model.Verdict.GOOD, model.Verdict.BAD, short_us)
    verdict = model.Verdict(form.otherwise)
    return model.Abandonment(verdict, verdict, short_us)


def _availability(form: forms.AvailabilityForm) -> model.Measure:
    if form.by == "probe":
        return model.ProbeAvailability(step=form.step)
    return model.RequestAvailability(step=form.step, class_=form.class_)


def _title(title: Text | None, name: str) -> Text:
    return title or Text(name, name)


def _calendar(form: forms.CalendarForm, timezone: str) -> Calendar:
    hours_of = {day: hours for name, hours in (form.__pydantic_extra__ or {}).items() for day in quantities.days(name)}
    return Calendar(
        zone=form.timezone or timezone,
        weekly=tuple(hours_of.get(day, ()) for day in range(7)),
        holidays=_flat(form.holidays),
        workdays=_flat(form.workdays),
    )


def _flat(listed: Iterable[Iterable[date]]) -> frozenset[date]:
    return frozenset(day for days in listed for day in days)


def _mapping(form: forms.MappingBase) -> MappingSpec:
    return MappingSpec({name: _rule(rule) for name, rule in form.rules().items()}, tuple(form.drop_when))


def _rule(form: forms.RuleForm) -> Rule:
    if form.when is not None:
        return Choice(tuple((branch.if_, branch.then) for branch in form.when), form.otherwise)
    if form.path is None:
        return Constant(form.value)
    if form.table is not None:
        exhaustive = "otherwise" not in form.model_fields_set
        return LookupTable(form.path, _sorted(form.table), form.otherwise, exhaustive=exhaustive)
    unit = TimeUnit(form.unit) if form.unit else None
    make = Summed if form.list_ else Taken
    return make(form.path, unit, form.otherwise, tuple(form.absent))


def _sorted(members: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(members.items()))
