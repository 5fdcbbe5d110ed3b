from __future__ import annotations

import hashlib
import io
import json
import struct
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from kafka.partitioner import DefaultPartitioner

from agents.exits import Exit, Fault
from agents.files.event_log import EventLog, Line
from agents.kafka.admin import Destination
from agents.kafka.partitioner import KeyPartitioner
from agents.sending import delivery
from agents.sending.delivery import Delivery, SendRate, ServicePartitioner
from agents.sending.journal import Journal, state_folder
from agents.sending.records import MAX_RECORD, Outgoing, as_it_is, checked, survey
from streams.events.event import MAX_BYTES
from streams.events.rejections import BadEvent, Reason
from streams.events.wire_format import decode

EVENT = b'{"time":1763900000,"service":"hotline"}'


class TestRecords:
    @pytest.mark.parametrize(
        ("raw", "identity"),
        [
            pytest.param(EVENT, "mark-7", id="an event without an id gets one"),
            pytest.param(b'{"time":1,"service":"hotline"}  \t', "mark-7", id="white space at its end is no matter"),
            pytest.param(b'{"time":1,"service":"hotline","id":null}', "mark-7", id="null is no id"),
            pytest.param(b'{"time":1,"service":"hotline","id":""}', "mark-7", id="nor is an empty text"),
            pytest.param(b'{"time":1,"service":"hotline","id":"own"}', "own", id="an id of its own is kept"),
            pytest.param(
                b'{"specversion":"1.0","id":"cloud","type":"interaction","time":"2026-03-01T09:30:00Z",'
                b'"data":{"service":"hotline"}}',
                "cloud",
                id="a CloudEvent has one",
            ),
        ],
    )
    def test_every_event_has_an_id_and_its_service_as_key(self, raw: bytes, identity: str) -> None:
        record = checked("mark")(Line(7, raw))
        assert (record.line, record.key) == (7, b"hotline")
        assert decode(record.value).id == identity

    def test_an_event_with_an_id_is_sent_byte_for_byte(self) -> None:
        raw = b'{ "id" : "own", "time":1,"service":"hotline" }'
        assert checked("mark")(Line(1, raw)).value == raw

    def test_without_a_mark_the_line_itself_gives_the_id(self) -> None:
        first, second = (json.loads(checked(None)(Line(number, EVENT)).value)["id"] for number in (1, 2))
        assert first == f"{hashlib.sha256(EVENT).hexdigest()[:16]}-1"
        assert first != second

    def test_an_id_may_not_make_an_event_too_large(self) -> None:
        padding = b"x" * (MAX_BYTES - len(EVENT) - 8)
        raw = EVENT[:-1] + b',"x":"' + padding + b'"}'
        decode(raw)
        with pytest.raises(BadEvent) as caught:
            checked("0123456789abcdef")(Line(1, raw))
        assert caught.value.reason is Reason.TOO_LARGE

    @pytest.mark.parametrize(
        ("raw", "key"),
        [
            pytest.param(b"no JSON", None, id="what is no JSON goes to any partition"),
            pytest.param(b"[1]", None, id="so does what is no object"),
            pytest.param(b'{"service":7}', None, id="and an object whose service is no text"),
            pytest.param(b'{"service":"hotline"', None, id="or one that is cut off"),
            pytest.param(b'{"service":"hotline"}', b"hotline", id="a service is the key, even of a bad event"),
            pytest.param(b'{"data":{"service":"hotline"}}', b"hotline", id="that of a CloudEvent too"),
        ],
    )
    def test_lines_sent_as_they_are(self, raw: bytes, key: bytes | None) -> None:
        assert as_it_is(Line(3, raw)) == Outgoing(3, key, raw)

    def test_a_line_that_no_broker_takes_is_refused(self) -> None:
        with pytest.raises(BadEvent, match="brokers take records of at most"):
            as_it_is(Line(1, b"x" * (MAX_RECORD + 1)))


