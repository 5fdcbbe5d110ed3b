"""Logs as well-known programs write them, a dozen lines each, with the figures that a person counts in them by hand.

Each folder beside this file is one format: `log.jsonl`, the `standards.yaml` that map it and promise something, and
`expected.yaml`, which names the lines that each figure comes from. Lines and names are made up; fields, units, and what
stands where there is no value, are as each program documents them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import yaml

from agents.files.standards_file import read_standards
from streams.engine.progress import Progress
from streams.standards.model import Standards

FOLDER: Final = Path(__file__).parent
#: Every format: the folders that hold a log.
FORMATS: Final = sorted(path.parent.name for path in FOLDER.glob("*/log.jsonl"))

Figures = dict[str, Any]


def log_of(name: str) -> Path:
    """The log of the format ``name``."""
    return FOLDER / name / "log.jsonl"


def lines_of(name: str) -> list[bytes]:
    """Records of the format ``name``, as a topic would hold them."""
    return log_of(name).read_bytes().splitlines()


def standards_of(name: str) -> Path:
    """The standards file of the format ``name``."""
    return FOLDER / name / "standards.yaml"


def mapped(name: str) -> tuple[Standards, str]:
    """The standards of the format ``name``, and the one topic that they map."""
    standards = read_standards(standards_of(name))
    (topic,) = standards.mappings
    return standards, topic


def expected(name: str) -> Figures:
    """What a person counts in the log of the format ``name``, as `figures` gives it."""
    written = yaml.safe_load((FOLDER / name / "expected.yaml").read_text("utf-8"))
    return {
        "records": written["records"],
        "left out": written["left_out"],
        "steps": [dict(_counted(step)) for step in written["steps"]],
        "objectives": written["objectives"],
    }


def figures(document: Mapping[str, Any], left_out: list[dict[str, Any]]) -> Figures:
    """Those of the figures of `slm replay --json` that `expected` has, with what was ``left_out`` of events."""
    records = document["records"]
    return {
        "records": {name: records[name] for name in ("read", "accepted", "ignored", "duplicates", "rejected")},
        "left out": left_out,
        "steps": [dict(_found(step)) for step in document["steps"]],
        "objectives": [
            {
                "service": objective["service"],
                "objective": objective["objective"],
                "good": objective["good_in_log"],
                "total": objective["total_in_log"],
            }
            for objective in document["objectives"]
        ],
    }


def left_out(parts: Iterable[Progress]) -> list[dict[str, Any]]:
    """How many values were left out of events, by field and reason."""
    return [
        {"field": field, "reason": str(reason), "count": count}
        for part in parts
        for (field, reason), count in sorted(part.unreadable.items())
    ]


_PLAIN: Final = ("service", "step", "ok", "failed", "abandoned")


def _counted(step: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Figures of a step as they are written: seconds, and the share as a fraction."""
    yield from ((name, step[name]) for name in _PLAIN)
    yield "availability", float(Fraction(step["availability"]))
    points = {"unspecified": step["failed"]} if step["failed"] else {}
    yield "failure points", step.get("failure_points", points)
    response = step["response"]
    yield "response", response and {name: _microseconds(name, value) for name, value in response.items()}


def _microseconds(name: str, value: float) -> int:
    """Whole microseconds in ``value`` seconds; a count stays what it is."""
    number = value if name == "count" else Decimal(str(value)) * 1_000_000
    assert number == int(number), f"{name}: {value} s is no whole number of microseconds"
    return int(number)


def _found(step: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield from ((name, step[name]) for name in (*_PLAIN, "availability"))
    yield "failure points", step["failure_points"]
    response = step["response_microseconds"]
    yield "response", response and {name: response[name] for name in ("count", "min", "max", "sum")}
