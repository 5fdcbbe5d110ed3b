"""`slm generate` as its user runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from agents.exits import Exit
from dashboards import generate, publish
from tests.dashboards.grafana import TOKEN
from tests.services.loopback import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.dashboards.grafana import MockGrafana


def slm(*arguments: str, environ: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["generate", *arguments], env=environ, catch_exceptions=False)


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one, no settings in the environment, and no patience."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLM_REQUIRE_SERVICES", raising=False)
    monkeypatch.setattr(publish, "PAUSES", ())
    return tmp_path


def test_without_a_kind_everything_is_written_to_its_place() -> None:
    result = slm()
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["wrote"] * len(generate.artefacts())
    assert Path("dashboards/generated/zh/service-levels.json").is_file()


def test_every_kind_of_file_can_be_asked_for() -> None:
    assert slm(*map(str, generate.ArtefactKind), "--check").exit_code == Exit.NEGATIVE


def test_what_is_fresh_is_left_alone() -> None:
    slm("rules")
    assert slm("rules").stdout == "unchanged deploy/prometheus/rules/service-levels.yml\n"


def test_files_go_to_the_folder_that_is_named() -> None:
    assert slm("alertmanager", "rules", "--output", "mine").exit_code == 0
    files = [path for path in Path("mine").rglob("*") if path.is_file()]
    assert sorted(map(str, files)) == ["mine/alertmanager.yml", "mine/rules/service-levels.yml"]


def test_schemas_are_all_given_to_a_folder_of_the_users() -> None:
    slm("schema", "--output", "mine")
    names = {path.name for path in Path("mine").iterdir()}
    assert {"standards.schema.json", "status.v1.schema.json"} <= names


def test_a_folder_that_cannot_be_written_is_one_line() -> None:
    Path("taken").write_text("a file")
    result = slm("rules", "--output", "taken/deep")
    assert result.exit_code == 2
    assert "taken" in result.stderr
    assert "--output" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_check_passes_on_fresh_files() -> None:
    slm()
    assert slm("--check").exit_code == 0


def test_the_check_names_stale_files_and_the_command() -> None:
    slm()
    Path("deploy/alertmanager/alertmanager.yml").write_text("route: {}\n")
    result = slm("--check")
    assert result.exit_code == 1
    assert "deploy/alertmanager/alertmanager.yml" in result.stderr
    assert "slm generate" in result.stderr
    assert Path("deploy/alertmanager/alertmanager.yml").read_text() == "route: {}\n"


def test_an_unknown_kind_is_a_usage_error() -> None:
    result = slm("panels")
    assert result.exit_code == 2
    assert "dashboards" in result.stderr


@pytest.mark.parametrize("also", [["rules"], ["--check"], ["--output", "mine"]], ids=" ".join)
def test_publishing_goes_with_nothing_else(also: list[str]) -> None:
    result = slm(*also, "--publish", "http://127.0.0.1:3000")
    assert result.exit_code == 2
    assert "--publish" in result.stderr


def test_dashboards_are_published_with_a_token_from_the_environment(grafana: MockGrafana) -> None:
    result = slm("dashboards", "--publish", grafana.url, environ={"SLM_GRAFANA_TOKEN": TOKEN})
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1].endswith("/d/slm-service-levels-zh/slm-service-levels-zh")
    assert len(grafana.dashboards) == 2
    assert not list(Path().iterdir())


def test_the_token_may_stand_in_a_file(grafana: MockGrafana) -> None:
    Path("token").write_text(f"{TOKEN}\n")
    assert slm("--publish", grafana.url, environ={"SLM_GRAFANA_TOKEN_FILE": "token"}).exit_code == 0
    assert slm("--publish", grafana.url, "--token-file", "token").exit_code == 0


def test_a_token_file_that_is_not_there_is_one_line(grafana: MockGrafana) -> None:
    result = slm("--publish", grafana.url, "--token-file", "token")
    assert result.exit_code == 2
    assert "token" in result.stderr
    assert grafana.requests == []


@pytest.mark.parametrize("content", ["", "two\nlines"], ids=["empty", "of two lines"])
def test_a_token_file_that_holds_no_token_is_refused_unsaid(grafana: MockGrafana, content: str) -> None:
    Path("token").write_text(content)
    result = slm("--publish", grafana.url, "--token-file", "token")
    assert result.exit_code == 2
    assert "lines" not in result.stderr


def test_without_a_token_nothing_is_sent(grafana: MockGrafana) -> None:
    result = slm("--publish", grafana.url)
    assert result.exit_code == 2
    assert "SLM_GRAFANA_TOKEN" in result.stderr
    assert grafana.requests == []


def test_a_token_that_grafana_does_not_accept(grafana: MockGrafana) -> None:
    result = slm("--publish", grafana.url, environ={"SLM_GRAFANA_TOKEN": "wrong-token"})
    assert result.exit_code == 2
    assert "wrong-token" not in result.output + result.stderr


def test_a_grafana_that_is_not_there() -> None:
    (port,) = free_ports(1)
    result = slm("--publish", f"http://127.0.0.1:{port}", environ={"SLM_GRAFANA_TOKEN": TOKEN})
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 1
