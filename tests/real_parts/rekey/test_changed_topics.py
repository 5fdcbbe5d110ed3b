"""Offsets that were forgotten, and topics that were recreated, repartitioned or truncated between two rekeyers."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from kafka import TopicPartition as Partition

from agents.settings.settings import Settings
from agents.worker.rekey.offsets import group_of
from tests.real_parts.rekey.world import LOG_APPEND_TIME, World, check, events, mixed, read, rekeyed, send
from tests.services.process import Service
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


def test_offsets_that_the_group_has_forgotten_are_found_in_the_rekeyed_topic(world: Callable[..., World]) -> None:
    here = world(2)
    send(here.kafka, here.sources[0], mixed(1_000))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    with closing(here.kafka.admin()) as admin:
        admin.delete_groups([group_of(Settings.resolve(environ=here.settings()))])
    assert here.offsets() == {}
    send(here.kafka, here.sources[0], mixed(500, first=1_000))
    here.wait_until_done(here.start())
    assert check(here) == 1_500 - 6


def exit_code(service: Service) -> int:
    wait_for(lambda: not service.running, f"{service.name} to end", seconds=60)
    return service._started().returncode


def test_a_rekeyed_topic_with_other_partitions_than_before_is_refused(world: Callable[..., World]) -> None:
    here = world(1)
    send(here.kafka, here.sources[0], events(100))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    with closing(here.kafka.admin()) as admin:
        admin.create_partitions({here.rekeyed: 5})
    second = here.start()
    assert exit_code(second) == 4
    assert f"{here.rekeyed} had 3 partitions when rekeying began and has 5 now" in second.tail(1)
    assert "--rekeyed-topic" in second.tail(1)


@pytest.mark.parametrize(
    ("count", "said"),
    [(50, "ends at offset 50, before 100, up to which"), (200, "has another record at offset 99 than the one rekeyed")],
    ids=["shorter", "longer"],
)
def test_a_source_made_anew_is_refused(world: Callable[..., World], count: int, said: str) -> None:
    here = world(1)
    (topic,) = here.sources
    send(here.kafka, topic, events(100))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    with closing(here.kafka.admin()) as admin:
        admin.delete_topics([topic])
        wait_for(lambda: topic not in admin.list_topics(), "the topic to be gone")
    here.kafka.create_topic(topic, settings=LOG_APPEND_TIME)
    send(here.kafka, topic, events(count, first=1_000))
    second = here.start()
    assert exit_code(second) == 4
    assert said in second.tail(1)


def test_records_that_a_source_has_lost_are_told_to_the_audit(world: Callable[..., World]) -> None:
    here = world(1)
    (topic,) = here.sources
    send(here.kafka, topic, events(100))
    first = here.start()
    here.wait_until_done(first)
    first.terminate(grace=10)
    send(here.kafka, topic, events(200, first=100))
    with closing(here.kafka.admin()) as admin:
        admin.delete_records({Partition(topic, 0): 150})
    for _ in range(2):
        rekeyer = here.start()
        here.wait_until_done(rekeyer)
        rekeyer.terminate(grace=10)
    assert {found.origin for found in rekeyed(here)} == {f"{topic}/0/{n}" for n in (*range(100), *range(150, 300))}
    (record,) = read(here.kafka, here.audit)
    document = json.loads(record.value)
    assert (document["type"], document["topic"], document["partition"]) == ("gap", topic, 0)
    assert (document["detail"]["from"], document["detail"]["to"]) == (100, 150)
