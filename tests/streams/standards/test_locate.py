"""YAML without its surprises: what plain words mean, where things stand, what is refused."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streams.standards.problems import locate
from streams.standards.problems.problems import FilePosition

#: PyYAML reads with libyaml where it was built with it, and without it elsewhere; both have to agree.
LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: str(loader.__name__), autouse=True)
def _every_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "_LOADER", request.param)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-10-01", "2026-10-01"),
        ("0x1F", "0x1F"),
        ("017", "017"),
        ("1_000", "1_000"),
        (".nan", ".nan"),
        ("9" * 5_000, "9" * 5_000),
        ("1e999", "1e999"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-5", -5),
        ("0.999", 0.999),
        ("1e3", 1000.0),
        ('"5"', "5"),
        ("'true'", "true"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[1, a]", [1, "a"]),
    ],
)
def test_what_a_plain_word_means(text: str, value: object) -> None:
    assert locate.read(f"key: {text}").data == {"key": value}


@pytest.mark.parametrize("key", ["on", "no", "404", "12:30", "2026-10-01", "null", "true", "a b", '"<<"'])
def test_every_key_is_a_text(key: str) -> None:
    assert locate.read(f"{key}: 1").data == {key.strip('"'): 1}


def test_places_of_keys_and_values_count_from_one() -> None:
    document = locate.read("a:\n  - x\n  - {b: 1, 热线: 2}\n")
    assert document.keys["a",] == FilePosition(1, 1)
    assert document.values["a", 0] == FilePosition(2, 5)
    assert document.keys["a", 1, "热线"] == FilePosition(3, 12)
    assert document.values["a", 1, "热线"] == FilePosition(3, 16)
    assert document.place(("a", 1, "c")) == document.values["a", 1]
    assert document.place(("d",)) == FilePosition(1, 1)


@pytest.mark.parametrize(
    ("text", "line", "found", "remedy"),
    [
        pytest.param("a: 1\na: 2", 2, "the key again", "remove one", id="a key twice"),
        pytest.param("a: &x 1\nb: *x", 2, "the alias *x", "write the value out", id="an alias"),
        pytest.param("a: *x", 1, "the alias *x", "write the value out", id="an alias of nothing"),
        pytest.param("a: {b: 1}\n<<: {c: 1}", 2, "a merge key", "write each key", id="a merge key"),
        pytest.param("? [a]\n: b", 1, "no plain text", "write each key", id="a list as a key"),
        pytest.param('"": b', 1, "an empty key", "write each key", id="an empty key"),
        pytest.param("a: !!python/object:os.system x", 1, "the tag", "leave it out", id="a tag"),
        pytest.param("a: !x [1]", 1, "the tag", "leave it out", id="a tag of a list"),
        pytest.param("a: 1\n---\nb: 1", 2, "a second document", "remove ---", id="two documents"),
        pytest.param("a:\n\tb: 1", 2, "a tab", "spaces", id="a tab"),
        pytest.param("a: b: c", 1, "a colon too many", "quotes", id="a colon in a text"),
        pytest.param("a: [1, 2", 1, "within quotes or brackets", "close them", id="a bracket that is never closed"),
        pytest.param("a: 'x", 1, "within quotes or brackets", "close them", id="a quote that is never closed"),
        pytest.param("a: {b: 1\nc: 2}", 2, "something else", "comma", id="a comma that is missing"),
        pytest.param("- a\nb: 1", 2, "no part of what stands above", "indent", id="a key in a list"),
        pytest.param("  a: 1\n b: 2", 2, "belongs to nothing", "indent", id="a line too far left"),
        pytest.param("a: @b", 1, "begins no value", "quotes", id="an at sign"),
        pytest.param("a: `b`", 1, "begins no value", "quotes", id="a backtick"),
        pytest.param('a: "\\q"', 1, "escape", "", id="an unknown escape"),
        pytest.param("a: b\x00c", 1, "U+0000", "remove it", id="a control character"),
        pytest.param("a: 1\nb: \x1b[31m", 2, "U+001B", "remove it", id="a terminal's escape"),
        pytest.param("a: \ud800", 1, "half of a character", "UTF-8", id="half of a character"),
        pytest.param(b"a: 1\nb: \xe4", 2, "the byte 0xe4", "UTF-8", id="Latin-1"),
        pytest.param(b"\xff\xfea\x00", 1, "UTF-16", "UTF-8", id="UTF-16"),
        pytest.param("a: " + "x" * locate.MAX_BYTES, 1, "more than 1,048,576 bytes", "shorter", id="a megabyte"),
        pytest.param("a: " + "[" * 50_000, 1, "level 21", "flatter", id="fifty thousand brackets"),
        pytest.param("- " * 5_000, 1, "level 21", "flatter", id="five thousand dashes"),
        pytest.param("? " * 5_000, 1, "", "", id="five thousand question marks"),
        pytest.param("%YAML 9.9\n---\na: 1", 1, "", "", id="a version of YAML that never was"),
    ],
)
def test_what_is_refused(text: str | bytes, line: int, found: str, remedy: str) -> None:
    mark, finding = locate.read(text).findings[-1]
    assert found in finding.found
    assert remedy in finding.remedy
    assert mark.line >= line if found.endswith("brackets") else mark.line == line


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "\ufeff", "null", "---\n...\n"])
def test_nothing_is_no_problem(text: str) -> None:
    document = locate.read(text)
    assert (document.data, document.findings) == (None, [])


def test_a_byte_order_mark_and_windows_line_ends_are_passed_over() -> None:
    assert locate.read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").data == {"a": 1, "b": 2}


def test_problems_are_found_together() -> None:
    document = locate.read("a: 1\na: 2\nb: *x\n? [c]\n: d\ne: !t 1\n")
    assert [mark.line for mark, _ in document.findings] == [2, 3, 4, 6]
    assert set(document.data) == {"a", "b", "e"} if isinstance(document.data, dict) else False
    assert document.is_refused(("b",))
    assert not document.is_refused(("a",))


@given(
    st.binary(max_size=200)
    | st.text(alphabet=st.sampled_from("ab:-?[]{}&*!|>'\"%@`#,\\ \n\t\r~<0\x85\ufeff"), max_size=80)
)
def test_no_bytes_raise_anything(text: bytes | str) -> None:
    document = locate.read(text)
    assert document.findings or document.data is not document
