"""Lines decoded in one go are the same events as lines decoded one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.decoding.decode import decode_values
from streams.decoding.inferred_schema import InferredSchema
from streams.decoding.json_lines import Lines
from streams.events.event import MAX_BYTES
from streams.events.key import EventKey

ASK: Final = b'{"time":5,"service":"hotline","step":"ask"}'
SCHEMA: Final = InferredSchema.of(
    "interaction", ("time", "step"), (), [EventKey("interaction", "hotline", "ask", None, None, "ok")], lambda _: 0
)

#: What lines are made of: events, several of them, and parts of one that lies on two lines.
PIECES: Final = (
    ASK,
    b'{"time":5,"service":"hotline",',
    b'"step":"ask"}',
    b'{"time":5,"service":"hotline","step":"a',
    b" ",
)
LINES: Final = st.lists(
    st.lists(st.sampled_from((*PIECES, b"}", b"{", b"{}", b"\r", b"x", b'"')), max_size=3).map(b"".join) | st.just(ASK),
    max_size=8,
)


def decoded(values: Sequence[bytes]) -> tuple[object, ...]:
    decoding = decode_values(values, schema=SCHEMA, first=3)
    return (
        decoding.matched,
        decoding.matched_positions.tolist(),
        decoding.events,
        decoding.positions.tolist(),
        decoding.rejected,
        decoding.ignored,
    )


@given(st.lists(st.binary(max_size=4)).map(b"\n".join))
def test_lines_are_what_lies_between_line_breaks(text: bytes) -> None:
    due = text.removesuffix(b"\n").split(b"\n") if text else []
    lines = Lines.of(text)
    assert list(lines) == due
    assert [lines[number] for number in range(len(lines))] == due
    assert lines.any_blank or all(line and not line.isspace() for line in due)


@given(st.lists(st.sampled_from((b"", b"a", b"bc")), max_size=5), st.integers(0, 6), st.integers(0, 6))
def test_a_slice_of_lines_is_the_lines_of_the_slice(lines: list[bytes], first: int, after: int) -> None:
    found = Lines.of(b"".join(line + b"\n" for line in lines))[first:after]
    assert list(found) == lines[first:after]
    assert bytes(found.text) == b"\n".join(lines[first:after])
    assert [found[-1 - number] for number in range(len(found))] == lines[first:after][::-1]


@given(LINES)
@example([ASK + b" " + ASK, PIECES[1], PIECES[2]])
@example([ASK + ASK, b"", ASK])
@example([ASK, b'{"time":"?","service":"hotline","step":"ask"}', ASK])
def test_what_is_decoded_does_not_depend_on_how_many_lines_are_taken_at_once(lines: list[bytes]) -> None:
    assert decoded(Lines.of(b"\n".join(lines) + b"\n") if lines else Lines.of(b"")) == decoded(lines)


@pytest.mark.parametrize("filled", [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1])
def test_a_line_may_be_as_long_as_an_event(filled: int) -> None:
    long = ASK + b" " * (filled - len(ASK) - 1)
    lines = [ASK, long[:-1] + b" ", b'{"time":5,"service":"hotline"' + b" " * (filled - 30) + b"}"]
    assert decoded(Lines.of(b"\n".join(lines))) == decoded(lines)


def test_events_are_taken_in_one_go() -> None:
    """Else the tests above compare a thing with itself."""
    with mock.patch("streams.decoding.decode.FastPass") as one_by_one:
        assert len(decode_values(Lines.of(ASK + b"\n" + ASK), schema=SCHEMA).matched) == 2
    one_by_one.assert_not_called()
