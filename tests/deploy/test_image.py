"""The image and the systemd unit, read as text: no engine is needed, and both refer to what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from agents.cli import COMMANDS
from agents.settings.settings import SETTINGS

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")
UNIT = (ROOT / "deploy/systemd/service-level-monitor.service").read_text("utf-8")


def instructions(name: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_everything_that_is_copied_exists_and_is_not_ignored() -> None:
    kept = {
        line[1:]
        for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line[:1] == "!"
    }
    sources = [source for copy in instructions("COPY") for source in copy.split()[:-1]]
    assert set(sources) == kept
    for source in sources:
        assert (ROOT / source).exists(), source


def test_every_package_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= {copy.split()[0] for copy in instructions("COPY")}


def test_the_image_does_not_run_as_root() -> None:
    (user,) = instructions("USER")
    assert int(user) > 0


def test_the_image_runs_slm() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert instructions("ENTRYPOINT") == ['["slm"]']
    assert "slm" in project["scripts"]
    (command,) = re.findall(r'"(\w+)"', instructions("CMD")[-1])
    assert command in COMMANDS


def test_the_health_check_asks_where_the_worker_listens() -> None:
    port = next(setting.default for setting in SETTINGS if setting.name == "web_port")
    assert instructions("EXPOSE") == [port]
    assert f"http://127.0.0.1:{port}/health" in instructions("HEALTHCHECK")[0]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no command systemd-analyze")
    unit = tmp_path / "service-level-monitor.service"
    # systemd wants the program to exist.
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT, flags=re.MULTILINE), "utf-8")
    run = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert not run.stderr


def test_the_unit_runs_slm_with_settings_that_exist() -> None:
    assert re.search(r"^ExecStart=\S+/slm run$", UNIT, re.MULTILINE)
    assert set(re.findall(r"\b(SLM_[A-Z_]+)=", UNIT)) <= {setting.variable for setting in SETTINGS}


def test_the_unit_does_not_repeat_a_mistake_in_the_settings() -> None:
    assert "RestartPreventExitStatus=2\n" in UNIT
    assert "Restart=always\n" in UNIT
