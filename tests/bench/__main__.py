"""Measure the published figures: ``make bench``, or one of them, ``make bench FIGURE=name``.

Each ends with one line of JSON on standard output: ours, the baseline of the same run, and their ratio. What is
measured is checked first: a wrong result is an error, not a figure, and the other figures are measured all the same.
Progress, errors and the report go to standard error. The code is 1 where a target was missed or a figure is not there.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from tests.bench.figures import FIGURES, ONLY_ASKED_FOR, Bench

if TYPE_CHECKING:
    from rich.status import Status

    from tests.bench.result import Result

#: Characters of a line where the report goes to a file.
_REPORT_WIDTH: Final = 140
_PARTS: Final = ("faust-streaming", "aiokafka", "msgspec", "numpy", "orjson")


def main(words: list[str] | None = None) -> int:
    """Measure what is asked for; the exit code."""
    asked = _parser().parse_args(words)
    known = FIGURES | ONLY_ASKED_FOR
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _REPORT_WIDTH)
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    results: list[Result] = []
    asked_for = asked.figure or list(FIGURES)
    began = time.monotonic()
    try:
        with console.status("") as status, ExitStack() as parts:
            bench = Bench(folder, parts, asked.rounds, asked.events, asked.soak_seconds)
            for name in asked_for:
                bench.tell = partial(_tell, status, name)
                try:
                    results.append(known[name](bench))
                except Exception:  # noqa: BLE001 - what one figure lacks does not take the others away
                    console.print(f"{name}: not measured\n{traceback.format_exc()}", markup=False, soft_wrap=True)
                    continue
                print(results[-1].line(), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _report(console, results, time.monotonic() - began)
    return 0 if len(results) == len(asked_for) and all(result.met for result in results) else 1


def _tell(status: Status, name: str, what: str) -> None:
    status.update(f"{name}: {what}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--figure", action="append", choices=[*FIGURES, *ONLY_ASKED_FOR], help="only this one")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default: %(default)s)")
    parser.add_argument("--events", type=int, default=1_500_000, help="of a topic (default: %(default)s)")
    parser.add_argument("--soak-seconds", type=float, default=3_600, help="of the soak (default: %(default)s)")
    return parser


def _report(console: Console, results: list[Result], seconds: float) -> None:
    table = Table(title=f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    for head in ("figure", "ours", "baseline", "unit", "ratio", "target", "spread"):
        table.add_column(head, justify="left" if head in {"figure", "unit", "target"} else "right")
    for one in results:
        mark = "" if one.met else " missed"
        table.add_row(
            one.figure,
            f"{one.ours.median:,.4g}",
            f"{one.peer.median:,.4g}" if one.peer else "–",
            one.ours.unit,
            f"{one.ratio:.3g}",
            f"{one.target}{mark}",
            f"{one.ours.spread:.0%}" + (f", {one.peer.spread:.0%}" if one.peer else ""),
        )
    console.print(table)
    console.print(f"{', '.join(f'{part} {version(part)}' for part in _PARTS)}; {seconds:.0f} s", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
