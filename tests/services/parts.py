"""Which real parts this machine has, and what a test does without one.

A test that needs a part calls `require` (its fixtures do). Without the part the test is skipped, and the summary of the
run lists it; with ``SLM_REQUIRE_SERVICES=1`` it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).parents[2]
KAFKA_LIBS = ROOT / ".cache/kafka/libs"
AXE = ROOT / ".cache/axe/node_modules/axe-core/axe.min.js"
CJK_FONTS = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")

_OLDEST_JAVA = 17
_ABSENT = re.compile(r"(?P<what>needs the real \S+: .*)")


def require(part: str) -> None:
    """Skip the test that calls this, or fail it under ``SLM_REQUIRE_SERVICES=1``, when the machine lacks ``part``.

    Args:
        part: kafka, prometheus, promtool, alertmanager, chromium, axe, fonts or faketime.
    """
    missing = _PARTS[part]()
    if missing is None:
        return
    reason = f"needs the real {part}: {missing}; 'make services' installs it"
    if os.environ.get("SLM_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason} (SLM_REQUIRE_SERVICES=1 forbids to go on without)", pytrace=False)
    pytest.skip(reason)


def absent(reasons: Iterable[str]) -> dict[str, int]:
    """Return, among the reasons of skipped tests, those that name an absent part, with how many tests each skipped."""
    found = (_ABSENT.search(reason) for reason in reasons)
    return dict(Counter(match["what"] for match in found if match))


def _command(name: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(name) else f"no command {name}"


def _file(path: Path) -> Callable[[], str | None]:
    return lambda: None if path.exists() else f"no file {path}"


def _kafka() -> str | None:
    if not (KAFKA_LIBS / ".complete").exists():
        return f"no jars in {KAFKA_LIBS}"
    if not shutil.which("java"):
        return "no command java"
    version = _java_version()
    return None if version >= _OLDEST_JAVA else f"Java {version} is older than {_OLDEST_JAVA}"


def _java_version() -> int:
    """Return the number that Java calls its feature release: 17 of ``openjdk version "17.0.15"``."""
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    match = re.search(r'version "(\d+)', answer)
    return int(match[1]) if match else 0


_PARTS: dict[str, Callable[[], str | None]] = {
    "kafka": _kafka,
    "prometheus": _command("prometheus"),
    "promtool": _command("promtool"),
    "alertmanager": _command("prometheus-alertmanager"),
    "chromium": _command("chromium"),
    "axe": _file(AXE),
    "fonts": _file(CJK_FONTS),
    "faketime": _command("faketime"),
}
