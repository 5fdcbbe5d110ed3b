"""The digest names a meaning: layout leaves it alone, content and time-zone data change it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streams.calendars import business_hours, periods
from streams.mappings import conditions, mapping, paths
from streams.standards import digest as digest_module
from streams.standards import model
from streams.standards.load import DEFAULT, load
from streams.texts import phrase

FILES = Path(__file__).parent / "files"
NAMES = ["contact-centre.yaml", "web-shop.yaml"]


def shuffled(value: Any, data: st.DataObject) -> Any:
    """``value`` with the keys of every mapping in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], data) for key in data.draw(st.permutations(sorted(value)))}
    return [shuffled(each, data) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
def test_layout_comments_and_the_order_of_keys_change_nothing(name: str, data: st.DataObject) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    tree = shuffled(yaml.safe_load(text.replace("2026-10-10", '"2026-10-10"')), data)
    relaid = json.dumps(tree, indent=data.draw(st.sampled_from([1, 2, 4])), ensure_ascii=data.draw(st.booleans()))
    assert load("# a comment\n" + relaid, file="other") == load(text, file=name)  # digest included


HEAD = "version: 1\ntimezone: Asia/Shanghai\n"
OBJECTIVE = "services: {{s: {{steps: {{a: }}, objectives: {{o: {{measure: {{{}}}, target: {}, window: {}}}}}}}}}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            OBJECTIVE.format("response_time: {within: 90s}", "95%", "28d"),
            OBJECTIVE.format("response_time: {within: 1m30s, abandoned: bad}", "95.0%", "672h"),
            id="quantities spelled otherwise, defaults written out",
        ),
        pytest.param(
            'calendars: {c: {mon-fri: "9:00-18:00", holidays: [2026-01-01..2026-01-02]}}',
            'calendars: {c: {"mon,tue": "09:00-12:00, 12:00-18:00", wed-fri: "09:00-18:00", timezone: Asia/Shanghai, '
            "holidays: [2026-01-02, 2026-01-01, 2026-01-01]}}",
            id="hours and dates spelled otherwise",
        ),
        pytest.param(
            'topics: {t: {mapping: {service: {value: a}, time: {path: t.u}, drop_when: "x>=5 and (y)"}}}',
            "topics: {t: {mapping: {drop_when: ['x >= 5 and y'], time: {path: 't[\"u\"]'}, service: {value: a}}}}",
            id="conditions and paths spelled otherwise",
        ),
        pytest.param("services: {s: {title: s}}", "services: {s: }", id="a title that is the name"),
        pytest.param(
            "services: {s: {steps: {a: {failure_points: [x, y]}}}}",
            "services: {s: {steps: {a: {failure_points: {y: , x: null}}}}}",
            id="fail points as a list and as a mapping",
        ),
    ],
)
def test_equal_meaning_has_an_equal_digest(one: str, other: str) -> None:
    assert load(HEAD + one, file="one") == load(HEAD + other, file="other")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("timezone: UTC", "timezone: Asia/Shanghai"),
        ("services: {s: }", "services: {t: }"),
        ("services: {s: {owner: a}}", "services: {s: {owner: b}}"),
        ("topics: {t: {lateness: 1s}}", "topics: {t: {lateness: 2s}}"),
        ("topics: {t: }", "topics: {t: {lateness: 60s}}"),
        (
            OBJECTIVE.format("response_time: {within: 10s}", "95%", "28d"),
            OBJECTIVE.format("response_time: {within: 10s}", "95.1%", "28d"),
        ),
        (
            OBJECTIVE.format("availability: {by: probe}", "95%", "28d"),
            OBJECTIVE.format("availability: {by: request}", "95%", "28d"),
        ),
        (
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, up: {value: true}}}}",
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, up: {path: 'true_'}}}}",
        ),
        (
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, duration: {path: d}}}}",
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, duration: {path: d, list: sum}}}}",
        ),
        (
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, duration: {path: d, absent: -1}}}}",
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, duration: {path: d, absent: '-1'}}}}",
        ),
        (
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, drop_when: x == 1}}}",
            "topics: {t: {mapping: {service: {value: a}, time: {path: t}, drop_when: x == true}}}",
        ),
    ],
)
def test_other_meaning_has_another_digest(one: str, other: str) -> None:
    assert load(f"version: 1\n{one}", file="f").digest != load(f"version: 1\n{other}", file="f").digest


def test_other_time_zone_data_has_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_module.digest(DEFAULT)
    assert before == DEFAULT.digest
    monkeypatch.setattr(digest_module, "TZDATA_VERSION", "1999a")
    assert digest_module.digest(DEFAULT) != before


def test_a_digest_is_sixty_four_hexadecimal_digits() -> None:
    assert len(bytes.fromhex(DEFAULT.digest)) == 32


#: The classes that standards are made of, by the names that saved digests have them under. A new class adds its name; a
#: class that is renamed keeps this one, by `_NAMES` of the module, else all digests that were saved would be strangers.
SAVED_NAMES = {
    "Abandonment", "Calendar", "Choice", "Combination", "Comparison", "Constant", "FailureFree", "Literal",
    "MappingSpec", "Membership", "Negation", "Objective", "Path", "ProbeAvailability", "RequestAvailability",
    "ResponseTimeWithin", "Service", "Standards", "Step", "Summed", "Table", "Taken", "Text", "Truth", "Window",
}  # fmt: skip
MADE_OF = [business_hours, conditions, mapping, model, paths, periods, phrase]


def test_classes_of_standards_have_the_names_that_were_saved() -> None:
    of_room = {
        kind
        for module in MADE_OF
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    }
    assert {digest_module._NAMES.get(kind.__name__, kind.__name__) for kind in of_room} == SAVED_NAMES


CANONICAL = {
    "contact-centre.yaml": "d9b57ca20741b806",
    "web-shop.yaml": "3aab046967902664",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_content_of_a_digest_is_what_it_was(name: str) -> None:
    content = digest_module.canonical(load((FILES / name).read_text("utf-8"), file=name))
    text = json.dumps(content, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CANONICAL[name]
