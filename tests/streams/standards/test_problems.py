"""Problems of standards files: every mistake at once, each in its words, and that no bytes raise anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.standards.load import load
from streams.standards.problems.problems import StandardsError

FILES = Path(__file__).parent / "files"


def problems(text: str) -> list[str]:
    """Lines that the problems of ``text`` give."""
    with pytest.raises(StandardsError) as caught:
        load(text, file="f")
    return [str(problem) for problem in caught.value.problems]


def test_every_mistake_is_reported_at_once_with_its_line() -> None:
    text = (FILES / "mistakes.yaml").read_text(encoding="utf-8")
    with pytest.raises(StandardsError) as caught:
        load(text, file="mistakes.yaml")
    found = [problem.line for problem in caught.value.problems]
    lines = enumerate(text.splitlines(), start=1)
    marked = {number for number, line in lines if " # " in line and not line.lstrip().startswith("# ")}
    assert found == sorted(found)
    assert set(found) == marked
    assert len(found) == len(marked) + 3  # three lines are wrong in two ways
    assert all(str(problem).startswith(f"mistakes.yaml:{problem.line}: ") for problem in caught.value.problems)


SERVICE = "version: 1\nservices:\n  s:\n    steps: {answer: {failure_points: [rude]}}\n    objectives:\n      o: "


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "timezone: UTC",
            "f:1: version: found nothing; version is required; add version: 1",
            id="no version",
        ),
        pytest.param(
            "version: 2",
            "f:1: version: found 2; this program reads version 1 of the form; write 1 without quotes",
            id="a version of the future",
        ),
        pytest.param("hello", 'f:1: found "hello"; a mapping is expected here; begin with version: 1', id="a word"),
        pytest.param("[1]", "f:1: found a list of 1; a mapping is expected here; begin with version: 1", id="a list"),
        pytest.param(
            "version: 1\nservcies: {}",
            "f:2: servcies: found an unknown key; the keys here are calendars, services, timezone, topics, version; "
            "did you mean services?",
            id="a slip in a key",
        ),
        pytest.param(
            SERVICE + "{measure: {response_time: {within: 10, step: anwser}}, target: 99%}",
            "f:6: services.s.objectives.o.measure.response_time.within: found 10; a duration has a number and a unit; "
            "write 10s",
            id="a duration without its unit",
        ),
        pytest.param(
            SERVICE + "{measure: {response_time: {within: 10s, step: anwser}}, target: 99%}",
            'f:6: services.s.objectives.o.measure.response_time.step: found "anwser"; a step is declared before an '
            "objective names it (declared here: answer); did you mean answer?",
            id="a step that is not declared",
        ),
        pytest.param(
            SERVICE + "{measure: {failure_free: {step: answer, failure_points: rued}}, target: 99%}",
            'f:6: services.s.objectives.o.measure.failure_free.failure_points: found "rued"; a fail point is declared '
            "before an objective names it (declared here: rude); did you mean rude?",
            id="a fail point that is not declared",
        ),
        pytest.param(
            SERVICE + "{measure: {failure_free: }}",
            "f:6: services.s.objectives.o.target: found nothing; target is required; add target: 95%",
            id="no target",
        ),
        pytest.param(
            SERVICE + "{measure: {}, target: 99%}",
            "f:6: services.s.objectives.o.measure: found an empty mapping; a measure is exactly one of availability, "
            "failure_free, response_time; write one of them",
            id="no measure",
        ),
        pytest.param(
            SERVICE + "{measure: {failure_free: , availability: {by: probe}}, target: 99%}",
            "f:6: services.s.objectives.o.measure: found 2 measures; a measure is exactly one of availability, "
            "failure_free, response_time; write one objective for each",
            id="two measures",
        ),
        pytest.param(
            SERVICE + "{measure: {availability: {by: probe, class: vip}}, target: 99%}",
            'f:6: services.s.objectives.o.measure.availability: found a mapping with "by", "class"; probes have no '
            "class; remove class, or write by: request",
            id="a class of probes",
        ),
        pytest.param(
            SERVICE + "{measure: {response_time: {within: 1s, abandoned: ignored}}, target: 99%}",
            'f:6: services.s.objectives.o.measure.response_time.abandoned: found "ignored"; it is one of bad, '
            "excluded, good-in-time; write one of them",
            id="a word that is none of those allowed",
        ),
        pytest.param(
            "version: 1\ntimezone: Asia/Bejing",
            'f:2: timezone: found "Asia/Bejing"; a time zone is a name of the tz database ({tz}); did you mean '
            "Asia/Shanghai?",
            id="the time zone of Beijing",
        ),
        pytest.param(
            "version: 1\ntimezone: europe/berlin",
            'f:2: timezone: found "europe/berlin"; a time zone is a name of the tz database ({tz}); did you mean '
            "Europe/Berlin?",
            id="a time zone in lower case",
        ),
        pytest.param(
            "version: 1\ncalendars: {c: {sat: 09:00-12:00, 13:00-14:00}}",
            'f:2: calendars.c["13:00-14:00"]: found "13:00-14:00"; days are mon, tue, wed, thu, fri, sat, sun or '
            'ranges of them; put all hours of a day in one pair of quotes, as in mon-fri: "09:00-12:00, 13:30-18:00"',
            id="hours that YAML takes apart at the comma",
        ),
        pytest.param(
            'version: 1\ncalendars: {c: {mon: "22:00-06:00", tue: "05:00-09:00"}}',
            "f:2: calendars.c: found hours of mon that reach into those of tue; opening hours do not overlap; end mon "
            "at 05:00",
            id="a night that reaches into the morning's hours",
        ),
        pytest.param(
            "version: 1\ncalendars: {c: }",
            'f:2: calendars.c: found no opening hours; a business clock runs on one day at least; add mon-fri: '
            '"09:00-18:00"',
            id="a calendar without hours",
        ),
        pytest.param(
            'version: 1\ncalendars: {c: {mon: "9:00-17:00", workdays: 2026-10-03, holidays: 2026-10-01..2026-10-07}}',
            "f:2: calendars.c.workdays: found 2026-10-03, a holiday too; a date is a holiday or a working day, not "
            "both; remove it from one of the lists",
            id="a holiday that is a working day",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: 5}, time: {path: t}}}}",
            'f:2: topics.t.mapping.service.value: found 5; service takes a text of 1 to 200 characters; write "5" in '
            "quotes",
            id="a constant of the wrong kind",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, kind: {value: probe}}}}",
            "f:2: topics.t.mapping: found no up; events of the kind probe have up; add up: {path: …}",
            id="probes without a state",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a, path: b}, time: {path: t}}}}",
            'f:2: topics.t.mapping.service: found a mapping with "path", "value"; a field is filled by exactly one of '
            "value, path, when; keep one of them",
            id="two ways to fill a field",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, "
            "duration: {value: 1, absent: -1}}}}",
            'f:2: topics.t.mapping.duration: found a mapping with "absent", "value"; values that stand for none are '
            "found at a path; remove absent",
            id="a constant and values that stand for none",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, "
            "step: {path: p, table: {a: b}, absent: '-'}}}}",
            'f:2: topics.t.mapping.step: found a mapping with "absent", "path", "table"; values that stand for none '
            'are found at a path; write such values in the table, as in "-": null',
            id="a table and values that stand for none",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, duration: {list: sum}}}}",
            'f:2: topics.t.mapping.duration: found a mapping with "list"; a field is filled by exactly one of value, '
            "path, when; write it as in {path: request.route}",
            id="a list and nothing to add up",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, "
            "duration: {value: 5, list: sum}}}}",
            'f:2: topics.t.mapping.duration: found a mapping with "list", "value"; a list of numbers stands at a path, '
            "and in no table; add path, as in path: upstream_response_time",
            id="a list in a constant",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, "
            "amount: {path: p, table: {a: 1}, list: sum}}}}",
            'f:2: topics.t.mapping.amount: found a mapping with "list", "path", "table"; a list of numbers stands at a '
            "path, and in no table; remove list",
            id="a list in a table",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, step: {path: p, list: sum}}}}",
            'f:2: topics.t.mapping.step.list: found "sum"; only amount, duration, holds, of, value are added up; '
            "remove it",
            id="a sum of texts",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t, list: sum}}}}",
            'f:2: topics.t.mapping.time.list: found "sum"; only amount, duration, holds, of, value are added up; '
            "remove it",
            id="a sum of times",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, "
            "duration: {path: p, list: avg}}}}",
            'f:2: topics.t.mapping.duration.list: found "avg"; it is sum; write sum',
            id="a word that lists do not have",
        ),
        pytest.param(
            "version: 1\ntopics: {t: {mapping: {service: {value: a}, time: {path: t}, "
            "up: {when: {if: a = 1, then: true}}}}}",
            'f:2: topics.t.mapping.up.when.if: found "a = 1"; the condition cannot be read: cannot read \'=\' at '
            'character 3; did you mean `==`?; write it as in "status >= 500"',
            id="a condition with one equals sign",
        ),
        pytest.param(
            "version: 1\nservices: {s: {owner: &o x, title: *o}}",
            "f:2: services.s.title: found the alias *o; aliases are not used; write the value out",
            id="an alias, about which nothing more is said",
        ),
        pytest.param(
            'version: 1\nservices: {"a\\nb": {}}',
            'f:2: services["a\\nb"]: found "a\\nb"; a name has 1 to 200 characters, none of them at its ends blank; '
            "shorten it",
            id="a name on two lines stays on one",
        ),
    ],
)  # fmt: skip
def test_a_problem_in_its_words(text: str, line: str) -> None:
    from streams.calendars.local_time import TZDATA_VERSION  # noqa: PLC0415 - changes with the wheel

    assert line.replace("{tz}", TZDATA_VERSION) in problems(text)


def test_what_lies_beside_a_problem_of_yaml_is_still_checked() -> None:
    lines = problems("version: 1\nversion: 2\ntimezone: *z\nservices: {s: {ownr: x}}\n")
    assert [line.split(": found")[0] for line in lines] == ["f:2: version", "f:3: timezone", "f:4: services.s.ownr"]


def test_a_problem_stays_on_one_line_whatever_the_file_holds() -> None:
    for line in problems('version: 1\n"a\\u2028b\\e[31m": 1\ntimezone: "x\\ny"\n'):
        assert line.isprintable()


good = (FILES / "contact-centre.yaml").read_text(encoding="utf-8") + (FILES / "web-shop.yaml").read_text(
    encoding="utf-8"
)
words = st.sampled_from(
    sorted({*good.replace("{", " ").replace("}", " ").replace(":", " ").split(), "null", "1", "0.5"})
)
trees = st.recursive(
    words | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
top = st.sampled_from(["version", "timezone", "services", "calendars", "topics"])


def survives(text: str | bytes) -> None:
    """Loading gives standards, or problems that can be printed."""
    try:
        assert load(text, file="f").digest
    except StandardsError as error:
        assert error.problems  # noqa: PT017 - either outcome is fine
        assert all(str(problem).isprintable() for problem in error.problems)  # noqa: PT017


@given(st.binary(max_size=300) | st.text(max_size=200))
def test_no_bytes_raise_anything_but_problems(text: bytes | str) -> None:
    survives(text)


@given(st.dictionaries(top, trees, max_size=5))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_tree_of_known_words_raises_anything_but_problems(tree: dict[str, object]) -> None:
    survives(yaml.safe_dump({"version": 1, **tree}, allow_unicode=True))


@given(st.sampled_from(["contact-centre.yaml", "web-shop.yaml"]), st.data())
@settings(deadline=None)
def test_a_good_file_with_a_piece_replaced_raises_nothing_but_problems(name: str, data: st.DataObject) -> None:
    text = (FILES / name).read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    survives(text[:start] + data.draw(st.binary(max_size=10) | words.map(str.encode)) + text[end:])