def test_a_survey_names_bad_lines_and_hashes_the_content() -> None:
    content = EVENT + b"\n\nbad\n" + EVENT + b'\n{"service":"x"}\n'
    found = survey(EventLog("given", io.BytesIO(content)), checked("mark"))
    assert (found.lines, found.events, found.bad) == (5, 2, 2)
    assert found.content == hashlib.sha256(content).hexdigest()
    assert [str(bad).split(": ")[:2] for bad in found.shown] == [["given:3", "not-json"], ["given:5", "missing-time"]]


class FakeFuture:
    """A future of kafka-python that is done after ``silence`` time-outs, with ``error`` if there is one."""

    def __init__(self, error: Exception | None = None, silence: int = 0) -> None:
        self.exception = error
        self._silence = silence

    @property
    def is_done(self) -> bool:
        return self._silence == 0

    def failed(self) -> bool:
        return self.is_done and self.exception is not None

    def get(self, timeout: float) -> None:
        assert timeout > 0
        if self._silence:
            self._silence -= 1
            if self._silence:
                raise KafkaTimeoutError
        if self.exception is not None:
            raise self.exception


class FakeProducer:
    """Answers each record with the next of ``futures``, then with success; notes what it was given."""

    def __init__(self, *futures: FakeFuture) -> None:
        self._futures = deque(futures)
        self.sent: list[tuple[str, bytes, bytes | None]] = []

    def send(self, topic: str, *, value: bytes, key: bytes | None) -> Any:
        self.sent.append((topic, value, key))
        return self._futures.popleft() if self._futures else FakeFuture()


@pytest.fixture
def windows_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_WINDOW_RECORDS", 2)
    monkeypatch.setattr(delivery, "_WINDOW_SECONDS", 3600)


def deliver(delivery: Delivery, lines: range) -> None:
    for line in lines:
        delivery.send(Outgoing(line, b"key", b"%d" % line))


class TestDelivery:
    @pytest.mark.usefixtures("windows_of_two")
    def test_acknowledges_a_prefix_that_only_grows(self) -> None:
        acknowledged: list[int] = []
        producer = FakeProducer()
        delivery = Delivery(producer, "topic", acknowledged=acknowledged.append)
        deliver(delivery, range(1, 8))
        delivery.finish()
        assert acknowledged == [2, 4, 6, 7]
        assert delivery.acknowledged_records == 7
        assert producer.sent[0] == ("topic", b"1", b"key")

    @pytest.mark.usefixtures("windows_of_two")
    def test_keeps_two_windows_in_memory_at_most(self) -> None:
        delivery = Delivery(FakeProducer(), "topic")
        for line in range(1, 100):
            delivery.send(Outgoing(line, None, b""))
            assert sum(len(window.futures) for window in delivery._windows) <= 4

    def test_a_window_is_bounded_in_bytes_too(self) -> None:
        delivery = Delivery(FakeProducer(), "topic")
        for line in range(1, 100):
            delivery.send(Outgoing(line, None, bytes(500_000)))
            assert sum(window.bytes for window in delivery._windows) <= 2 * 4.5 * 1024 * 1024

    @pytest.mark.usefixtures("windows_of_two")
    def test_a_refused_record_ends_it_before_the_line_counts_as_acknowledged(self) -> None:
        acknowledged: list[int] = []
        futures = [FakeFuture() for _ in range(3)] + [FakeFuture(MessageSizeTooLargeError("too large"))]
        delivery = Delivery(FakeProducer(*futures), "topic", acknowledged=acknowledged.append)
        with pytest.raises(Fault, match="did not take all records up to line 4 for topic topic") as caught:
            deliver(delivery, range(1, 6))
        assert caught.value.exit_code == Exit.UNAVAILABLE
        assert acknowledged == [2]

    def test_a_producer_that_cannot_send_at_all_ends_it(self) -> None:
        class Closed(FakeProducer):
            def send(self, topic: str, *, value: bytes, key: bytes | None) -> Any:
                raise TopicAuthorizationFailedError(f"{topic} {key!r} {value!r}")

        with pytest.raises(Fault, match="line 1"):
            deliver(Delivery(Closed(), "topic"), range(1, 2))

    def test_silence_of_the_brokers_is_told_and_waited_out(self) -> None:
        waited: list[float] = []
        delivery = Delivery(FakeProducer(FakeFuture(silence=3)), "topic", waiting=waited.append)
        deliver(delivery, range(1, 2))
        delivery.finish()
        assert len(waited) == 2


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class TestPace:
    def test_spreads_records_evenly(self) -> None:
        clock = Clock()
        pace = SendRate(50, clock=lambda: clock.now, sleep=clock.sleep)
        times = []
        for _ in range(5):
            pace.wait()
            times.append(clock.now)
        assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([0.02] * 4)

    def test_makes_up_for_at_most_a_second_of_a_stall(self) -> None:
        clock = Clock()
        pace = SendRate(10, clock=lambda: clock.now, sleep=clock.sleep)
        clock.now += 60
        for _ in range(11):
            pace.wait()
        assert clock.slept == []
        pace.wait()
        assert clock.slept == pytest.approx([0.1])

    def test_without_a_rate_never_waits(self) -> None:
        clock = Clock()
        pace = SendRate(None, clock=lambda: clock.now, sleep=clock.sleep)
        for _ in range(3):
            pace.wait()
        assert clock.slept == []


