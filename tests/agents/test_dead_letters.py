from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dead_letters import RAW_BYTES, RECORD_BYTES, encode_letter, encode_record, pack
from streams.engine import DeadLetter
from streams.rejections import Reason

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
