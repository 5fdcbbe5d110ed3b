from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services.chromium import dump_dom, screenshot
from tests.services.parts import require

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><title>Test</title>
<style>body { font: 40px sans-serif }</style>
<p id="greeting">before</p><p id="language"></p>
<script>
  setTimeout(() => { document.getElementById("greeting").textContent = "服务水平 after" }, 3000);
  document.getElementById("language").textContent = navigator.language;
</script></html>
"""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def page(tmp_path: Path) -> str:
    require("chromium")
    file = tmp_path / "page.html"
    file.write_text(PAGE, "utf-8")
    return file.as_uri()


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_the_document_is_the_one_after_its_scripts_in_the_language_asked_for(page: str, language: str) -> None:
    document = dump_dom(page, language=language)
    assert '<p id="greeting">服务水平 after</p>' in document
    assert f'<p id="language">{language}</p>' in document


def test_a_picture_has_the_size_asked_for(page: str, tmp_path: Path) -> None:
    require("fonts")
    picture = screenshot(page, tmp_path / "page.png", size=(640, 480)).read_bytes()
    assert picture.startswith(PNG)
    width, height = (int.from_bytes(picture[start : start + 4], "big") for start in (16, 20))
    assert (width, height) == (640, 480)
