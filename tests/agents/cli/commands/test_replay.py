"""`slm replay`: event logs in, a table or one JSON document out."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import zstandard

from tests.services.worker import SLM

SCHEMA = json.loads((files("agents") / "schemas" / "replay.v1.schema.json").read_text("utf-8"))
START = 1_772_328_600

STANDARDS = """
version: 1
services:
  desk:
    objectives:
      quick:
        measure: {response_time: {within: 10s}}
        target: 90%
        window: 1h
"""

REACHABLE = """
version: 1
services:
  hotline:
    objectives:
      reachable:
        measure: {availability: {by: probe}}
        target: 95%
        window: calendar month
"""


def probe(second: int, *, up: bool = True, holds: float = 10) -> str:
    return json.dumps({"kind": "probe", "time": START + second, "service": "hotline", "up": up, "holds": holds})


#: Ten minutes, of which nine are up.
PROBES = [probe(10 * i, up=i % 10 != 9) for i in range(60)]


def events(count: int = 40) -> list[str]:
    """One interaction a minute: every fourth is slow, every tenth fails at the lift."""
    lines = []
    for i in range(count):
        event: dict[str, object] = {"time": START + 60 * i, "service": "desk", "step": "check-in", "duration": 5}
        if i % 4 == 3:
            event["duration"] = 20
        if i % 10 == 9:
            event |= {"outcome": "failed", "failure_point": "lift"}
        lines.append(json.dumps(event))
    return lines


def slm(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*SLM, "replay", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)


def document(*arguments: object, stdin: bytes = b"") -> dict[str, Any]:
    done = slm("--json", *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(events()) + "\n", "utf-8")
    return path


@pytest.fixture
def standards(tmp_path: Path) -> Path:
    path = tmp_path / "standards.yaml"
    path.write_text(STANDARDS, "utf-8")
    return path


def test_the_document_counts_what_is_in_the_log(log: Path, standards: Path) -> None:
    found = document(log, "--standards", standards)
    (step,) = found["steps"]
    assert (step["ok"], step["failed"], step["failure_points"]) == (36, 4, {"lift": 4})
    assert step["response_microseconds"]["sum"] == 1_000_000 * sum(
        20 if i % 4 == 3 else 5 for i in range(40) if i % 10 != 9
    )
    (objective,) = found["objectives"]
    slow_or_failed = sum(1 for i in range(40) if i % 4 == 3 or i % 10 == 9)
    assert (objective["good_in_log"], objective["total_in_log"]) == (40 - slow_or_failed, 40)
    assert objective["state"] == "breached"
    assert [decision["change"] for decision in found["decisions"]] == ["opened"]
    assert found["guarded"] is False


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_logs_say_the_same(log: Path, suffix: str) -> None:
    packed = log.with_suffix(suffix)
    pack = gzip.compress if suffix == ".gz" else zstandard.ZstdCompressor().compress
    packed.write_bytes(pack(log.read_bytes()))
    assert document(packed) == document(log)


def test_standard_input_says_the_same(log: Path) -> None:
    assert document("-", stdin=log.read_bytes()) == document(log)


def test_two_halves_are_one_log(log: Path, tmp_path: Path) -> None:
    halves = []
    for name, part in (("first", events()[:17]), ("second", events()[17:])):
        half = tmp_path / name
        half.write_text("\n".join(part), "utf-8")
        halves.append(half)
    assert document(*halves) == document(log)


def test_separate_files_are_partitions_whose_figures_add_up(log: Path, tmp_path: Path) -> None:
    parts = []
    for remainder in range(2):
        part = tmp_path / f"part-{remainder}"
        part.write_text("\n".join(events()[remainder::2]), "utf-8")
        parts.append(part)
    assert document("--separate", *parts)["steps"] == document(log)["steps"]


def test_bad_lines_are_counted_named_and_written_out_while_their_neighbours_count(log: Path, tmp_path: Path) -> None:
    letters = tmp_path / "letters.jsonl"
    bad = ["nonsense", '{"time": 1772328600, "service": "desk", "outcome": 1}', '{"time": 5, "service": "desk"}']
    log.write_text("\n".join([*events()[:30], *bad, *events()[30:]]), "utf-8")
    found = document(log, "--dead-letters", letters)
    assert found["records"]["rejected"] == {"late": 1, "not-json": 1, "wrong-type": 1}
    assert found["records"]["accepted"] == 40
    written = [json.loads(line) for line in letters.read_text("utf-8").splitlines()]
    assert [(letter["offset"], letter["reason"]) for letter in written] == [
        (31, "not-json"),
        (32, "wrong-type"),
        (33, "late"),
    ]
    assert base64.b64decode(written[0]["raw"]) == b"nonsense"
    table = slm(log).stdout.decode()
    assert f"{log}:32: outcome:" in table


ACCESS_LOG = """
version: 1
topics:
  access-log:
    mapping:
      service: {value: shop}
      time: {path: msec, unit: s}
      duration: {path: took, unit: s}
      outcome: {when: [{if: "status >= 500", then: failed}], otherwise: ok}
      failure_point: {path: http.problem}
