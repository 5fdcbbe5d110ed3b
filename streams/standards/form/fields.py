"""The single values of a standards file: how each is read, and how the JSON Schema describes it.

A reader takes what YAML holds and returns the value, or raises `Unfit` with the rule and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from streams.calendars import local_time
from streams.calendars.periods import Window
from streams.mappings import condition_parser, conditions, mapping, paths
from streams.standards.form import quantities
from streams.standards.model import VERSION, PokaYoke, Stage
from streams.standards.problems.problems import Unfit, closest, suggest
from streams.texts.phrase import Text

MAX_NAME: Final = 200
MAX_DATES: Final = 500
_TOPIC: Final = r"^[a-zA-Z0-9._-]{1,249}$"
#: Cities that are no names of time zones, and the zones that they are in.
_CITIES: Final = {"beijing": "Asia/Shanghai", "peking": "Asia/Shanghai", "bangalore": "Asia/Kolkata"}


def blank(value: object) -> object:
    """Take a key without a value for an empty mapping, as in unfinished files."""
    return {} if value is None else value


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit(rule="a name is a text", remedy="write it in quotes")
    if not 0 < len(value) <= MAX_NAME or value != value.strip() or not value.isprintable():
        raise Unfit(rule=f"a name has 1 to {MAX_NAME} characters, none of them at its ends blank", remedy="shorten it")
    return value


def _topic(value: object) -> str:
    name = _name(value)
    if not all(char.isascii() and (char.isalnum() or char in "._-") for char in name):
        raise Unfit(rule="topics are named with letters, digits, '.', '_' and '-'", remedy="write the topic's own name")
    return name


def _title(value: object) -> Text:
    rule = "a title is a text, or one for each language"
    if isinstance(value, str) and value.strip():
        return Text(value, value)
    if not isinstance(value, dict) or not value or not set(value) <= {"en", "zh"}:
        raise Unfit(rule=rule, remedy="write it as in {en: Hotline, zh: 热线}")
    if not all(isinstance(text, str) and text.strip() for text in value.values()):
        raise Unfit(rule=rule, remedy="write both texts in quotes")
    either = str(next(iter(value.values())))
    return Text(str(value.get("en", either)), str(value.get("zh", either)))


def _plain_text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit(rule="a text is expected", remedy="write it in quotes")
    return value


def _choice(*options: str) -> Callable[[object], str]:
    def choose(value: object) -> str:
        if isinstance(value, str) and value in options:
            return value
        rule = f"it is {'one of ' if len(options) > 1 else ''}{', '.join(options)}"
        otherwise = "write one of them" if len(options) > 1 else f"write {options[0]}"
        raise Unfit(rule=rule, remedy=suggest(str(value), options, otherwise))

    return choose


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        no = isinstance(value, str) and value.lower() in {"no", "off", "n", "never"}
        raise Unfit(rule="it is true or false", remedy=f"write {'false' if no else 'true'}")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 10**12:
        raise Unfit(rule="it is a whole number from 1", remedy="write it as in 100")
    return value


def _version(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value != VERSION:
        raise Unfit(rule=f"this program reads version {VERSION} of the form", remedy=f"write {VERSION} without quotes")
    return value


def _zone(value: object) -> str:
    rule = f"a time zone is a name of the tz database ({local_time.TZDATA_VERSION})"
    if not isinstance(value, str):
        raise Unfit(rule=rule, remedy="write it as in Asia/Shanghai")
    if re.search("[+-][0-9]", value) and not value.startswith("Etc/"):
        raise Unfit(rule=f"{rule}, which knows its summer time too", remedy="write its city, as in Asia/Shanghai")
    if value not in local_time.zone_names():
        city = closest(value.rpartition("/")[2], _CITIES, cutoff=0.85)
        meant = _CITIES[city] if city else closest(value, local_time.zone_names())
        raise Unfit(rule=rule, remedy=f"did you mean {meant}?" if meant else "write it as in Asia/Shanghai")
    return value


def _path(value: object) -> paths.Path:
    if not isinstance(value, str):
        raise Unfit(rule="a path is a text", remedy="write it as in request.route")
    try:
        return condition_parser.parse_path(value)
    except condition_parser.Malformed as error:
        raise Unfit(rule=f"the path cannot be read: {error}", remedy="write it as in request.items[0].name") from None


def _condition(value: object) -> conditions.Condition:
    if not isinstance(value, str):
        raise Unfit(rule="a condition is a text", remedy='write it as in "status >= 500"')
    try:
        return condition_parser.parse_condition(value)
    except condition_parser.Malformed as error:
        raise Unfit(rule=f"the condition cannot be read: {error}", remedy='write it as in "status >= 500"') from None


def _scalar(value: object) -> object:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise Unfit(rule="a text, a number, true or false is expected", remedy="write one value")
    return value


def listed(value: object) -> object:
    """Wrap a single value where a list is expected."""
    return value if isinstance(value, list) else [value]


def _dates_listed(value: object) -> object:
    """Bound the list before its entries are read: each may be a year of dates."""
    entries = listed(value)
    if isinstance(entries, list) and len(entries) > MAX_DATES:
        raise Unfit(rule=f"a list has at most {MAX_DATES} entries", remedy="write ranges")
    return entries


def failure_points(value: object) -> object:
    """Take a list of names for fail points without a class."""
    if not isinstance(value, list):
        return blank(value)
    names = [_name(each) for each in value]
    if len(names) != len(set(names)):
        raise Unfit(rule="a fail point is named once", remedy="remove the second")
    return dict.fromkeys(names)


def abandoned(value: object) -> object:
    """Take a single word for all abandoned interactions, however short."""
    return value if isinstance(value, dict) else {"otherwise": value}


def _poka_yoke(value: object) -> object:
    return None if value is None else _choice(*PokaYoke)(value)


def _text_schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def _one_of(*options: str) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(_choice(*options)), WithJsonSchema({"enum": list(options)})


Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME})]
Topic = Annotated[str, PlainValidator(_topic), WithJsonSchema({"type": "string", "pattern": _TOPIC})]
Title = Annotated[
    Text,
    PlainValidator(_title),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"en": {"type": "string"}, "zh": {"type": "string"}},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        }
    ),
]
PlainText = Annotated[str, PlainValidator(_plain_text), WithJsonSchema({"type": "string"})]
Zone = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["Asia/Shanghai", "UTC"]})]
Limit = Annotated[
    int, PlainValidator(quantities.positive_duration_us), _text_schema(quantities.DURATION_PATTERN, "10s", "1h30m")
]
Lateness = Annotated[int, PlainValidator(quantities.lateness_ms), _text_schema(quantities.DURATION_PATTERN, "60s")]
Target = Annotated[Fraction, PlainValidator(quantities.target), _text_schema(quantities.PERCENTAGE_PATTERN, "99.9%")]
WindowText = Annotated[
    Window, PlainValidator(quantities.window), _text_schema(quantities.WINDOW_PATTERN, "28d", "calendar month")
]
Hours = Annotated[
    tuple[quantities.Interval, ...],
    PlainValidator(quantities.hours),
    _text_schema(quantities.HOURS_PATTERN, "09:00-12:00, 13:30-18:00", "22:00-06:00"),
]
Dates = Annotated[
    tuple[date, ...],
    PlainValidator(quantities.dates),
    _text_schema(quantities.DATES_PATTERN, "2026-10-01", "2026-10-01..2026-10-07"),
]
DateList = Annotated[
    list[Dates],
    BeforeValidator(_dates_listed, json_schema_input_type=Dates | list[Dates]),
    Field(max_length=MAX_DATES),
]
Boolean = Annotated[bool, PlainValidator(_boolean), WithJsonSchema({"type": "boolean"})]
Count = Annotated[int, PlainValidator(_count), WithJsonSchema({"type": "integer", "minimum": 1})]
StageName = Annotated[str, *_one_of(*Stage)]
AbandonedAs = Annotated[str, *_one_of("bad", "excluded", "good-in-time")]
FailedAs = Annotated[str, *_one_of("bad", "excluded")]
AvailabilityBy = Annotated[str, *_one_of("request", "probe")]
UnitName = Annotated[str, *_one_of(*mapping.TimeUnit)]
ListingName = Annotated[str, *_one_of(*mapping.Listing)]
Version = Annotated[int, PlainValidator(_version), WithJsonSchema({"const": VERSION})]
FailureClass = Annotated[str | None, PlainValidator(_poka_yoke), WithJsonSchema({"enum": [*PokaYoke, None]})]
FieldPath = Annotated[paths.Path, PlainValidator(_path), WithJsonSchema({"type": "string"})]
ConditionText = Annotated[conditions.Condition, PlainValidator(_condition), WithJsonSchema({"type": "string"})]
Scalar = Annotated[
    conditions.Scalar, PlainValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]