class Topics:
    """As much of kafka-python's cluster metadata as a partitioner reads."""

    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"topic"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        assert topic == "topic"
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@given(keys=st.lists(st.binary(min_size=1, max_size=12), max_size=20), counts=st.lists(st.integers(1, 9), max_size=4))
def test_a_remembered_partition_is_always_that_of_javas_partitioner(keys: list[bytes], counts: list[int]) -> None:
    ours, javas = ServicePartitioner(), DefaultPartitioner()
    for count in counts:
        topics = Topics(count)
        for key in keys * 2:
            expected = javas.partition("topic", key, key, None, None, topics)
            assert ours.partition("topic", key, key, None, None, topics) == expected


def test_memory_of_partitions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyPartitioner, "REMEMBERED", 10)
    ours = ServicePartitioner()
    for number in range(100):
        key = struct.pack(">I", number)
        ours.partition("topic", key, key, None, None, Topics(4))
    assert len(ours._of_key._hashes) <= 10


class TestJournal:
    @staticmethod
    def journal(folder: Path, **changes: Any) -> Journal:
        place = Destination(changes.pop("cluster", "c"), changes.pop("topic", "t"), changes.pop("topic_id", "i"))
        return Journal(folder, "log.jsonl", changes.pop("content", "abc"), place, 10, **changes)

    def test_remembers_the_last_acknowledged_line(self, tmp_path: Path) -> None:
        self.journal(tmp_path / "new").write(7)
        assert self.journal(tmp_path / "new").read() == 7
        assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".json"]

    @pytest.mark.parametrize("change", ["cluster", "topic", "topic_id", "content", "variant"])
    def test_is_about_one_content_and_one_destination(self, change: str, tmp_path: Path) -> None:
        self.journal(tmp_path).write(7)
        assert self.journal(tmp_path, **{change: "other"}).read() == 0

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"acknowledged":"x"}', b"\xff"])
    def test_a_damaged_one_says_nothing(self, content: bytes, tmp_path: Path) -> None:
        journal = self.journal(tmp_path)
        journal.path.write_bytes(content)
        assert journal.read() == 0

    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            pytest.param({"XDG_STATE_HOME": "/state"}, Path("/state"), id="where XDG_STATE_HOME says"),
            pytest.param({}, Path.home() / ".local/state", id="by default below the home folder"),
            pytest.param(
                {"XDG_STATE_HOME": "relative"}, Path.home() / ".local/state", id="a relative one counts for nothing"
            ),
        ],
    )
    def test_lies_in_the_folder_for_state(self, environ: dict[str, str], expected: Path) -> None:
        assert state_folder(environ) == expected / "service-level-monitor/send"
