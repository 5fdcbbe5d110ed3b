from __future__ import annotations

from dataclasses import replace

import pytest

from agents.kafka.topics import (
    BREACHES,
    OWN,
    STATE,
    Difference,
    Found,
    Plan,
    Rule,
    Topic,
    Wanted,
    differences,
    in_sync,
    source,
    table,
)
from agents.settings.settings import Settings

EVENTS = source("service-events")


def settings(*topics: str) -> Settings:
    return Settings.resolve({"topics": topics})


def as_wanted(
    topic: Topic, *, partitions: int = 4, replicas: int = 3, is_empty: bool = False, **settings: str
) -> Found:
    """``topic`` as it would be created; ``settings`` differ (with _ for each dot)."""
    right = {wanted.name: wanted.value for wanted in in_sync(topic, replicas)}
    return Found(
        partitions, replicas, right | {name.replace("_", "."): value for name, value in settings.items()}, is_empty
    )


def found(
    topic: Topic, state: Found | None, plan: Plan | None = None, sources: tuple[int, ...] = (4,)
) -> list[Difference]:
    return differences(topic, state, plan or Plan(3), sources)


def test_the_table_holds_the_sources_and_every_topic_of_the_monitor() -> None:
    assert [topic.name for topic in table(settings("a", "b"))] == ["a", "b", *(topic.name for topic in OWN.values())]


@pytest.mark.parametrize("topic", [pytest.param(topic, id=topic.name) for topic in table(settings("service-events"))])
def test_a_topic_as_wanted_differs_in_nothing(topic: Topic) -> None:
    partitions = Plan(3).partitions_to_create(topic, [4])
    assert found(topic, as_wanted(topic, partitions=partitions)) == []


@pytest.mark.parametrize("name", ["service-events", "service-level-rekeyed"])
def test_brokers_stamp_the_records_of_topics_with_events(name: str) -> None:
    (topic,) = {topic for topic in table(settings("service-events")) if topic.name == name}
    assert topic.setting("message.timestamp.type") == "LogAppendTime"


@pytest.mark.parametrize("name", ["service-level-state", "service-level-control"])
def test_topics_of_newest_rows_are_compacted(name: str) -> None:
    (topic,) = {topic for topic in OWN.values() if topic.name == name}
    assert topic.setting("cleanup.policy") == "compact"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(None, [("topic", "slm topics --create")], id="a missing topic can be created"),
        pytest.param(
            as_wanted(EVENTS, message_timestamp_type="CreateTime"),
            [("message.timestamp.type", "slm topics --alter")],
            id="timestamps can be corrected whatever the topic holds",
        ),
        pytest.param(
            as_wanted(EVENTS, retention_ms="3600000", max_message_bytes="1000"),
            [("retention.ms", "slm topics --alter"), ("max.message.bytes", "slm topics --alter")],
            id="short retention and small messages can be enlarged",
        ),
        pytest.param(as_wanted(EVENTS, retention_ms="-1"), [], id="no limit is more than any"),
        pytest.param(as_wanted(EVENTS, max_message_bytes="99999999"), [], id="more than wanted is well"),
        pytest.param(
            as_wanted(EVENTS, cleanup_policy="compact"),
            [("cleanup.policy", "kafka-configs.sh")],
            id="cleaning up otherwise may remove records, so it is left to the operator",
        ),
        pytest.param(
            as_wanted(EVENTS, cleanup_policy="compact", is_empty=True),
            [("cleanup.policy", "slm topics --alter")],
            id="unless there are none",
        ),
        pytest.param(
            as_wanted(EVENTS, replicas=1),
            [("replicas", "kafka-reassign-partitions.sh")],
            id="too few replicas are the operator's to move",
        ),
        pytest.param(
            as_wanted(EVENTS, partitions=7), [], id="any number of partitions is right unless one was asked for"
        ),
    ],
)
def test_what_differs_and_what_would_help(state: Found | None, expected: list[tuple[str, str]]) -> None:
    differing = found(EVENTS, state)
    assert [one.what for one in differing] == [what for what, _ in expected]
    assert all(one.remedy.startswith(remedy) for one, (_, remedy) in zip(differing, expected, strict=True))
    assert all(one.alterable == (one.remedy == "slm topics --alter") for one in differing)


@pytest.mark.parametrize(
    ("partitions", "wanted", "is_empty", "alterable"),
    [
        pytest.param(4, 8, True, True, id="an empty topic can grow"),
        pytest.param(4, 8, False, False, id="one with data cannot, for its keys would move"),
        pytest.param(8, 4, True, False, id="none can shrink"),
    ],
)
def test_partitions_asked_for(partitions: int, wanted: int, is_empty: bool, alterable: bool) -> None:
    state = as_wanted(EVENTS, partitions=partitions, is_empty=is_empty)
    (difference,) = found(EVENTS, state, Plan(3, wanted))
    assert (difference.what, difference.wanted, difference.alterable) == ("partitions", str(wanted), alterable)


def test_the_state_has_as_many_partitions_as_the_sources() -> None:
    (difference,) = found(STATE, as_wanted(STATE, partitions=4, is_empty=True), sources=(4, 6))
    assert (difference.wanted, difference.found, difference.alterable) == ("6", "4", True)
    assert Plan(3).partitions_to_create(STATE, [6]) == 6
    assert Plan(3).partitions_to_create(STATE, []) == 4
    assert Plan(3, 9).partitions_to_create(BREACHES, [6]) == 1


@pytest.mark.parametrize(("replicas", "least"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_one_broker_may_be_away_without_stopping_writes(replicas: int, least: str) -> None:
    assert in_sync(EVENTS, replicas)[-1] == Wanted("min.insync.replicas", least, Rule.AT_LEAST)


def test_policies_are_sets() -> None:
    both = Wanted("cleanup.policy", "compact,delete")
    assert both.is_met("delete,compact")
    assert not both.is_met("delete")
    assert not both.is_met(None)


def test_a_setting_that_the_cluster_does_not_tell_differs() -> None:
    state = as_wanted(EVENTS)
    hidden = replace(state, settings={name: value for name, value in state.settings.items() if name != "retention.ms"})
    (difference,) = found(EVENTS, hidden)
    assert (difference.what, difference.found) == ("retention.ms", "not set")
