from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any
from unittest import mock

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decoding.dead_letters import RAW_BYTES, DeadLetter, encode_lines
from streams.events.rejections import Reason
from streams.records.dead_letters import records

SCHEMA = json.loads(files("agents").joinpath("schemas", "dead-letters.v1.schema.json").read_text("utf-8"))


def letter(offset: int = 0, raw: bytes | None = b"junk", *, partition: int = 0, detail: str = "not JSON") -> DeadLetter:
    return DeadLetter("events", partition, offset, Reason.NOT_JSON, detail, raw)


def decode(record: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(record)
    jsonschema.validate(document, SCHEMA)
    return document


def written(*letters: DeadLetter) -> list[dict[str, Any]]:
    """What one record says of ``letters``."""
    (record,) = records(encode_lines(letters))
    found: list[dict[str, Any]] = decode(record)["letters"]
    return found


@given(st.one_of(st.none(), st.binary(max_size=100)), st.text(), st.sampled_from(Reason))
def test_every_letter_fits_the_published_schema(raw: bytes | None, detail: str, reason: Reason) -> None:
    one = DeadLetter("events", 3, 17, reason, detail, raw)
    (found,) = written(one)
    assert (found["topic"], found["partition"], found["offset"], found["reason"]) == ("events", 3, 17, str(reason))
    assert found["raw"] is None if raw is None else base64.b64decode(found["raw"]) == raw
    assert "truncated" not in found


def test_a_text_that_no_utf8_has_is_written_all_the_same() -> None:
    found = written(letter(1), letter(2, detail="lone \ud800 half"), letter(3, raw=b"x" * (RAW_BYTES + 1)))
    assert [one["detail"] for one in found] == ["not JSON", "lone ? half", "not JSON"]
    assert found[2]["size"] == RAW_BYTES + 1


@pytest.mark.parametrize("size", [RAW_BYTES, RAW_BYTES + 1], ids=["16 KiB is kept whole", "a byte more is cut"])
def test_long_values(size: int) -> None:
    raw = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (found,) = written(letter(raw=raw))
    assert base64.b64decode(found["raw"]) == raw[:RAW_BYTES]
    if size > RAW_BYTES:
        assert (found["truncated"], found["size"]) == (True, size)
        assert found["sha256"] == hashlib.sha256(raw).hexdigest()


def test_the_id_of_a_record_is_a_function_of_its_letters() -> None:
    def identity(*offsets: int) -> str:
        (record,) = records(encode_lines([letter(offset) for offset in offsets]))
        return str(decode(record)["id"])

    assert identity(1, 2) == identity(1, 2)
    assert len({identity(1, 2), identity(2, 1), identity(1), identity(12)}) == 4


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(("a", "\n", "\x00", "界"))), max_size=12), st.data())
def test_records_are_bounded_and_hold_every_letter_in_order(
    details: list[tuple[int, str]], data: st.DataObject
) -> None:
    letters = [letter(number, detail=count * sign) for number, (count, sign) in enumerate(details)]
    most = data.draw(st.integers(1, 600))
    with mock.patch("streams.records.dead_letters.RECORD_BYTES", most):
        made = list(records(encode_lines(letters)))
    found = [decode(record)["letters"] for record in made]
    assert [one["offset"] for run in found for one in run] == list(range(len(letters)))
    assert [one["detail"] for run in found for one in run] == [one.detail for one in letters]
    sizes = [len(record) - len(record.partition(b"[")[0]) - len("[]}") for record in made]
    assert all(len(run) == 1 or size <= most for run, size in zip(found, sizes, strict=True))
