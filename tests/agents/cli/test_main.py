"""The command tree: lazy, one line for whatever goes wrong, the exit codes that are promised."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest

from agents.cli import COMMANDS
from agents.exits import Exit
from tests.services.worker import SLM


def slm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SLM, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_help_names_every_command_and_imports_none_of_them() -> None:
    script = (
        "import sys; from agents.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('imported:', *(m for m in sys.modules if m.partition('.')[0] in "
        "('numpy', 'faust', 'aiokafka', 'kafka', 'pydantic', 'rich', 'msgspec')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    overview, _, heavy = done.stdout.partition("imported:")
    assert heavy.split() == []
    assert [name for name in COMMANDS if f"  {name} " not in overview] == []


def test_a_command_is_imported_without_what_it_works_with() -> None:
    modules = ", ".join(module for module, _ in COMMANDS.values())
    script = (
        f"import sys, {modules}\n"
        "print(*(m for m in sys.modules if m in "
        "('numpy', 'faust', 'aiokafka', 'kafka', 'aiohttp', 'pydantic', 'rich', 'msgspec', 'orjson', 'yaml')"
        " or m.startswith('agents.cli.processes')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_a_worker_checks_its_settings_before_it_imports_what_it_works_with() -> None:
    script = (
        "import sys, agents.cli.processes.worker\n"
        "print(*(m for m in sys.modules if m in ('numpy', 'faust', 'aiokafka', 'aiohttp', 'rich')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    command = importlib.import_module(COMMANDS[name][0]).command
    assert isinstance(command, click.Command)
    assert command.help


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["nonsense"], "No such command 'nonsense'. See 'slm --help'.", id="an unknown command"),
        pytest.param(["replay", "--nonsense", "x"], "No such option: --nonsense", id="an unknown option"),
        pytest.param(["replay"], "Missing argument 'FILE...'.", id="a missing argument"),
        pytest.param(["replay", "/nowhere.jsonl"], "/nowhere.jsonl: there is no such file", id="a missing log"),
        pytest.param(["replay", "-", "--standards", "/nowhere.yaml"], "/nowhere.yaml", id="missing standards"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], line: str) -> None:
    done = slm(*arguments)
    assert done.returncode == Exit.USAGE
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert said.startswith("slm")
    assert line in said


def test_without_arguments_it_shows_the_overview() -> None:
    done = slm()
    assert done.returncode == Exit.USAGE
    assert "Commands:" in done.stderr
