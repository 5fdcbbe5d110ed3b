"""Samples: each record becomes what decoding makes of it, and the mapping's parts are counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.events.control_records import tick
from streams.sampling.sample import Sample
from streams.sampling.sampler import SHOWN, Sampler
from streams.standards.load import load

MAPPING = """
version: 1
topics:
  t:
    mapping:
      drop_when: [skip, level == "debug"]
      service: {value: desk}
      time: {path: at}
      step: {path: where, table: {1: check-in, desk: check-out}}
      duration: {path: took, unit: ms}
      outcome: {when: [{if: "status >= 500", then: failed}, {if: status == 499, then: abandoned}], otherwise: ok}
"""


def sampled(*records: dict[str, Any] | bytes, mapping: str | None = MAPPING) -> Sample:
    sampler = Sampler(load(mapping, file="f").mappings["t"] if mapping else None)
    for line, record in enumerate(records, 1):
        sampler.add(line, record if isinstance(record, bytes) else json.dumps(record).encode())
    return sampler.sample("log", "t")


def test_the_first_events_are_shown_and_all_are_counted() -> None:
    sample = sampled(*({"at": i, "took": 1500} for i in range(9)))
    assert (sample.records, sample.accepted, len(sample.events)) == (9, 9, SHOWN)
    assert sample.events[1].line == 2
    assert sample.events[1].event == {"time": "1970-01-01T00:00:01Z", "service": "desk", "duration": 1.5}


def test_what_a_mapping_drops_and_control_records_are_ignored() -> None:
    sample = sampled({"at": 1, "skip": True}, {"at": 1, "level": "debug"}, tick(), {"kind": "control", "at": 1})
    assert (sample.ignored, sample.accepted) == (3, 1)  # the last is their own
    assert [(use.condition, use.held, use.of) for use in sample.conditions if use.field == "drop_when"] == [
        ("skip", 1, 3),
        ('level == "debug"', 1, 3),
    ]


def test_in_the_wire_format_control_records_are_ignored_too() -> None:
    assert sampled(tick(), mapping=None).ignored == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "not-json"),
        (b"[]", "not-an-object"),
        ({}, "missing-time"),
        ({"at": 1772438400000}, "time-out-of-range"),
        ({"at": -1}, "time-out-of-range"),
        ({"at": 1e300}, "time-out-of-range"),
        ({"at": "soon"}, "invalid-time"),
        ({"at": 1, "status": "x"}, "unmapped"),
        ({"at": 1, "skip": "x"}, "unmapped"),
    ],
)
def test_a_rejected_record_has_its_reason_and_its_line(record: dict[str, Any] | bytes, reason: str) -> None:
    (refused,) = sampled({"at": 1}, record, record).rejected
    assert (refused.reason, refused.records, refused.line) == (reason, 2, 2)
    assert refused.detail


def test_a_value_that_is_left_out_has_its_field_and_its_reason() -> None:
    sample = sampled({"at": 1, "took": "-"}, {"at": 2, "took": "-"}, {"at": 3, "took": -5}, {"at": 4, "where": "x"})
    assert sample.accepted == 4
    assert [(one.field, one.reason, one.events, one.line) for one in sample.left_out] == [
        ("duration", "negative", 1, 3),
        ("duration", "wrong-type", 2, 1),
        ("step", "unmapped", 1, 4),
    ]


def test_paths_conditions_and_tables_are_counted() -> None:
    sample = sampled(
        {"at": 1, "status": 500, "where": 1.0},
        {"at": 2, "status": "499", "where": "desk"},
        {"at": 3, "status": "x", "where": "lift"},
        {"at": 4, "skip": True, "status": 500, "where": "lift"},
        {"at": 5, "where": "bar"},
        {"at": 6, "where": "lift"},
    )
    paths = {path.path: (path.fields, path.found, path.of) for path in sample.paths}
    assert paths == {
        "at": (("time",), 6, 6),
        "where": (("step",), 6, 6),
        "status": (("outcome",), 4, 6),
        "took": (("duration",), 0, 6),
        "skip": (("drop_when",), 1, 6),
        "level": (("drop_when",), 0, 6),
    }
    assert [(use.condition, use.held, use.could_not_compare, use.of) for use in sample.conditions[2:]] == [
        ("status >= 500", 1, 1, 5),
        ("status == 499", 1, 1, 5),
    ]
    (table,) = sample.tables
    assert (table.field, table.looked_up, table.no_entry, table.of) == ("step", 5, 3, 5)
    assert [(key.value, key.records) for key in table.missing] == [('"lift"', 2), ('"bar"', 1)]


def test_a_sample_is_good_where_something_is_an_event_and_every_path_is_found() -> None:
    whole = {"at": 1, "where": 1, "took": 1, "status": 1, "skip": False, "level": "info"}
    assert sampled(whole).ok
    assert not sampled(whole | {"at": None}).ok
    poor = sampled({**whole, "took": None, "Took": 5})
    assert (poor.ok, [(path.path, path.meant) for path in poor.never_found]) == (False, [("took", "Took")])
    assert not sampled().ok
    assert sampled({"time": 1, "service": "a"}, mapping=None).ok


def test_unknown_fields_come_with_the_one_that_was_probably_meant() -> None:
    sample = sampled(
        {"time": 1, "service": "a", "latency": 5, "zebra": 1, "ts": 5},
        {"specversion": "1.0", "type": "x.probe", "time": 5, "data": {"service": "a", "up": True, "latency": 5}},
        mapping=None,
    )
    assert [(one.name, one.records, one.meant) for one in sample.unknown_fields] == [
        ("latency", 2, "duration"),
        ("ts", 1, None),  # there is a time beside it
        ("zebra", 1, None),
    ]


def test_a_time_that_no_calendar_has_does_no_harm() -> None:
    sample = sampled({"time": 5, "service": "a", "kind": "case", "case": "1", "transition": "opened", "due": 1e300},
                     mapping=None)  # fmt: skip
    assert sample.events[0].event["due"] == 1e300
