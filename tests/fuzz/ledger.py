"""The ledger of runs: one line each, committed, so that anyone can see what was run on which commit."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any, Final

import orjson

LEDGER: Final = Path(__file__).with_name("ledger.jsonl")


def record(outcome: dict[str, Any], seed: int, engine: str) -> None:
    """Append the ``outcome`` of a run."""
    line = outcome | {
        "seed": seed,
        "engine": engine,
        "commit": _commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    with LEDGER.open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")


def _commit() -> str:
    """The commit that was run, with a plus where files differ from it."""
    folder = LEDGER.parent
    commit = _git("rev-parse", "--short=12", "HEAD", folder=folder)
    changed = _git(
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":/streams",
        ":/agents",
        ":/tests/fuzz/*.py",
        folder=folder,
    )
    return f"{commit}+" if changed else commit


def _git(*words: str, folder: Path) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
