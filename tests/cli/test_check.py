"""`slm check` as its users meet it: people, and programs that read JSON."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import orjson
import pytest
from click.testing import CliRunner, Result

from agents import files as agents_files
from agents.cli.check import command, report_schema
from agents.exits import Fault
from streams.standards.load import DEFAULT

FILES = Path(__file__).parents[1] / "streams" / "standards" / "files"
GOOD, BAD = str(FILES / "contact-centre.yaml"), str(FILES / "mistakes.yaml")


def check(*arguments: str, stdin: str | bytes = "") -> Result:
    result = CliRunner().invoke(command, arguments, input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_a_good_file_gives_one_line() -> None:
    result = check(GOOD)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{GOOD}: good: 2 services, 2 steps, 4 objectives, digest ")
    assert result.stdout.count("\n") == 1


def test_a_bad_file_gives_a_line_for_each_problem_and_their_number() -> None:
    result = check(BAD)
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert all(line.startswith(f"{BAD}:") for line in lines[:-1])
    assert lines[-1] == f"{len(lines) - 1} problems"


def test_one_problem_is_singular() -> None:
    assert check("-", stdin="version: 2").stderr.splitlines()[-1] == "1 problem"


@pytest.mark.parametrize("stdin", ["", "version: 1\n"])
def test_standard_input_is_a_dash(stdin: str) -> None:
    result = check("-", stdin=stdin)
    assert result.exit_code == 0
    assert result.stdout.startswith("stdin: good: 0 services, 0 steps, 0 objectives, digest ")


def test_every_file_is_checked_whatever_came_before(tmp_path: Path) -> None:
    result = check(str(tmp_path / "none.yaml"), BAD, GOOD)
    assert result.exit_code == 2
    assert "none.yaml: no such file; check the path" in result.stderr
    assert "mistakes.yaml:3: timezone" in result.stderr
    assert "contact-centre.yaml: good" in result.stdout


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file"), "no such file; check the path"),
        (IsADirectoryError(21, "Is a directory"), "a directory; give the file in it"),
        (PermissionError(13, "Permission denied"), "not readable for this user; change its permissions"),
        (OSError(5, "Input/output error"), "cannot be read (Input/output error); give another file"),
    ],
)
def test_an_unreadable_file_gives_one_line_that_says_what_to_do(
    error: OSError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Fault) as caught:
        agents_files.read_bytes(Path("standards.yaml"))
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith(f"standards.yaml: {reason}")
    assert "\n" not in caught.value.message


def test_a_directory_is_unreadable(tmp_path: Path) -> None:
    result = check(str(tmp_path))
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path}: a directory; give the file in it\n")


def test_a_name_that_would_break_the_line_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.yaml"
    path.write_text("version: 2")
    line = check(str(path)).stderr.splitlines()[0]
    assert "a\\nb.yaml:1: version: found 2" in line


@pytest.mark.parametrize("arguments", [(GOOD,), (BAD,), ("nowhere.yaml",), (GOOD, BAD, "nowhere.yaml")])
def test_json_follows_its_schema(arguments: tuple[str, ...]) -> None:
    result = check("--json", *arguments)
    report = json.loads(result.stdout)
    jsonschema.validate(report, report_schema())
    assert result.stderr == ""
    assert [each["file"] for each in report["files"]] == list(arguments)
    assert result.exit_code == (0 if report["ok"] else 2)
    assert report["ok"] == all(each["ok"] for each in report["files"])


def test_json_tells_what_the_lines_tell() -> None:
    (of_bad,) = json.loads(check("--json", BAD).stdout)["files"]
    lines = ["{file}:{line}: {path}: found {found}; {rule}; {remedy}".format(**each) for each in of_bad["problems"]]
    assert lines == check(BAD).stderr.splitlines()[:-1]


def test_the_committed_schema_of_the_report_is_fresh() -> None:
    committed = orjson.loads((files("agents") / "schemas" / "check.v1.schema.json").read_bytes())
    assert committed == report_schema()


def test_a_command_that_needs_standards_gets_them_or_every_problem(tmp_path: Path) -> None:
    assert agents_files.read_standards(None) == DEFAULT
    assert set(agents_files.read_standards(Path(GOOD)).services) == {"counter", "hotline"}
    with pytest.raises(Fault) as caught:
        agents_files.read_standards(Path(BAD))
    assert caught.value.message.startswith(f"{BAD} has 25 problems:\n{BAD}:3: timezone")
    assert caught.value.exit_code == 2


def test_no_more_is_read_than_is_needed_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * 10_000_000)
    assert check(str(path)).stderr.startswith(f"{path}:1: found more than 1,048,576 bytes")


def test_without_a_file_the_command_says_what_it_wants() -> None:
    result = check()
    assert result.exit_code == 2
    assert "FILE" in result.stderr
