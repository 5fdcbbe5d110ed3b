"""`slm check` as its users meet it: people, and programs that read JSON."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import orjson
import pytest
from click.testing import CliRunner, Result

from agents.cli.commands.check import command
from agents.cli.processes.checking import report_schema
from agents.exits import Fault
from agents.files import standards_file as agents_files
from streams.standards.load import DEFAULT

FILES = Path(__file__).parents[3] / "streams" / "standards" / "files"
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


ACCESS_LOG = """
version: 1
topics:
  service-events: {lateness: 2m}
  access-log:
    mapping:
      drop_when: path == "/health"
      service: {value: shop}
      time: {path: ts, unit: ms}
      step: {path: route, table: {/pay: authorise}, otherwise: other}
      duration: {path: upstream_time, list: sum}
      outcome: {when: [{if: "http.response.status_code >= 500", then: failed}], otherwise: ok}
"""
UNMAPPED = (
    'outcome: cannot compare http.response.status_code (text "5xx") with number 500; only like is compared with like'
)
WRONG = 'duration: upstream_time is no number (found "-"); write a plain one, as in 0.012'
RECORDS = [
    {"ts": 1_772_438_400_250, "path": "/a", "route": "/pay", "upstream_time": "0.001, 0.004"},
    {"ts": 1_772_438_401_000, "path": "/a", "route": "/x", "upstream_time": "-", "http.response.status_code": "503"},
    {"ts": 1_772_438_402_000, "path": "/health"},
    {"ts": 1_772_438_403_000, "path": "/a", "http": {"response.status_code": "5xx"}},
]


@pytest.fixture
def standards(tmp_path: Path) -> str:
    path = tmp_path / "standards.yaml"
    path.write_text(ACCESS_LOG, "utf-8")
    return str(path)


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "access.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join([json.dumps(record) for record in RECORDS] + ["nonsense"]).encode()))
    return str(path)


def test_a_sample_is_shown_as_the_events_that_it_becomes(standards: str, log: str) -> None:
    result = check(standards, "--sample", log)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1:] == [
        f"{log}, read as the topic access-log by its mapping: 5 records",
        "",
        "First 2 events of 2",
        '  line 1: {"time":"2026-03-02T08:00:00.250000Z","service":"shop","step":"authorise","duration":0.005}',
        '  line 2: {"time":"2026-03-02T08:00:01Z","service":"shop","step":"other","outcome":"failed"}',
        "",
        "Records: 2 accepted, 1 ignored, 2 rejected",
        "  1 not-json, first in line 5: JSON is malformed: invalid character (byte 4); an event is one JSON object",
        f"  1 unmapped, first in line 4: {UNMAPPED}",
        "",
        "Values left out, of events that count",
        f"  1 of duration, wrong-type, first in line 2: {WRONG}",
        "",
        "Mapping",
        "  path   upstream_time                     duration   found in 2 of 4",
        "  path   http.response.status_code         outcome    found in 2 of 4",
        "  path   route                             step       found in 2 of 4",
        "  path   ts                                time       found in 4 of 4",
        "  path   path                              drop_when  found in 4 of 4",
        '  if     path == "/health"                 drop_when  held in 1 of 4',
        "  if     http.response.status_code >= 500  outcome    held in 1 of 3, could not be compared in 1",
        '  table  route                             step       looked up in 2 of 3, no entry for 1: "/x" (1)',
    ]


def test_a_path_that_no_record_has_is_a_negative_finding_with_the_one_that_was_meant(
    standards: str, log: str, tmp_path: Path
) -> None:
    misspelt = tmp_path / "misspelt.yaml"
    misspelt.write_text(ACCESS_LOG.replace("upstream_time", "upstreamTime"), "utf-8")
    result = check(str(misspelt), "--sample", log)
    assert result.exit_code == 1
    assert "never found in 4; did you mean upstream_time?" in result.stdout
    assert result.stderr == "slm: no record has upstreamTime; correct the mapping, or look at a log that has\n"


def test_a_sample_of_which_nothing_is_an_event_is_a_negative_finding(standards: str, log: str) -> None:
    result = check(standards, "--sample", log, "--topic", "service-events")
    assert result.exit_code == 1
    assert "read as the topic service-events in the wire format" in result.stdout
    assert "ts in 4 records; did you mean time?" in result.stdout
    assert result.stderr.startswith("slm: none of 5 records is an event; topics of other shapes are read by a mapping")


def test_an_empty_log_is_a_negative_finding() -> None:
    result = check(GOOD, "--sample", "-")
    assert (result.exit_code, result.stderr) == (1, "slm: standard input has no records; give a log that has some\n")


def test_no_more_records_are_sampled_than_are_asked_for(standards: str, log: str) -> None:
    result = check(standards, "--sample", log, "--records", "1", "--json")
    assert json.loads(result.stdout)["sample"]["records"] == 1


@pytest.mark.parametrize("topic", ["access-log", "service-events"])
def test_a_sample_in_json_follows_the_schema(standards: str, log: str, topic: str) -> None:
    result = check(standards, "--sample", log, "--topic", topic, "--json")
    report = json.loads(result.stdout)
    jsonschema.validate(report, report_schema())
    assert report["ok"] is True
    assert result.exit_code == (0 if report["sample"]["ok"] else 1)
    assert report["sample"]["ok"] is (topic == "access-log")


def test_what_a_log_holds_steers_no_terminal(standards: str, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"ts": 1, "route": "\x9b31m\u202e", "\x1b[2J": 1, "upstream_time": "\u2028"}), "utf-8")
    shown = check(standards, "--sample", str(log)).stdout + check(GOOD, "--sample", str(log)).stdout
    assert all(character.isprintable() for line in shown.split("\n") for character in line)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((GOOD, BAD, "--sample", "log"), "--sample takes one FILE"),
        ((GOOD, "--topic", "t"), "give the log with --sample"),
        (("-", "--sample", "-"), "standard input is either FILE or the sample"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments: tuple[str, ...], said: str) -> None:
    result = check(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_log_that_is_not_there_is_named(standards: str) -> None:
    result = check(standards, "--sample", "/nowhere.jsonl")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "/nowhere.jsonl: there is no such file" in result.stderr


def test_a_bad_file_is_not_tried_on_a_sample(log: str) -> None:
    result = check(BAD, "--sample", log)
    assert (result.exit_code, result.stdout) == (2, "")


def test_without_a_file_the_command_says_what_it_wants() -> None:
    result = check()
    assert result.exit_code == 2
    assert "FILE" in result.stderr
