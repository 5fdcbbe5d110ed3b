from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast

import jsonschema
import pytest
from aiokafka.errors import KafkaConnectionError

from agents.control import topic as module
from agents.control.topic import ControlTopic
from agents.exits import Exit, Fault
from agents.files.standards_file import NO_FILE, StandardsFile
from agents.settings.settings import Settings
from streams.engine.standards_log import StandardsNeeded
from streams.standards.load import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.kafka.fetching import Pair
    from streams.standards.model import Standards

SCHEMA: Final = json.loads(files("agents").joinpath("schemas", "control.v1.schema.json").read_text("utf-8"))
SETTINGS: Final = Settings.resolve({"group": "g"})
TEXT: Final = "version: 1\ntimezone: Asia/Shanghai\n"
FILE: Final = StandardsFile(load(TEXT, file="f"), TEXT, 1_000)
DIGEST: Final = FILE.standards.digest


class Topic:
    """The control topic: what is appended can be read; as often as told it cannot be."""

    def __init__(self, *records: tuple[bytes, bytes | None]) -> None:
        self.records = list(records)
        self.reads = 0
        self.failures = 0

    async def append(self, topic: str, partition: int, key: bytes | None, value: bytes) -> None:
        assert (topic, partition) == (SETTINGS.control_topic, 0)
        jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(value))
        self.records.append((key or b"", value))

    async def read(self, settings: Settings, topic: str, partition: int) -> AsyncIterator[list[Pair]]:
        assert (settings, topic, partition) == (SETTINGS, SETTINGS.control_topic, 0)
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError
        for key, value in self.records:
            yield [(key or None, value)]

    def control(self) -> ControlTopic:
        return ControlTopic(SETTINGS, cast("Any", self.append))


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    found = Topic()
    monkeypatch.setattr(module, "read_committed", found.read)
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0)
    return found


def record(**content: object) -> bytes:
    return json.dumps({"version": 1, **content}).encode()


def standards_record(digest: str, text: str) -> tuple[bytes, bytes]:
    return f"standards/{digest}".encode(), record(kind="standards", digest=digest, file=text)


def source_record(topic: str, partitions: int, group: str = "g") -> tuple[bytes, bytes]:
    content = record(kind="source", topic=topic, group=group, partitions=partitions)
    return f"source/{group}/{topic}".encode(), content


async def looked_up(control: ControlTopic, digest: str) -> Standards | None:
    await control.look_up(digest)
    return control.book(digest)


# -- standards ------------------------------------------------------------------------------------------------------


async def test_what_one_worker_publishes_another_finds(topic: Topic) -> None:
    await topic.control().publish(FILE)
    assert [key for key, _ in topic.records] == [f"standards/{DIGEST}".encode()]
    other = topic.control()
    with pytest.raises(StandardsNeeded) as needed:
        other.book(DIGEST)
    assert needed.value.hash == DIGEST
    assert await looked_up(other, DIGEST) == FILE.standards


async def test_without_a_file_its_emptiness_is_published(topic: Topic) -> None:
    await topic.control().publish(NO_FILE)
    assert await looked_up(topic.control(), NO_FILE.standards.digest) == NO_FILE.standards


async def test_standards_are_published_once(topic: Topic) -> None:
    first, second = topic.control(), topic.control()
    for control in (first, first, second):
        await control.read()
        await control.publish(FILE)
    assert len(topic.records) == 1
    assert first.book(DIGEST) is FILE.standards


async def test_standards_at_hand_are_not_compiled_again_and_published_all_the_same(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "load", None)
    for _ in range(2):
        control = topic.control()
        control.have(FILE)
        await control.read()
        await control.publish(FILE)
        assert control.book(DIGEST) is FILE.standards
    assert len(topic.records) == 1


async def test_standards_that_nobody_could_find_are_published_all_the_same(topic: Topic) -> None:
    control = topic.control()
    assert await looked_up(control, DIGEST) is None
    await control.publish(FILE)
    assert len(topic.records) == 1
    assert control.book(DIGEST) is FILE.standards


async def test_what_was_looked_up_and_is_not_there_is_not_looked_up_again(topic: Topic) -> None:
    control = topic.control()
    assert await looked_up(control, "nowhere") is None
    assert await looked_up(control, "nowhere") is None
    assert topic.reads == 1


async def test_a_look_up_waits_until_kafka_answers(topic: Topic) -> None:
    await topic.control().publish(FILE)
    topic.failures = 3
    assert await looked_up(topic.control(), DIGEST) == FILE.standards
    assert topic.reads == 4


