"""The committed ledger of runs: one line of JSON for each, the newest last."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.services.parts import ROOT

LEDGER = Path(__file__).parents[1] / "ledger.jsonl"


def commit() -> str:
    """The commit that runs, with "+dirty" where files differ from it; "unknown" without git."""
    try:
        found = _git("rev-parse", "--short=12", "HEAD")
        # The ledger itself grows while runs go on.
        changed = _git("status", "--porcelain", "--", ".", f":!{LEDGER.relative_to(ROOT)}")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{found}+dirty" if changed else found


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def record(result: dict[str, Any], *, file: Path = LEDGER) -> None:
    """Append a result, with the time and the commit."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"date": now, "commit": commit(), **result}, ensure_ascii=False)
    with file.open("a", encoding="utf-8") as ledger:
        ledger.write(line + "\n")
