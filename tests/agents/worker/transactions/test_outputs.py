"""What a transaction carries: every record has the form that is published, and an identifier made of its content."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka.state_topic import state_prefix
from agents.settings.settings import Settings
from agents.worker.transactions.outputs import Output, outputs
from streams.decisions.breaches import Cause, Change, Decision
from streams.decoding.batch import SourcePartition
from streams.decoding.dead_letters import DeadLetter, encode_lines
from streams.engine.progress import Notice, NoticeType
from streams.engine.standards_log import BEGINNING_MS
from streams.events.rejections import Reason
from streams.slices.ratio import Ratio
from streams.state.framing import StateRow
from streams.state.processor import Commit

SETTINGS: Final = Settings.resolve({"group": "monitor"})
SOURCE: Final = SourcePartition("events", 3)
AT_MS: Final = 1_772_438_400_000
OPENED: Final = Decision(
    "hotline", "answered", Change.OPENED, AT_MS, Ratio(7, 10), AT_MS, AT_MS - 300_000, standards="3f9a"
)
CLOSED: Final = replace(OPENED, change=Change.CLOSED, at_ms=AT_MS + 60_000, ratio=Ratio(10, 10))
LETTER: Final = DeadLetter("events", 3, 17, Reason.NOT_JSON, "not JSON", b"junk")
NOTICES: Final = [
    Notice(NoticeType.STANDARDS, 9, AT_MS, {"hash": "3f9a", "change": "proposed"}),
    Notice(NoticeType.STANDARDS, 9, AT_MS, {"hash": "3f9a", "change": "in force"}),
    Notice(NoticeType.STANDARDS, 9, None, {"hash": "3f9a", "change": "unknown"}),
    Notice(NoticeType.STANDARDS, 0, BEGINNING_MS, {"hash": "3f9a", "change": "in force"}),
    Notice(NoticeType.GAP, 9, None, {"from": 9, "to": 40}),
    Notice(NoticeType.DAMAGE, 9, None, {"row": "s/c/0/10", "found": "its checksum does not hold"}),
    Notice(NoticeType.DAMAGE, 9, None, {"row": "m", "rebuilt": True}),
    Notice(NoticeType.FORMAT, 9, None, {"format": 1, "rebuilt": True}),
    Notice(NoticeType.FORMAT, 9, None, {"format": 1, "anew": [["hotline", "answered"]]}),
    Notice(NoticeType.POLICY, 9, None, {"lateness_ms": 60_000, "max_ahead_ms": 300_000}),
]


def schema(name: str) -> Any:
    return json.loads(files("agents").joinpath("schemas", f"{name}.v1.schema.json").read_text("utf-8"))


SCHEMAS: Final = {
    SETTINGS.dead_letters_topic: schema("dead-letters"),
    SETTINGS.breaches_topic: schema("breach"),
    SETTINGS.audit_topic: schema("audit"),
}


def written(
    *decisions: Decision,
    letters: tuple[DeadLetter, ...] = (),
    notices: tuple[Notice, ...] = (),
    rows: tuple[StateRow, ...] = (),
    source: SourcePartition = SOURCE,
) -> list[Output]:
    return outputs(SETTINGS, source, Commit(encode_lines(letters), decisions, notices, rows))


def document(output: Output) -> dict[str, Any]:
    """The record's value, once it is certain that it has the form that is published."""
    found: dict[str, Any] = json.loads(output.value or b"")
    jsonschema.Draft202012Validator(SCHEMAS[output.topic]).validate(found)
    return found


def breach(decision: Decision, source: SourcePartition = SOURCE) -> dict[str, Any]:
    return document(written(decision, source=source)[0])


def audit(what: Decision | Notice, source: SourcePartition = SOURCE) -> dict[str, Any]:
    found = written(what, source=source) if isinstance(what, Decision) else written(notices=(what,), source=source)
    return document(found[-1])


