from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from agents.exits import Exit, Fault
from agents.files.standards_file import NO_FILE, STDIN, read_standards, read_standards_file
from streams.standards.load import DEFAULT, load

TEXT: Final = "version: 1\ntimezone: Asia/Shanghai\n"
BOM: Final = b"\xef\xbb\xbf"


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "standards.yaml"
    path.write_bytes(content)
    return path


def test_a_file_is_its_standards_its_text_and_when_it_was_written(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.encode())
    os.utime(path, ns=(0, 1_772_438_400_123_999_999))
    file = read_standards_file(path)
    assert file.standards == load(TEXT, file="f") == read_standards(path)
    assert (file.text, file.written_ms) == (TEXT, 1_772_438_400_123)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = read_standards_file(written(tmp_path, BOM + TEXT.encode()))
    assert file.text == TEXT
    assert file.standards.digest == load(TEXT, file="f").digest


@pytest.mark.parametrize("content", [TEXT.encode(), BOM + TEXT.encode(), b"", TEXT.replace("\n", "\r\n").encode()])
def test_the_text_gives_the_same_standards_again(tmp_path: Path, content: bytes) -> None:
    file = read_standards_file(written(tmp_path, content))
    assert load(file.text, file="again") == file.standards


def test_without_a_file_there_are_the_standards_of_an_empty_one() -> None:
    file = read_standards_file(None)
    assert file is NO_FILE
    assert (file.standards, file.text, file.written_ms) == (DEFAULT, "", 0)
    assert load(file.text, file="again") == file.standards


def test_nobody_knows_when_standard_input_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    file = read_standards_file(STDIN)
    assert (file.text, file.written_ms) == (TEXT, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version: 2\nzone: x\n", "standards.yaml has 2 problems:"),
        (b"\xff\xfe", "standards.yaml has 1 problem:"),
        (b"# " + b"x" * 2_000_000, "standards.yaml has 1 problem:"),
    ],
    ids=["all problems at once", "not UTF-8", "too large"],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(Fault) as caught:
        read_standards_file(written(tmp_path, content))
    assert message in caught.value.message
    assert caught.value.exit_code == Exit.USAGE


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"none\.yaml: no such file; check the path"):
        read_standards_file(tmp_path / "none.yaml")
    with pytest.raises(Fault, match="a directory; give the file in it"):
        read_standards_file(tmp_path)
