"""The form of the standards file; the JSON Schema for editors is made from it.

Unknown keys are errors. `fields` reads single values; `references` checks the parts of the file against one another.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from streams.calendars.periods import Window
from streams.mappings import mapping
from streams.standards.form import fields
from streams.standards.problems.problems import Unfit

Blank = BeforeValidator(fields.blank)


class Form(BaseModel):
    """What all parts of the file share: no unknown keys, no change after reading."""

    # Defer building: most forms are only built as parts of `StandardsForm`.
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)


class AbandonedForm(Form):
    """How abandoned interactions count. A single word stands for `otherwise`."""

    short: fields.Limit | None = Field(default=None, description="Those abandoned sooner than this are left out.")
    otherwise: fields.AbandonedAs = Field(default="bad", description="How the others count.")


class ResponseTimeForm(Form):
    """Share of interactions that were served within a limit."""

    within: fields.Limit = Field(description="Limit, as in 10s: at most this counts as good.", examples=["10s"])
    step: fields.Name | None = Field(default=None, description="Only this step of the service.")
    class_: fields.Name | None = Field(default=None, alias="class", description="Only interactions of this class.")
    abandoned: Annotated[
        AbandonedForm, BeforeValidator(fields.abandoned, json_schema_input_type=fields.AbandonedAs | AbandonedForm)
    ] = Field(default=AbandonedForm(), description="How abandoned interactions count: bad by default.")
    failed: fields.FailedAs = Field(default="bad", description="How failed interactions count.")


class AvailabilityForm(Form):
    """Share of requests that did not fail, or share of the observed time that was up."""

    by: fields.AvailabilityBy = Field(
        description="Judge requests, or the time that probes observe.", examples=["request"]
    )
    step: fields.Name | None = Field(default=None, description="Only this step of the service.")
    class_: fields.Name | None = Field(default=None, alias="class", description="Only requests of this class.")

    @model_validator(mode="after")
    def _probes_have_no_class(self) -> Self:
        if self.by == "probe" and self.class_ is not None:
            raise Unfit(rule="probes have no class", remedy="remove class, or write by: request")
        return self


class FailureFreeForm(Form):
    """Share of interactions in which no fail point was hit."""

    step: fields.Name | None = Field(default=None, description="Only this step of the service.")
    class_: fields.Name | None = Field(default=None, alias="class", description="Only interactions of this class.")
    failure_points: Annotated[
        list[fields.Name], BeforeValidator(fields.listed, json_schema_input_type=fields.Name | list[fields.Name])
    ] = Field(default_factory=list, description="Only these fail points; all of them by default.")


class MeasureForm(Form):
    """What is measured: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    response_time: ResponseTimeForm | None = None
    availability: AvailabilityForm | None = None
    failure_free: Annotated[FailureFreeForm | None, Blank] = None

    @model_validator(mode="after")
    def _given(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise Unfit(rule="a measure says what it measures", remedy="write it as in {response_time: {within: 10s}}")
        return self


class ObjectiveForm(Form):
    """A measure, the share of it that has to be good, and the window over which that holds."""

    title: fields.Title | None = Field(default=None, description="Shown to people; the name by default.")
    measure: MeasureForm = Field(examples=["{response_time: {within: 10s}}"])
    target: fields.Target = Field(description="Share that has to be good, as in 99.9%.", examples=["95%"])
    window: fields.WindowText = Field(default=Window("28d", rolling_ms=2_419_200_000), description="28d by default.")
    minimum_total: fields.Count = Field(default=1, description="With fewer events than this there is no verdict.")
    alert: fields.Boolean = Field(default=True, description="Whether a breach pages somebody.")


class StepForm(Form):
    """A step of the service blueprint."""

    title: fields.Title | None = Field(default=None, description="Shown to people; the name by default.")
    stage: fields.StageName | None = Field(default=None, description="front: the customer sees it; back: not.")
    failure_points: Annotated[
        dict[fields.Name, fields.FailureClass],
        BeforeValidator(
            fields.failure_points, json_schema_input_type=dict[fields.Name, fields.FailureClass] | list[fields.Name]
        ),
    ] = Field(
        default_factory=dict, description="Where the step can fail: names, each with its poka-yoke class if known."
    )


class ServiceForm(Form):
    """What is monitored, its steps and its objectives."""

    title: fields.Title | None = Field(default=None, description="Shown to people; the name by default.")
    owner: fields.PlainText = Field(default="", description="Who answers for the service.")
    steps: Annotated[dict[fields.Name, Annotated[StepForm, Blank]], Blank] = Field(default_factory=dict)
    objectives: Annotated[dict[fields.Name, ObjectiveForm], Blank] = Field(default_factory=dict)


class CalendarForm(Form):
    """A business clock: days or ranges of days with their opening hours, holidays, make-up working days."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, fields.Hours] = Field(init=False)

    timezone: fields.Zone | None = Field(default=None, description="The file's time zone by default.")
    holidays: fields.DateList = Field(default_factory=list, description="Dates and ranges of dates that are closed.")
    workdays: fields.DateList = Field(default_factory=list, description="Dates that are open whatever the weekday.")


class BranchForm(Form):
    """A condition and the value of the field where it holds."""

    if_: fields.ConditionText = Field(alias="if", examples=['"status >= 500"'])
    then: fields.Scalar = Field(examples=["failed"])


class RuleForm(Form):
    """How one field of an event is filled: a constant, a path, a look-up table over a path, or conditions."""

    value: fields.Scalar = Field(default=None, description="Always this.")
    path: fields.FieldPath | None = Field(
        default=None, description="Where the value stands, as in request.items[0].name."
    )
    unit: fields.UnitName | None = Field(
        default=None, description="Unit of a time or duration; seconds are what results."
    )
    list_: fields.ListingName | None = Field(
        default=None,
        alias="list",
        description="What becomes of several numbers at the path, in a list or in one text as nginx writes them.",
    )
    absent: Annotated[
        list[fields.Scalar], BeforeValidator(fields.listed, json_schema_input_type=fields.Scalar | list[fields.Scalar])
    ] = Field(default_factory=list, description="Values at the path that stand for none, as - and -1 in many logs.")
    table: dict[str, fields.Scalar] | None = Field(default=None, description="What the values at the path stand for.")
    when: Annotated[
        list[BranchForm] | None, BeforeValidator(fields.listed, json_schema_input_type=BranchForm | list[BranchForm])
    ] = Field(default=None, description="Conditions in order; the first that holds decides.")
    otherwise: fields.Scalar = Field(default=None, description="Value where path, table or conditions give none.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = self.model_fields_set
        ways = given & {"value", "path", "when"}
        if len(ways) != 1:
            remedy = "keep one of them" if ways else "write it as in {path: request.route}"
            raise Unfit(rule="a field is filled by exactly one of value, path, when", remedy=remedy)
        if "table" in given and "path" not in given:
            raise Unfit(rule="a table looks up what stands at a path", remedy="add path, as in path: request.method")
        if "unit" in given and ("path" not in given or "table" in given):
            raise Unfit(rule="a unit belongs to the number at a path", remedy="remove unit")
        if "list_" in given and ("path" not in given or "table" in given):
            remedy = "remove list" if "path" in given else "add path, as in path: upstream_response_time"
            raise Unfit(rule="a list of numbers stands at a path, and in no table", remedy=remedy)
        if "absent" in given and ("path" not in given or "table" in given):
            remedy = 'write such values in the table, as in "-": null' if "table" in given else "remove absent"
            raise Unfit(rule="values that stand for none are found at a path", remedy=remedy)
        if "otherwise" in given and "value" in given:
            raise Unfit(rule="a constant needs no otherwise", remedy="remove otherwise")
        return self


def _attribute(name: str) -> str:
    return "class_" if name == "class" else name


class MappingBase(Form):
    """How records of other people's topics become events: a rule for each field of the wire format."""

    drop_when: Annotated[
        list[fields.ConditionText],
        BeforeValidator(fields.listed, json_schema_input_type=fields.ConditionText | list[fields.ConditionText]),
    ] = Field(default_factory=list, description="Records for which one of these holds are no events, and are ignored.")

    def rules(self) -> dict[str, RuleForm]:
        """Rules that the file gives, by field of the wire format."""
        found = {name: getattr(self, _attribute(name)) for name in sorted(mapping.FIELDS)}
        return {name: rule for name, rule in found.items() if rule is not None}


def _mapping_form() -> type[MappingBase]:
    example = {"service": "{value: web}", "time": "{path: timestamp, unit: ms}"}
    members: dict[str, Any] = {
        _attribute(name): (RuleForm, Field(alias=name, examples=[example[name]]))
        if name in mapping.REQUIRED
        else (RuleForm | None, Field(default=None, alias=name))
        for name in sorted(mapping.FIELDS)
    }
    return create_model("MappingForm", __base__=MappingBase, __doc__=MappingBase.__doc__, **members)


if TYPE_CHECKING:
    MappingForm = MappingBase
else:
    MappingForm = _mapping_form()


class TopicForm(Form):
    """What is particular about one source topic."""

    lateness: fields.Lateness | None = Field(default=None, description="How long to wait for late events, as in 60s.")
    mapping: MappingForm | None = Field(
        default=None, description="For topics whose records are not in the wire format."
    )


class StandardsForm(Form):
    """The written levels that services must reach. An empty file is valid: all is measured, nothing is promised."""

    version: fields.Version = Field(description="Version of this form.", examples=["1"])
    timezone: fields.Zone = Field(default="UTC", description="Days, months and business clocks are local to it.")
    calendars: Annotated[dict[fields.Name, Annotated[CalendarForm, Blank]], Blank] = Field(default_factory=dict)
    services: Annotated[dict[fields.Name, Annotated[ServiceForm, Blank]], Blank] = Field(default_factory=dict)
    topics: Annotated[dict[fields.Topic, Annotated[TopicForm, Blank]], Blank] = Field(default_factory=dict)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file. It says less than `load`, which also compares the parts with one another."""
    schema = StandardsForm.model_json_schema(by_alias=True, mode="validation")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Standards of the service-level monitor",
    }
    return cast("dict[str, Any]", json.loads(json.dumps({**schema, **head}, default=str)))