@pytest.mark.parametrize("name", ["dead-letters", "breach", "audit", "control"])
def test_a_published_form_is_a_schema_in_which_every_field_is_described(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))

    def fields(part: Any) -> list[tuple[str, Any]]:
        if isinstance(part, list):
            return [found for one in part for found in fields(one)]
        if not isinstance(part, dict):
            return []
        own = list(part.get("properties", {}).items()) if "additionalProperties" in part else []
        return own + [found for one in part.values() for found in fields(one)]

    undescribed = [field for field, about in fields(schema(name)) if not {"description", "$ref", "items"} & set(about)]
    assert [field for field in undescribed if field not in {"version", "kind"}] == []


# -- forms ----------------------------------------------------------------------------------------------------------


def test_a_decision_is_a_breach_and_an_audit_record() -> None:
    told, audited = written(OPENED)
    assert (told.topic, told.partition, told.key) == (SETTINGS.breaches_topic, None, b"hotline")
    assert (audited.topic, audited.partition, audited.key) == (SETTINGS.audit_topic, None, b"events/3")
    found = document(told)
    assert found == {
        "version": 1,
        "kind": "breach",
        "id": found["id"],
        "breach": found["breach"],
        "topic": "events",
        "partition": 3,
        "service": "hotline",
        "objective": "answered",
        "change": "opened",
        "at": AT_MS // 1_000,
        "since": AT_MS // 1_000,
        "good": 7,
        "total": 10,
        "standards": "3f9a",
    }
    record = document(audited)
    assert (record["type"], record["offset"], record["at"]) == ("decision", None, AT_MS / 1_000)
    assert record["detail"]["breach"] == found["breach"]
    assert record["detail"]["window_start"] == AT_MS // 1_000 - 300


@pytest.mark.parametrize("change", Change)
def test_every_change_has_the_published_form(change: Change) -> None:
    decision = replace(OPENED, change=change, ratio=Ratio())
    assert breach(decision)["change"] == audit(decision)["detail"]["change"] == str(change)


def test_why_a_decision_was_taken_that_the_log_has_not_led_to_is_told() -> None:
    assert "cause" not in breach(OPENED)
    for cause in Cause:
        decision = replace(OPENED, cause=cause)
        assert breach(decision)["cause"] == audit(decision)["detail"]["cause"] == str(cause)


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: f"{notice.type} {notice.detail}")
def test_every_notice_is_an_audit_record(notice: Notice) -> None:
    found = audit(notice)
    assert (found["type"], found["offset"], found["detail"]) == (str(notice.type), notice.offset, dict(notice.detail))
    dated = notice.at_ms is not None and notice.at_ms != BEGINNING_MS
    assert found["at"] == (AT_MS / 1_000 if dated else None)


def test_every_type_of_notice_is_tried_here() -> None:
    assert {notice.type for notice in NOTICES} == set(NoticeType)


def test_dead_letters_are_many_to_a_record() -> None:
    (output,) = written(letters=(LETTER, msgspec.structs.replace(LETTER, offset=18)))
    assert (output.topic, output.partition, output.key) == (SETTINGS.dead_letters_topic, None, b"events/3")
    assert [letter["offset"] for letter in document(output)["letters"]] == [17, 18]


def test_rows_are_written_to_the_partition_of_their_source_under_topic_partition_and_group() -> None:
    kept, deleted = written(rows=(StateRow(b"s/c/0/10", b"content"), StateRow(b"m/0", None)))
    assert kept == Output(SETTINGS.state_topic, 3, b"events\t3\tmonitor\ts/c/0/10", b"content")
    assert deleted == Output(SETTINGS.state_topic, 3, b"events\t3\tmonitor\tm/0", None)


