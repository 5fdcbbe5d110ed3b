"""The documents: what they show runs, what they list is complete, and both languages say the same."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from agents.cli import COMMANDS, main
from agents.cli.reference import DOCUMENTS, LOGS, RECORDED, SECTIONS, UnknownSectionError, filled
from agents.files.event_log import EventLog
from agents.replay.replay import replay
from agents.settings.settings import SETTINGS
from streams.engine.watermark import TimePolicy
from streams.events.event import KNOWN_FIELDS
from streams.events.wire_format import decode
from streams.slices.ratio import Ratio, RatioUnit
from streams.standards.load import load
from streams.texts.reference import COMMANDS_ZH, SETTINGS_ZH
from streams.texts.wire import FIELDS
from tests.services.parts import ROOT

READMES = [ROOT / name for name in DOCUMENTS]
TREE = click.Context(main)


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_standards_file_shown_is_valid(path: Path) -> None:
    shown = [block for block in blocks(path, "yaml") if block.startswith("version:")]
    assert shown
    for block in shown:
        load(block, file=path.name)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_event_shown_is_an_event(path: Path) -> None:
    events = [line for block in blocks(path, "json") for line in block.splitlines()]
    assert events
    for line in events:
        assert decode(line.encode()).service == json.loads(line)["service"]


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_the_first_standards_file_judges_the_events_shown(path: Path, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_text(blocks(path, "json")[0], "utf-8")
    judged = load(blocks(path, "yaml")[0], file=path.name)
    levels = replay([EventLog(str(log))], judged, topic="service-events", policy=TimePolicy()).objectives()
    assert {level.objective.name: (level.window, level.objective.unit) for level in levels} == {
        "answered-in-10s": (Ratio(1, 3), RatioUnit.EVENTS),
        "reachable": (Ratio(30_000, 30_000), RatioUnit.MILLISECONDS),
    }


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_command_shown_parses(path: Path) -> None:
    shown = [line for block in blocks(path, "console") for line in block.splitlines() if line.startswith("slm ")]
    assert shown
    for line in shown:
        _, name, *arguments = shlex.split(line)
        command = main.get_command(TREE, name)
        assert command is not None, line
        command.make_context(name, arguments)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_make_target_shown_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake ([a-z]+)", path.read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_file_named_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    named = re.findall(r"\]\(([^)]+)\)", text) + re.findall(
        r"`((?:agents|dashboards|deploy|streams|tests)/[^` ]*)`", text
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_both_languages_show_the_same_commands_files_and_events() -> None:
    english, chinese = READMES
    for language in ("yaml", "json", "console"):
        ours = [block.replace(" --language zh", "") for block in blocks(chinese, language)]
        assert ours == blocks(english, language)


def test_the_tables_are_what_the_code_says_now() -> None:
    stale = [name for name, content in filled(ROOT).items() if (ROOT / name).read_bytes() != content]
    assert stale == [], "run `slm generate docs`"


def test_a_mark_for_a_section_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- begin nonsense -->\n<!-- end nonsense -->\n", "utf-8")
    with pytest.raises(UnknownSectionError, match="'nonsense'; write one of wire-format"):
        filled(tmp_path)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_table_is_shown(path: Path) -> None:
    marked = set(re.findall(r"<!-- begin ([a-z-]+) -->", path.read_text("utf-8")))
    assert marked == {*SECTIONS, *RECORDED, *LOGS}


def test_every_field_setting_and_command_is_documented_in_both_languages() -> None:
    names: dict[str, Any] = {setting.name: setting for setting in SETTINGS}
    assert set(FIELDS) == KNOWN_FIELDS
    assert set(SETTINGS_ZH) == set(names)
    assert set(COMMANDS_ZH) == set(COMMANDS)
