"""Which topic a log is read as: what is said, what the standards know, and what is refused."""

from __future__ import annotations

import pytest

from agents.cli.topic_choice import topic_of_replay, topic_of_sample
from agents.exits import Fault
from streams.standards.load import load

MAPPING = "{service: {value: a}, time: {path: t}}"
NONE = "version: 1"
ONE = f"{NONE}\ntopics: {{calls: {{mapping: {MAPPING}}}}}"
BESIDE = f"{NONE}\ntopics: {{calls: {{mapping: {MAPPING}}}, service-events: {{lateness: 2m}}}}"
TWO = f"{NONE}\ntopics: {{calls: {{mapping: {MAPPING}}}, chats: {{mapping: {MAPPING}}}}}"


@pytest.mark.parametrize(
    ("standards", "given", "of_replay", "of_sample"),
    [
        pytest.param(NONE, None, "service-events", "service-events", id="no topics: the wire format"),
        pytest.param(NONE, "calls", "calls", "calls", id="no topics to know: any name"),
        pytest.param(ONE, "calls", "calls", "calls", id="a topic that is known"),
        pytest.param(ONE, "service-events", "service-events", "service-events", id="the wire format, beside a mapping"),
        pytest.param(ONE, "service-level-rekeyed", *["service-level-rekeyed"] * 2, id="a rekeyed log"),
        pytest.param(BESIDE, None, "service-events", "calls", id="a known topic in the wire format"),
    ],
)
def test_the_topic_of_a_log(standards: str, given: str | None, of_replay: str, of_sample: str) -> None:
    loaded = load(standards, file="f")
    assert (topic_of_replay(loaded, given), topic_of_sample(loaded, given)) == (of_replay, of_sample)


def test_the_only_mapping_is_that_of_the_sample_but_not_of_a_replay() -> None:
    loaded = load(ONE, file="f")
    assert topic_of_sample(loaded, None) == "calls"
    with pytest.raises(Fault, match=r"^the standards map calls; say with --topic what the log is of, and for a log in"):
        topic_of_replay(loaded, None)


def test_one_of_several_mappings_has_to_be_named() -> None:
    with pytest.raises(Fault, match=r"^the standards map calls, chats; say with --topic what the sample is of"):
        topic_of_sample(load(TWO, file="f"), None)


@pytest.mark.parametrize(
    ("given", "remedy"),
    [("Calls", "did you mean calls?"), ("orders", "write one of them"), ("a\nb", "a\\nb: the standards know")],
)
def test_a_topic_that_is_not_known_is_refused(given: str, remedy: str) -> None:
    for choose in (topic_of_replay, topic_of_sample):
        with pytest.raises(Fault) as caught:
            choose(load(BESIDE, file="f"), given)
        assert "the standards know calls, service-events; " in caught.value.message
        assert remedy in caught.value.message
        assert caught.value.exit_code == 2