def test_a_transaction_tells_first_and_ends_with_the_rows_in_their_order() -> None:
    rows = (StateRow(b"s/c/0/10", b"1"), StateRow(b"m/0", b"2"), StateRow(b"p", b"3"))
    found = written(OPENED, CLOSED, letters=(LETTER,), notices=(NOTICES[0],), rows=rows)
    told = [SETTINGS.dead_letters_topic, *[SETTINGS.breaches_topic] * 2, *[SETTINGS.audit_topic] * 3]
    assert [one.topic for one in found] == [*told, *[SETTINGS.state_topic] * 3]
    assert [one.key.rpartition(b"\t")[2] for one in found[-3:]] == [b"s/c/0/10", b"m/0", b"p"]


# -- identifiers ----------------------------------------------------------------------------------------------------

CHANGES: Final[dict[str, Any]] = {
    "service": "hotel",
    "objective": "reachable",
    "change": Change.CLOSED,
    "at_ms": AT_MS + 10_000,
    "ratio": Ratio(8, 10),
    "since_ms": AT_MS - 10_000,
    "standards": "77b0",
}
SOURCES: Final = [SourcePartition("events", 4), SourcePartition("other", 3)]


def test_the_same_content_has_the_same_identifiers() -> None:
    assert written(OPENED, CLOSED, letters=(LETTER,), notices=tuple(NOTICES)) == written(
        OPENED, CLOSED, letters=(LETTER,), notices=tuple(NOTICES)
    )


def test_other_content_has_another_identifier() -> None:
    decisions = [OPENED, *(replace(OPENED, **{name: value}) for name, value in CHANGES.items())]
    breaches = [breach(one)["id"] for one in decisions] + [breach(OPENED, source)["id"] for source in SOURCES]
    told: list[Decision | Notice] = [*decisions, replace(OPENED, start_ms=0), *NOTICES]
    audits = [audit(one)["id"] for one in told]
    audits += [audit(OPENED, source)["id"] for source in SOURCES]
    found = breaches + audits
    assert len(set(found)) == len(found)
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in found)


def test_a_breach_keeps_its_identifier_from_its_opening_to_its_end() -> None:
    ends = [replace(CLOSED, change=change) for change in (Change.CLOSED, Change.WITHDRAWN)]
    assert {breach(one)["breach"] for one in (OPENED, *ends)} == {audit(OPENED)["detail"]["breach"]}


def test_another_breach_has_another_identifier() -> None:
    others = [replace(OPENED, **{name: CHANGES[name]}) for name in ("service", "objective", "since_ms")]
    found = [breach(one)["breach"] for one in (OPENED, *others)] + [breach(OPENED, one)["breach"] for one in SOURCES]
    assert len(set(found)) == len(found)


def test_names_are_kept_apart_in_identifiers() -> None:
    one, other = replace(OPENED, service="a b", objective="c"), replace(OPENED, service="a", objective="b c")
    assert breach(one)["breach"] != breach(other)["breach"]


topics = st.from_regex(r"\A[A-Za-z0-9._-]{1,8}\Z")
groups = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
places = st.tuples(topics, st.integers(0, 120), groups)


@given(places, places)
def test_no_row_of_one_group_and_partition_is_taken_for_one_of_another(
    one: tuple[str, int, str], other: tuple[str, int, str]
) -> None:
    ours, theirs = (state_prefix(SourcePartition(topic, number), group) for topic, number, group in (one, other))
    assert (one == other) is theirs.startswith(ours)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("t", 1, "g"), ("t", 11, "g")),
        (("t", 1, "g"), ("t", 1, "g2")),
        (("t", 1, "g"), ("t1", 1, "g")),
        (("t", 1, "1"), ("t", 11, "")),
    ],
)
def test_names_that_begin_alike_are_kept_apart(one: tuple[str, int, str], other: tuple[str, int, str]) -> None:
    ours, theirs = (state_prefix(SourcePartition(topic, number), group) for topic, number, group in (one, other))
    assert not theirs.startswith(ours)
    assert not ours.startswith(theirs)
