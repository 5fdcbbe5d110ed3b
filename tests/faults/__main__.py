"""``python -m tests.faults``: fault runs on a three-node cluster, one seed after the other."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status

from tests.faults.kinds.broken import BROKEN
from tests.faults.kinds.plan import Plan
from tests.faults.outcome import ledger
from tests.faults.parts.site import Site
from tests.faults.run import Result, Run
from tests.faults.soak import soak
from tests.faults.takeover import take_over

_EVENTS, _FAULTS = 100_000, 10


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0 if nothing was lost, doubled or wrong, else 1."""
    asked = _parser().parse_args(words)
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    console = Console(stderr=True)
    good = False
    try:
        with console.status("starting three Kafka nodes") as status:
            act = _one if asked.takeover or asked.soak else _runs
            summary, good = act(asked, folder, console, status)
        print(json.dumps(summary))
    finally:
        if good and not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"logs: {folder}", soft_wrap=True)
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="how many runs")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the first run; the others follow it")
    parser.add_argument("--events", type=int, default=_EVENTS, help="of each run (default: %(default)s)")
    parser.add_argument("--faults", type=int, default=_FAULTS, help="of each run (default: %(default)s)")
    parser.add_argument("--record", action="store_true", help="append the results to the committed ledger")
    parser.add_argument("--takeover", action="store_true", help="measure a take-over instead")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="soak for so long instead")
    parser.add_argument("--broken", choices=sorted(BROKEN), help="break a rule of the protocol: runs must fail")
    parser.add_argument("--keep", action="store_true", help="keep the logs of good runs too")
    return parser


def _runs(asked: argparse.Namespace, folder: Path, console: Console, status: Status) -> tuple[dict[str, Any], bool]:
    results: list[Result] = []
    place = folder / "kafka"
    place.mkdir()
    with Site(place) as site:
        for seed in range(asked.seed, asked.seed + asked.runs):
            plan = Plan.of(seed, asked.events, asked.faults)
            prelude = BROKEN[asked.broken] if asked.broken else ""
            tell = _teller(status, seed, results)
            result = Run(site, plan, folder / f"run-{seed}", tell=tell, prelude=prelude).go()
            results.append(result)
            _tell(console, asked, result, folder / f"run-{seed}")
            if asked.record and not asked.broken:
                ledger.record(result.document())
    return _summary(results), all(result.good for result in results)


def _one(asked: argparse.Namespace, folder: Path, console: Console, status: Status) -> tuple[dict[str, Any], bool]:
    """A take-over, or a soak."""
    place = folder / "kafka"
    place.mkdir()
    with Site(place, bounded=False) as site:
        if asked.takeover:
            result = take_over(site, folder, status.update)
        else:
            result = soak(site, folder, asked.soak, status.update)
    for line in result.pop("lines"):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if asked.record:
        ledger.record(result)
    return result, bool(result["good"])


def _teller(status: Status, seed: int, results: Sequence[Result]) -> Callable[[str], None]:
    failures = sum(not result.good for result in results)
    head = f"seed {seed}, {len(results)} runs done, {failures} failed: "
    return lambda what: status.update(head + what)


def _tell(console: Console, asked: argparse.Namespace, result: Result, folder: Path) -> None:
    if result.good:
        console.print(f"seed {result.seed}: good, {len(result.faults)} faults, {result.seconds:.0f} s")
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return
    again = f"python -m tests.faults --runs 1 --seed {result.seed} --events {asked.events} --faults {asked.faults}"
    console.print(f"seed {result.seed}: FAILED {json.dumps(result.document())}", markup=False, soft_wrap=True)
    for line in [*result.findings.lines, *result.unmet][:20]:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print(f"  logs: {folder}\n  again: {again}", soft_wrap=True)


def _summary(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "runs": len(results),
        "failures": sum(not result.good for result in results),
        "lost": sum(result.findings.lost for result in results),
        "twice": sum(result.findings.twice for result in results),
        "wrong": sum(result.findings.wrong for result in results),
        "unmet": sum(len(result.unmet) for result in results),
    }


if __name__ == "__main__":
    sys.exit(main())
