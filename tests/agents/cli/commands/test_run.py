"""`slm run` as far as it gets without Kafka. With one: tests/real_parts/test_run.py."""

from __future__ import annotations

import gc
import os
import signal
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from agents.cli import main
from agents.cli.processes.worker import _no_authorities, _read_again
from agents.exits import Exit
from agents.files.standards_file import NO_FILE, StandardsFile
from agents.settings.settings import Settings
from streams.standards.load import load
from tests.services.loopback import HOST, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT: Final = "version: 1\ntimezone: Asia/Shanghai\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "standards.yaml"
    written.write_text(TEXT, "utf-8")
    return written


@pytest.fixture
def handlers() -> Iterator[None]:
    """The command sets handlers of signals for its own process, which is that of the tests here."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    gc.enable()  # it waits until a worker has begun
    for number, handler in before.items():
        signal.signal(number, handler)


def again(path: Path | None) -> StandardsFile | str:
    return _read_again(Settings.resolve({"standards": path}))


def test_a_file_that_is_read_again_is_meant_now(path: Path) -> None:
    os.utime(path, (0, 0))
    before_ms = time.time_ns() // 1_000_000
    file = again(path)
    assert isinstance(file, StandardsFile)
    assert (file.standards, file.text) == (load(TEXT, file="f"), TEXT)
    assert file.written_ms >= before_ms


def test_a_file_from_the_future_keeps_its_time(path: Path) -> None:
    later_s = time.time() + 86_400
    os.utime(path, (later_s, later_s))
    file = again(path)
    assert isinstance(file, StandardsFile)
    assert file.written_ms == int(path.stat().st_mtime_ns // 1_000_000)


def test_of_a_bad_file_every_problem_is_told_and_none_is_raised(path: Path) -> None:
    path.write_text("version: 2\nzone: x\n", "utf-8")
    problems = again(path)
    assert isinstance(problems, str)
    assert "has 2 problems" in problems
    path.unlink()
    problems = again(path)
    assert isinstance(problems, str)
    assert "no such file" in problems


def test_without_a_file_there_is_nothing_else_to_read() -> None:
    file = again(None)
    assert isinstance(file, StandardsFile)
    assert file.standards is NO_FILE.standards


def test_a_bad_standards_file_ends_it_before_anything_else(path: Path, handlers: None) -> None:
    path.write_text("version: 2\n", "utf-8")
    result = CliRunner().invoke(main, ["run", "--standards", str(path)], catch_exceptions=False)
    assert result.exit_code == Exit.USAGE
    assert "has 1 problem" in result.stderr


def test_without_a_broker_it_ends_with_code_3(handlers: None) -> None:
    broker, web = free_ports(2)
    options = ["--broker", f"{HOST}:{broker}", "--web-port", str(web), "--start-timeout", "300ms"]
    result = CliRunner().invoke(main, ["run", *options], catch_exceptions=False)
    assert result.exit_code == Exit.UNAVAILABLE
    assert "no Kafka broker answered at" in result.stderr


@pytest.mark.parametrize("before", [None, "some.pem"])
def test_authorities_are_left_out_for_a_moment_only(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    name = ssl.get_default_verify_paths().openssl_cafile_env
    if before is None:
        monkeypatch.delenv(name, raising=False)
    else:
        monkeypatch.setenv(name, before)
    with _no_authorities():
        assert not ssl.create_default_context().get_ca_certs()
    assert os.environ.get(name) == before


def test_aiohttp_reads_authorities_in_that_moment_alone() -> None:
    program = """
import os, ssl
from agents.cli.processes.worker import _configure_log
read = ssl.SSLContext.load_default_certs
def told(*words):
    print(os.environ.get("SSL_CERT_FILE"))
    read(*words)
ssl.SSLContext.load_default_certs = told
_configure_log()
import agents.worker.monitor, agents.worker.supervision.supervisor
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [os.devnull]
