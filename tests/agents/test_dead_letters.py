from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError
from hypothesis import given
from hypothesis import strategies as st

from agents import dead_letters
from agents.dead_letters import (
    PENDING_BYTES,
    RAW_BYTES,
    RECORD_BYTES,
    DeadLetterWriter,
    encode_letter,
    encode_record,
    pack,
)
from streams.engine import DeadLetter
from streams.rejections import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = json.loads(files("agents").joinpath("schemas", "dead-letters.v1.schema.json").read_text("utf-8"))


def letter(offset: int = 0, raw: bytes | None = b"junk", *, partition: int = 0, detail: str = "not JSON") -> DeadLetter:
    return DeadLetter("events", partition, offset, Reason.NOT_JSON, detail, raw)


def decode(record: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(record)
    jsonschema.validate(document, SCHEMA)
    return document


@given(st.one_of(st.none(), st.binary(max_size=100)), st.text(), st.sampled_from(Reason))
def test_every_letter_fits_the_published_schema(raw: bytes | None, detail: str, reason: Reason) -> None:
    one = DeadLetter("events", 3, 17, reason, detail, raw)
    (found,) = decode(encode_record([encode_letter(one)]))["letters"]
    assert (found["topic"], found["partition"], found["offset"], found["reason"]) == ("events", 3, 17, str(reason))
    assert found["raw"] is None if raw is None else base64.b64decode(found["raw"]) == raw
    assert "truncated" not in found


def test_a_text_that_no_utf8_has_is_written_all_the_same() -> None:
    (found,) = decode(encode_record([encode_letter(letter(detail="lone \ud800 half"))]))["letters"]
    assert found["detail"] == "lone ? half"


@pytest.mark.parametrize("size", [RAW_BYTES, RAW_BYTES + 1], ids=["16 KiB is kept whole", "a byte more is cut"])
def test_long_values(size: int) -> None:
    raw = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (found,) = decode(encode_record([encode_letter(letter(raw=raw))]))["letters"]
    assert base64.b64decode(found["raw"]) == raw[:RAW_BYTES]
    if size > RAW_BYTES:
        assert (found["truncated"], found["size"]) == (True, size)
        assert found["sha256"] == hashlib.sha256(raw).hexdigest()


def test_the_id_of_a_record_is_a_function_of_its_letters() -> None:
    def identity(*offsets: int) -> str:
        return str(decode(encode_record([encode_letter(letter(offset)) for offset in offsets]))["id"])

    assert identity(1, 2) == identity(1, 2)
    assert len({identity(1, 2), identity(2, 1), identity(1), identity(12)}) == 4


@given(st.lists(st.integers(1, RECORD_BYTES + 10), max_size=12))
def test_records_are_bounded_and_hold_every_letter_in_order(sizes: list[int]) -> None:
    letters = [b"x" * size for size in sizes]
    runs = list(pack(letters))
    assert [one for run in runs for one in run] == letters
    assert all(len(run) == 1 or sum(map(len, run)) <= RECORD_BYTES for run in runs)


class FakeProducer:
    """Takes records, or raises what it is told to."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.stopped = False
        self.open = asyncio.Event()
        self.open.set()

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        await self.open.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.sent.append((topic, value, key))

    async def stop(self) -> None:
        self.stopped = True


def run(*errors: Exception | None, letters: Sequence[Sequence[DeadLetter]]) -> tuple[FakeProducer, DeadLetterWriter]:
    """Write several lots of letters, and stop."""

    async def writing() -> tuple[FakeProducer, DeadLetterWriter]:
        producer = FakeProducer(*errors)

        async def connect() -> FakeProducer:
            return producer

        writer = DeadLetterWriter("letters", connect)
        writer.start()
        for lot in letters:
            await writer.add(lot)
        await writer.stop()
        return producer, writer

    return asyncio.run(writing())


def test_letters_wait_for_each_other_and_go_out_by_partition_when_the_writer_stops() -> None:
    producer, writer = run(letters=[[letter(1)], [letter(5, partition=1), letter(2)], []])
    assert [(topic, key) for topic, _, key in producer.sent] == [("letters", b"events/0"), ("letters", b"events/1")]
    offsets = [[one["offset"] for one in decode(value)["letters"]] for _, value, _ in producer.sent]
    assert offsets == [[1, 2], [5]]
    assert (writer.written, writer.dropped) == (3, 0)
    assert producer.stopped


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UnknownTopicOrPartitionError(), "does not exist; create it with “slm topics”"),
        (TopicAuthorizationFailedError(), "may not write to it; give it the right"),
    ],
    ids=["no such topic", "no right to write"],
)
def test_a_topic_that_cannot_be_written_is_said_once_and_the_letters_are_counted(
    error: Exception, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    producer, writer = run(error, error, letters=[[letter(1)], [letter(2, partition=1)]])
    assert not producer.sent
    assert (writer.written, writer.dropped) == (0, 2)
    assert [message in record.getMessage() for record in caplog.records] == [True]


def test_a_broker_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "_RETRY_SECONDS", 0)
    producer, writer = run(KafkaConnectionError(), KafkaConnectionError(), letters=[[letter(1)]])
    assert len(producer.sent) == 1
    assert (writer.written, writer.dropped) == (1, 0)


def test_when_much_is_unsent_ingestion_waits() -> None:
    async def writing() -> None:
        producer = FakeProducer()
        producer.open.clear()

        async def connect() -> FakeProducer:
            return producer

        writer = DeadLetterWriter("letters", connect)
        writer.start()
        big = [letter(offset, b"x" * RAW_BYTES) for offset in range(PENDING_BYTES // RAW_BYTES)]
        await writer.add(big)
        waiting = asyncio.create_task(writer.add([letter(9_999)]))
        await _turns(20)
        assert not waiting.done()
        producer.open.set()
        await waiting
        await writer.stop()
        assert writer.written == len(big) + 1

    asyncio.run(writing())


def test_a_writer_whose_broker_never_answers_stops_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async def writing() -> None:
        producer = FakeProducer()
        producer.open.clear()

        async def connect() -> FakeProducer:
            return producer

        writer = DeadLetterWriter("letters", connect)
        writer.start()
        await writer.add([letter(1)])
        await writer.stop(seconds=0.05)
        assert writer.written == 0

    asyncio.run(writing())
    assert "were not sent" in caplog.text


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
