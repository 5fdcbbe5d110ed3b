"""`slm send` as its user runs it, as far as it gets without Kafka. With one: tests/real_parts/test_send.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from agents.exits import Exit
from tests.services.loopback import HOST, free_ports

GOOD = '{"time":1763900000,"service":"hotline"}\n'


def slm(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["send", *arguments], input=stdin, catch_exceptions=False)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one and keeps the journals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def nobody() -> tuple[str, ...]:
    """Options for a broker that is not there, and little patience."""
    return ("--broker", f"{HOST}:{free_ports(1)[0]}", "--start-timeout", "300ms")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param([], "Missing argument 'FILE…|-'", id="something must be sent"),
        pytest.param(["none.jsonl"], "none.jsonl: there is no such file", id="a file must exist"),
        pytest.param(["-", "-"], "standard input can be read only once", id="standard input is named once"),
        pytest.param(["--rate", "0", "-"], "--rate", id="no events a second is no rate"),
        pytest.param(
            ["--topic", "a,b", "-"], "several topics are set (a, b); say which one", id="one topic is sent to"
        ),
        pytest.param(["--config", "none.toml", "-"], "none.toml: cannot be read", id="settings must be readable"),
    ],
)
def test_usage_errors_end_with_code_2(arguments: list[str], complaint: str) -> None:
    result = slm(*arguments)
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert complaint in result.stderr


def test_every_bad_line_of_every_file_is_named_before_anything_is_sent(folder: Path) -> None:
    (folder / "one.jsonl").write_text(GOOD + "\n" + "no json\n")
    (folder / "two.jsonl").write_text('{"service":"hotline"}\n' + GOOD)
    result = slm("one.jsonl", "two.jsonl", *nobody())
    assert result.exit_code == Exit.USAGE
    named = [line.split(": ")[:2] for line in result.stderr.splitlines()]
    assert named[:2] == [["one.jsonl:3", "not-json"], ["two.jsonl:1", "missing-time"]]
    assert "2 lines cannot be sent, so nothing was" in result.stderr


def test_of_very_many_bad_lines_the_first_are_shown(folder: Path) -> None:
    (folder / "bad.jsonl").write_text("bad\n" * 1000)
    result = slm("bad.jsonl", *nobody())
    assert result.stderr.count("bad.jsonl:") == 20
    assert "1,000 lines cannot be sent (980 more are not shown)" in result.stderr


def test_without_a_broker_it_tries_for_a_while_and_ends_with_code_3(folder: Path) -> None:
    (folder / "events.jsonl").write_text(GOOD)
    result = slm("events.jsonl", *nobody())
    assert result.exit_code == Exit.UNAVAILABLE
    assert "no Kafka broker answers at" in result.stderr
    assert "no Kafka broker answered at" in result.stderr
    assert not (folder / "state").exists()


def test_settings_of_the_environment_count(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "events.jsonl").write_text(GOOD)
    monkeypatch.setenv("SLM_BROKER", "not an address")
    result = slm("events.jsonl")
    assert result.exit_code == Exit.USAGE
    assert "not an address" in result.stderr


def test_help_names_every_option() -> None:
    result = slm("--help")
    assert result.exit_code == Exit.DONE
    for option in (
        "--topic",
        "--rate",
        "--restart",
        "--as-is",
        "--json",
        "--broker",
        "--sasl-password-file",
        "--config",
    ):
        assert option in result.stdout


def test_a_line_that_no_broker_takes_is_refused_even_as_it_is(folder: Path) -> None:
    (folder / "large.jsonl").write_bytes(b"x" * 2_000_000)
    result = slm("--as-is", "large.jsonl", *nobody())
    assert result.exit_code == Exit.USAGE
    assert "large.jsonl:1: too-large" in result.stderr
    assert "1 line cannot be sent, so nothing was; leave them out" in result.stderr