"""


def test_what_cannot_be_read_and_what_is_never_found_is_told(tmp_path: Path) -> None:
    standards, log = tmp_path / "standards.yaml", tmp_path / "access.jsonl"
    standards.write_text(ACCESS_LOG, "utf-8")
    lines = [{"msec": "1772353807.123", "status": "200", "took": "0.012"}]
    lines += [{"msec": "1772353808", "status": "502", "took": took} for took in ("-", "12ms")]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    found = document(log, "--standards", standards, "--topic", "access-log")
    assert found["records"]["left_out"] == [{"field": "duration", "reason": "wrong-type", "count": 2}]
    assert found["records"]["never_found"] == ["http.problem"]
    (step,) = found["steps"]
    assert (step["ok"], step["failed"], step["availability"]) == (1, 2, 1 / 3)
    for language, said in (("en", "Left out of events that count"), ("zh", "从计入的事件中略去")):
        arguments = ("--standards", standards, "--topic", "access-log", "--language", language)
        table = slm(log, *arguments).stdout.decode()
        assert said in table
        assert f"{log}:2: duration: took" in table
        assert "5 %" in table or "5%" in table
        assert "http.problem" in table


@pytest.mark.parametrize(("language", "heading"), [("en", "Fail points"), ("zh", "失败点")])
def test_the_table_is_in_both_languages(log: Path, standards: Path, language: str, heading: str) -> None:
    done = slm(log, "--standards", standards, "--language", language)
    assert done.returncode == 0
    table = done.stdout.decode()
    assert heading in table
    assert "lift 4" in table
    assert "90.00 %" in table


MAPPED = """
version: 1
topics:
  calls: {mapping: {service: {path: svc}, time: {path: ts, unit: ms}}}
"""


def test_a_topic_that_the_standards_do_not_know_is_refused(log: Path, tmp_path: Path) -> None:
    mapped = tmp_path / "mapped.yaml"
    mapped.write_text(MAPPED, "utf-8")
    unknown = slm(log, "--standards", mapped, "--topic", "call")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith(b"slm: --topic call: the standards know calls; did you mean calls?")
    unsaid = slm(log, "--standards", mapped)
    assert (unsaid.returncode, unsaid.stdout) == (2, b"")
    assert unsaid.stderr.startswith(b"slm: the standards map calls; say with --topic what the log is of")
    assert document(log, "--standards", mapped, "--topic", "service-events")["records"]["accepted"] == 40
    assert document(log, "--topic", "of-any-name")["records"]["accepted"] == 40


def test_an_empty_log_is_no_data_and_no_error() -> None:
    found = document("-")
    assert found["steps"] == []
    assert found["start"] is None


def test_a_folder_that_cannot_be_written_to_is_named(log: Path) -> None:
    done = slm(log, "--dead-letters", "/nowhere/letters")
    assert done.returncode == 2
    assert b"/nowhere/letters: cannot be written" in done.stderr


# -- the end of a log is the end of probes ----------------------------------------------------------------------------


@pytest.fixture
def reachable(tmp_path: Path) -> Path:
    path = tmp_path / "reachable.yaml"
    path.write_text(REACHABLE, "utf-8")
    return path


def lines(*written: str) -> bytes:
    return "\n".join(written).encode()


@pytest.mark.parametrize(
    ("log", "up", "observed", "state"),
    [
        pytest.param([probe(20, holds=30)], 30_000, 30_000, "met", id="one probe"),
        pytest.param(PROBES, 540_000, 600_000, "breached", id="sixty probes"),
    ],
)
def test_probes_count_to_the_end_of_what_they_claim(
    log: list[str], up: int, observed: int, state: str, reachable: Path
) -> None:
    found = document("-", "--standards", reachable, stdin=lines(*log))
    (step,), (objective,) = found["steps"], found["objectives"]
    assert step["probe_milliseconds"] == {"up": up, "observed": observed}
    assert (objective["good"], objective["total"], objective["state"]) == (up, observed, state)
    assert (objective["good_in_log"], objective["total_in_log"]) == (up, observed)
    assert objective["unit"] == "milliseconds"


def test_no_breach_is_decided_by_the_end_of_a_log(reachable: Path) -> None:
    found = document("-", "--standards", reachable, stdin=lines(probe(0, up=False, holds=600)))
    (objective,) = found["objectives"]
    assert (objective["good"], objective["total"], objective["state"]) == (0, 600_000, "breached")
    assert found["decisions"] == []


def test_what_counts_interactions_says_so(log: Path, standards: Path) -> None:
    (objective,) = document(log, "--standards", standards)["objectives"]
    assert objective["unit"] == "events"


def test_each_of_separate_logs_ends_by_itself(tmp_path: Path, reachable: Path) -> None:
    logs = []
    for name, part in (("first", PROBES[:30]), ("second", PROBES[30:])):
        logs.append(tmp_path / name)
        logs[-1].write_bytes(lines(*part))
    (objective,) = document("--separate", *logs, "--standards", reachable)["objectives"]
    assert (objective["good"], objective["total"]) == (540_000, 600_000)
    assert (objective["good_in_log"], objective["total_in_log"]) == (540_000, 600_000)


@pytest.mark.parametrize(
    ("language", "heading"), [("en", "Up / observed"), ("zh", "探测正常 / 观测")], ids=["English", "Chinese"]
)
def test_time_is_shown_as_time_and_the_number_of_interactions_as_a_number(
    language: str, heading: str, log: Path, standards: Path, reachable: Path
) -> None:
    table = slm("-", "--standards", reachable, "--language", language, stdin=lines(*PROBES)).stdout.decode()
    (step,), (objective,) = (
        [line for line in table.splitlines() if line.startswith("hotline") and ("reachable" in line) is judged]
        for judged in (False, True)
    )
    assert heading in table
    assert " ".join(step.split()) == "hotline – 90.00 % 9 min 00 s / 10 min 00 s – – – –"
    assert "9 min 00 s / 10 min 00 s" in objective
    ordinary = slm(log, "--standards", standards, "--language", language).stdout.decode()
    assert heading not in ordinary
    assert " 28 / 40 " in ordinary
