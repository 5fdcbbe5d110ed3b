from __future__ import annotations

import gzip
import hashlib
import io
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from agents.exits import Fault
from agents.files import event_log
from agents.files.event_log import MAX_LINE, EventLog, Line
from streams.decoding.batch import NO_TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b'{"a":1}\n\n{"b":2}\r\nlast'
LINES = [Line(1, b'{"a":1}'), Line(3, b'{"b":2}'), Line(4, b"last")]


def log(content: bytes) -> EventLog:
    return EventLog("given", io.BufferedReader(io.BytesIO(content)))


def sha256(given: EventLog) -> str:
    digest = hashlib.sha256()
    for _ in given.lines(digest):
        pass
    return digest.hexdigest()


def lines(content: bytes) -> list[Line]:
    return list(log(content).lines())


def zstd(content: bytes) -> bytes:
    return zstandard.compress(content)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        pytest.param(CONTENT, LINES, id="plain lines keep their numbers, blank ones counted"),
        pytest.param(gzip.compress(CONTENT), LINES, id="gzip is told from its first bytes"),
        pytest.param(zstd(CONTENT), LINES, id="so is zstd"),
        pytest.param(
            gzip.compress(CONTENT[:9]) + gzip.compress(CONTENT[9:]), LINES, id="gzip members follow each other"
        ),
        pytest.param(zstd(CONTENT[:9]) + zstd(CONTENT[9:]), LINES, id="zstd frames follow each other"),
        pytest.param(b"", [], id="an empty log has no lines"),
        pytest.param(zstd(b""), [], id="nor has a compressed one"),
        pytest.param(b"\n \t\n", [], id="blank lines are none"),
        pytest.param(b"\xef\xbb\xbf{}\n", [Line(1, b"{}")], id="a byte order mark is no part of the first line"),
        pytest.param(b"\xef\xbb\xbf", [], id="a byte order mark alone is nothing"),
        pytest.param(b"a\rb\n", [Line(1, b"a\rb")], id="a carriage return alone ends no line"),
    ],
)
def test_lines(stored: bytes, expected: list[Line]) -> None:
    assert lines(stored) == expected


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(gzip.compress(CONTENT * 1000)[:-9], id="gzip cut off"),
        pytest.param(zstd(CONTENT * 1000)[:-3], id="zstd cut off"),
        pytest.param(zstd(CONTENT) + zstd(CONTENT * 1000)[:-3], id="zstd cut off in its second frame"),
        pytest.param(zstd(CONTENT) + b"garbage", id="garbage behind a zstd frame"),
        pytest.param(b"\x1f\x8bgarbage", id="garbage that begins like gzip"),
    ],
)
def test_damaged_compression_is_an_error_and_not_a_short_log(stored: bytes) -> None:
    with pytest.raises(Fault, match=r"given: the compressed data are damaged or incomplete"):
        lines(stored)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        pytest.param(lambda folder: folder / "none.jsonl", "there is no such file", id="no such file"),
        pytest.param(lambda folder: folder, "cannot be read", id="a folder"),
    ],
)
def test_what_cannot_be_read_is_said(path: Callable[[Path], Path], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(Fault, match=complaint):
        sha256(EventLog(str(path(tmp_path))))


@given(
    content=st.lists(st.binary(max_size=20)).map(b"\n".join),
    cuts=st.lists(st.integers(1, 7), min_size=1),
)
def test_lines_do_not_depend_on_how_the_bytes_arrive(content: bytes, cuts: list[int]) -> None:
    pieces, rest, turn = [], content, 0
    while rest:
        size = cuts[turn % len(cuts)]
        pieces.append(rest[:size])
        rest, turn = rest[size:], turn + 1
    whole = list(event_log._whole_lines(iter([content] if content else []), None))
    parts = list(event_log._whole_lines(iter(pieces), None))
    assert b"".join(parts) == b"".join(whole)
    assert all(part.endswith(b"\n") for part in parts[:-1])


def test_the_hash_is_of_the_content_however_compressed() -> None:
    hashes = {sha256(log(stored)) for stored in (CONTENT, gzip.compress(CONTENT), zstd(CONTENT))}
    assert hashes == {hashlib.sha256(CONTENT).hexdigest()}


def test_batches_carry_line_numbers_and_no_timestamps() -> None:
    batches = list(log(CONTENT).batches())
    assert {(batch.source, batch.partition) for batch in batches} == {("given", 0)}
    assert [value for batch in batches for value in batch.values] == [line.raw for line in LINES]
    assert [offset for batch in batches for offset in batch.offsets.tolist()] == [1, 3, 4]
    assert {stamp for batch in batches for stamp in batch.timestamps.tolist()} == {NO_TIMESTAMP}


@pytest.mark.parametrize(
    "compress",
    [
        pytest.param(lambda content: content, id="plain"),
        pytest.param(lambda content: gzip.compress(content, 1), id="gzip"),
        pytest.param(zstd, id="zstd"),
    ],
)
def test_a_line_of_100_mib_is_cut_and_takes_little_memory(compress: Callable[[bytes], bytes]) -> None:
    stored = compress(b"x" * (100 << 20) + b"\nnext\n")
    tracemalloc.start()
    try:
        found = [(line.number, len(line.raw)) for line in log(stored).lines()]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found[-1] == (2, 4)
    assert MAX_LINE <= found[0][1] <= MAX_LINE + (40 << 20)
    assert peak < 200 << 20
