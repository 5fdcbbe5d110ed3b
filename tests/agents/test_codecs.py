from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import cramjam
import pytest
import zstandard
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from agents import codecs


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    yield
    codecs._records.zstd_decode = codecs._own


def without_size(content: bytes) -> bytes:
    """A frame as writers in Java make it."""
    maker = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return maker.compress(content) + maker.flush()


@pytest.mark.parametrize(
    "compress",
    [
        pytest.param(lambda content: bytes(cramjam.zstd.compress(content)), id="as aiokafka compresses"),
        pytest.param(zstandard.compress, id="with its size"),
        pytest.param(without_size, id="without"),
        pytest.param(
            lambda content: zstandard.compress(content[:9]) + zstandard.compress(content[9:]), id="two frames"
        ),
    ],
)
@given(content=st.binary(max_size=3_000))
def test_what_comes_out_is_what_aiokafka_gives(compress: Callable[[bytes], bytes], content: bytes) -> None:
    assert codecs.zstd_decode(compress(content)) == codecs._own(compress(content))


@given(content=st.binary(min_size=1, max_size=200), at=st.integers(0, 300), wrong=st.integers(0, 255))
def test_what_is_damaged_ends_as_with_aiokafka(content: bytes, at: int, wrong: int) -> None:
    damaged = bytearray(zstandard.compress(content))
    damaged[at % len(damaged)] = wrong
    try:
        due = codecs._own(bytes(damaged))
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
        with pytest.raises(type(error)):
            codecs.zstd_decode(bytes(damaged))
    else:
        assert codecs.zstd_decode(bytes(damaged)) == due


def test_no_room_is_made_for_what_a_frame_only_claims_to_hold() -> None:
    honest = zstandard.compress(b"x" * (1 << 20))
    assert zstandard.frame_content_size(honest) == 1 << 20
    with mock.patch("agents.codecs._MOST_BYTES", 1 << 19), mock.patch("agents.codecs._own") as own:
        codecs.zstd_decode(honest)
    own.assert_called_once_with(honest)


def test_threads_do_not_get_in_each_others_way() -> None:
    contents = [bytes([number]) * 200_000 for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(codecs.zstd_decode, map(zstandard.compress, contents))) == contents


def test_aiokafka_decompresses_with_it() -> None:
    builder = DefaultRecordBatchBuilder(2, 4, 0, -1, -1, -1, 1 << 20)
    for offset in range(3):
        builder.append(offset, None, b"key", b"value" * 100, [])
    whole = bytes(builder.build())
    codecs.keep_contexts()
    with mock.patch.object(codecs, "_own", side_effect=AssertionError):
        assert [record.value for record in DefaultRecordBatch(whole)] == [b"value" * 100] * 3
