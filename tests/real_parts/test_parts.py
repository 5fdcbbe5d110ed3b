from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services.parts import absent, require

if TYPE_CHECKING:
    from pathlib import Path


def test_a_test_is_skipped_with_the_way_to_get_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SLM_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs the real promtool: no command promtool; 'make services'"):
        require("promtool")


def test_a_test_fails_where_the_parts_are_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("SLM_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="SLM_REQUIRE_SERVICES=1 forbids"):
        require("promtool")


def test_what_is_there_is_no_reason_to_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "promtool"
    command.write_text("#!/bin/sh\n", "utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    require("promtool")


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        pytest.param([], {}, id="nothing skipped"),
        pytest.param(["Skipped: needs a full moon"], {}, id="another reason"),
        pytest.param(
            ["Skipped: needs the real kafka: no jars", "Skipped: needs the real kafka: no jars"],
            {"needs the real kafka: no jars": 2},
            id="the same part twice",
        ),
        pytest.param(
            ["Skipped: needs the real kafka: no jars", "Skipped: needs the real axe: no file"],
            {"needs the real kafka: no jars": 1, "needs the real axe: no file": 1},
            id="two parts",
        ),
    ],
)
def test_absent_parts_are_counted(reasons: list[str], expected: dict[str, int]) -> None:
    assert absent(reasons) == expected