async def test_standards_keep_the_name_under_which_the_log_knows_them(topic: Topic) -> None:
    topic.records.append(standards_record("as digested by another version", TEXT))
    found = await looked_up(topic.control(), "as digested by another version")
    assert found is not None
    assert (found.digest, found.timezone) == ("as digested by another version", "Asia/Shanghai")


async def test_standards_that_this_version_cannot_read_end_it_with_what_to_do(topic: Topic) -> None:
    topic.records.append(standards_record("later", "version: 9\n"))
    with pytest.raises(Fault, match="run the version of slm that wrote them, or a later one") as caught:
        await topic.control().read()
    assert caught.value.exit_code == Exit.STALLED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"standards/x", b"\xff\xfe"),
        (b"standards/x", b""),
        (b"standards/x", b"[" * 100_000),
        (b"standards/x", b"null"),
        (b"standards/x", b"[1, 2]"),
        (b"standards/x", b'"text"'),
        (b"standards/x", b"{}"),
        (b"standards/x", record(kind="standards", digest="x")),
        (b"standards/x", record(kind="standards", digest=["x"], file="")),
        (b"standards/x", record(kind="standards", digest="x", file=5)),
        (b"standards/x", record(kind="standards", digest="x", file=[])),
        (b"standards/x", b'{"kind":"standards","digest":"x","file":"\xff"}'),
        (b"standards/x", record(kind="standards", digest="y", file="")),
        (b"standards/x", record(kind="exclusion", digest="x")),
        (b"", record(kind="standards", digest="x", file="")),
        (b"\xff\xfe", record(kind="standards", digest="x", file="")),
        (b"source/g/t", record(kind="source", topic="t", group="g", partitions="many")),
        (b"source/g/t", record(kind="source", topic="t", group="g", partitions=0)),
        (b"source/g/t", record(kind="source", topic="t", group="g", partitions=1.5)),
        (b"source/g/t", record(kind="source", topic="other", group="g", partitions=1)),
        (b"source/g/t", record(kind="source", topic="t", group="other", partitions=1)),
        (b"source/g/t", b'{"kind":"source","topic":"t","group":"g","partitions":1e999}'),
    ],
)
async def test_records_that_are_none_of_ours_are_passed_over_and_said(
    topic: Topic, key: bytes, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    topic.records += [(key, value), standards_record(DIGEST, TEXT)]
    control = topic.control()
    assert await looked_up(control, DIGEST) == FILE.standards
    for digest in ("x", "y"):
        assert await looked_up(control, digest) is None
    await control.require_partitions("t", 4)
    assert {record.levelname for record in caplog.records} == {"WARNING"}


async def test_records_that_were_deleted_are_nothing(topic: Topic, caplog: pytest.LogCaptureFixture) -> None:
    topic.records += [(b"standards/x", None), (b"source/g/t", None)]
    assert await looked_up(topic.control(), "x") is None
    assert not caplog.records


# -- partitions -----------------------------------------------------------------------------------------------------


async def test_the_number_of_partitions_is_kept_at_first_and_holds_for_all_workers_of_the_group(topic: Topic) -> None:
    first, second = topic.control(), topic.control()
    for _ in range(2):
        await first.require_partitions("t", 4)
    assert [key for key, _ in topic.records] == [b"source/g/t"]
    await second.read()
    await second.require_partitions("t", 4)
    assert len(topic.records) == 1
    for control in (first, second):
        with pytest.raises(Fault) as caught:
            await control.require_partitions("t", 8)
        assert caught.value.exit_code == Exit.UNAVAILABLE
        message = caught.value.message
        assert message.startswith("t has 8 partitions and had 4 when it was first judged")
        assert "Make a new topic" in message
        assert "--group" in message
        assert "--rekey" in message
        assert "\n" not in message


async def test_topics_and_groups_are_kept_apart(topic: Topic) -> None:
    topic.records += [source_record("t", 1, group="other"), source_record("u", 1)]
    control = topic.control()
    await control.read()
    await control.require_partitions("t", 4)
    with pytest.raises(Fault):
        await control.require_partitions("u", 2)


async def test_a_number_that_is_not_known_yet_is_not_kept(topic: Topic) -> None:
    await topic.control().require_partitions("t", None)
    assert topic.records == []


# -- the embedded broker --------------------------------------------------------------------------------------------


async def test_where_nothing_is_kept_nothing_is_read_nor_written(topic: Topic) -> None:
    control = ControlTopic(SETTINGS, None)
    await control.publish(FILE)
    await control.require_partitions("t", 4)
    await control.require_partitions("t", 8)
    assert control.book(DIGEST) is FILE.standards
    assert await looked_up(control, "other") is None
    assert (topic.records, topic.reads) == ([], 0)
