"""A real browser for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.devtools import Chromium
from tests.services.parts import require


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    require("chromium")
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
