"""`slm topics` on a real Kafka."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from agents.cli import main
from agents.exits import Exit
from agents.kafka import topics

if TYPE_CHECKING:
    from tests.services.kafka import Kafka, KafkaCluster


def run(kafka: Kafka, *arguments: str) -> Result:
    command = ["topics", "--broker", kafka.bootstrap, *arguments]
    return CliRunner().invoke(main, command, catch_exceptions=False)


def settings(kafka: Kafka, topic: str) -> dict[str, str]:
    with closing(kafka.admin()) as admin:
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    return {name: row["value"] for name, row in described["topic"][topic].items()}


def put_one(kafka: Kafka, topic: str) -> None:
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        producer.send(topic, b"value").get(30)


def row(result: Result, topic: str) -> dict[str, Any]:
    (found,) = (each for each in json.loads(result.stdout)["topics"] if each["name"] == topic)
    return dict(found)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> str:
    """A source that does not exist; the monitor's own topics get names that no other test has."""
    mark = uuid.uuid4().hex[:8]
    for name in topics.OWN:
        kind = name.removesuffix("_topic").replace("_", "-")
        monkeypatch.setenv(f"SLM_{name.upper()}", f"service-level-{kind}-{mark}")
    return f"test-{mark}"


def test_a_check_names_what_is_missing_and_changes_nothing(kafka: Kafka, source: str) -> None:
    result = run(kafka, "--topic", source)
    assert result.exit_code == Exit.NEGATIVE
    assert f"{source}: missing; slm topics --create --topic {source} --broker {kafka.bootstrap}" in result.stdout
    assert result.stdout.rstrip().endswith("7 differences")
    assert source not in json.loads(run(kafka, "--topic", source, "--json").stdout)["changed"]
    assert run(kafka, "--topic", source).exit_code == Exit.NEGATIVE


def test_what_is_created_is_right_and_is_created_once(kafka: Kafka, source: str) -> None:
    created = run(kafka, "--topic", source, "--create", "--partitions", "3", "--json")
    assert created.exit_code == Exit.DONE, created.stdout
    assert len(json.loads(created.stdout)["changed"]) == 7
    assert settings(kafka, source)["message.timestamp.type"] == "LogAppendTime"
    partitions = {one["name"]: one["partitions"] for one in json.loads(created.stdout)["topics"]}
    assert partitions[source] == 3
    assert {number for name, number in partitions.items() if "state" in name} == {3}
    assert {number for name, number in partitions.items() if "audit" in name} == {1}

    again = run(kafka, "--topic", source, "--create")
    assert again.exit_code == Exit.DONE
    assert "created" not in again.stdout
    assert "all topics are as they should be" in again.stdout


def test_a_source_that_was_made_otherwise_is_corrected_on_request(kafka: Kafka, source: str) -> None:
    given = {"message.timestamp.type": "CreateTime", "retention.ms": "3600000", "max.message.bytes": "2000000"}
    kafka.create_topic(source, partitions=2, settings=given)
    put_one(kafka, source)
    run(kafka, "--topic", source, "--create")

    checked = run(kafka, "--topic", source, "--create")
    assert checked.exit_code == Exit.NEGATIVE
    assert (
        f"{source}: message.timestamp.type: found CreateTime, wanted LogAppendTime; slm topics --alter"
        in checked.stdout
    )
    assert settings(kafka, source)["message.timestamp.type"] == "CreateTime"

    altered = run(kafka, "--topic", source, "--alter")
    assert altered.exit_code == Exit.DONE, altered.stdout
    assert f"altered {source}: message.timestamp.type, retention.ms" in altered.stdout
    after = settings(kafka, source)
    assert (after["message.timestamp.type"], after["max.message.bytes"]) == ("LogAppendTime", "2000000")
    assert row(run(kafka, "--topic", source, "--json"), source)["partitions"] == 2


def test_a_topic_with_data_keeps_its_partitions_and_its_policy(kafka: Kafka, source: str) -> None:
    kafka.create_topic(source, partitions=2, settings={"cleanup.policy": "compact"})
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        producer.send(source, key=b"key", value=b"value").get(30)
    result = run(kafka, "--topic", source, "--create", "--alter", "--partitions", "5")
    assert result.exit_code == Exit.NEGATIVE
    assert f"{source}: partitions: found 2, wanted 5; none that keeps the data" in result.stdout
    assert f"{source}: cleanup.policy: found compact, wanted delete; kafka-configs.sh" in result.stdout
    assert row(run(kafka, "--topic", source, "--json"), source)["partitions"] == 2
    assert settings(kafka, source)["cleanup.policy"] == "compact"


def test_empty_topics_grow_on_request_and_the_state_with_them(kafka: Kafka, source: str) -> None:
    run(kafka, "--topic", source, "--create", "--partitions", "2")
    result = run(kafka, "--topic", source, "--alter", "--partitions", "4", "--json")
    assert result.exit_code == Exit.DONE, result.output
    grown = {one["name"]: one["partitions"] for one in json.loads(result.stdout)["topics"] if one["role"] != "single"}
    assert set(grown.values()) == {4}


def test_more_replicas_than_brokers_are_refused_in_one_line(kafka: Kafka, source: str) -> None:
    result = run(kafka, "--topic", source, "--create", "--replication", "99")
    assert result.exit_code == Exit.UNAVAILABLE
    assert "Kafka refused" in result.stderr
    assert "Traceback" not in result.stderr


def test_on_a_cluster_everything_is_kept_three_times(kafka_cluster: KafkaCluster, source: str) -> None:
    result = run(kafka_cluster, "--topic", source, "--create", "--json")
    assert result.exit_code == Exit.DONE, result.output
    assert {one["replicas"] for one in json.loads(result.stdout)["topics"]} == {3}
    assert settings(kafka_cluster, source)["min.insync.replicas"] == "2"
