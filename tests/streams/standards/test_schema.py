"""The published JSON Schema of the standards file: fresh, valid, and in agreement with the loader on good files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import jsonschema
import orjson
import pytest
import yaml

from streams.standards.form.forms import json_schema

FILES = Path(__file__).parent / "files"
FILLED = {"service": {"value": "a"}, "time": {"path": "t"}}


def test_the_committed_schema_is_what_would_be_generated_now() -> None:
    committed = orjson.loads((files("agents") / "schemas" / "standards.schema.json").read_bytes())
    assert committed == json_schema(), "run `slm generate schema`"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", ["contact-centre.yaml", "web-shop.yaml"])
def test_good_files_fulfil_it(name: str) -> None:
    # As editors read it: without YAML 1.1's dates and times.
    data = yaml.load((FILES / name).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - texts only
    data["version"] = 1
    for service in data["services"].values():
        for objective in service["objectives"].values():
            objective.update(
                {key: yaml.safe_load(objective[key]) for key in ("alert", "minimum_total") if key in objective}
            )
        for step in service.get("steps", {}).values():
            points = step.get("failure_points")
            if isinstance(points, dict):
                step["failure_points"] = {name: None if value == "null" else value for name, value in points.items()}
    jsonschema.validate(data, json_schema())


def test_a_list_of_numbers_is_in_it() -> None:
    mapping = {**FILLED, "amount": {"path": "a", "list": "sum"}}
    jsonschema.validate({"version": 1, "topics": {"t": {"mapping": mapping}}}, json_schema())


@pytest.mark.parametrize(
    "data",
    [
        {"version": 2},
        {"version": 1, "servcies": {}},
        {"version": 1, "services": {"s": {"objectives": {"o": {"target": "99%"}}}}},
        {"version": 1, "services": {"s": {"steps": {"a": {"stage": "middle"}}}}},
        {"version": 1, "topics": {"t": {"lateness": 5}}},
        {"version": 1, "topics": {"t": {"mapping": {"service": {"value": "a"}}}}},
        {
            "version": 1,
            "topics": {"t": {"mapping": {"service": {}, "time": {}, "value": {"path": "v", "list": "avg"}}}},
        },
        {"version": 1, "calendars": {"c": {"mon": "9-5"}}},
    ],
)
def test_plain_mistakes_break_it(data: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json_schema())
