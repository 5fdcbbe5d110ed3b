"""Replay of an event log against a loop that only parses its lines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench.floor import Floor
from tests.bench.live import WrongResultError
from tests.bench.result import Measured, Result, Target

_BEGAN_S: Final = 1_772_438_400
_PARSE: Final = """
import sys, time, orjson
loads, count, began = orjson.loads, 0, time.perf_counter()
with open(sys.argv[1], "rb") as lines:
    for line in lines:
        loads(line)
        count += 1
print(count)
"""


def replay_vs_parse(folder: Path, events: int, rounds: int, tell: Callable[[str], None]) -> Result:
    """Whole processes both, with their start: events a second of a log of four times as many lines as a topic's."""
    floor = Floor(4 * events)
    log, standards = folder / "events.jsonl", folder / "standards.yaml"
    standards.write_text(floor.standards_file(), "utf-8")
    tell(f"writing {floor.count:,} lines")
    with log.open("wb") as lines:
        lines.writelines(row.value + b"\n" for row in floor.rows(_BEGAN_S))
    slm = str(Path(sys.executable).with_name("slm"))
    ours, parsed = [], []
    for number in range(rounds):
        tell(f"replay, round {number + 1}")
        seconds, shown = _timed([slm, "replay", "--json", "--standards", str(standards), str(log)])
        _check(floor, json.loads(shown))
        ours.append(floor.count / seconds)
        seconds, shown = _timed([sys.executable, "-c", _PARSE, str(log)])
        if int(shown) != floor.count:
            raise WrongResultError(f"the loop parsed {shown} lines")
        parsed.append(floor.count / seconds)
    return Result("replay_vs_parse", Measured(ours, "events/s"), Measured(parsed, "events/s"), Target(least=0.7))


def _timed(command: list[str]) -> tuple[float, str]:
    began = time.perf_counter()
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - began, shown


def _check(floor: Floor, document: dict[str, object]) -> None:
    steps: list[dict[str, object]] = document["steps"]  # type: ignore[assignment]  # as its schema has it
    found = {
        (one["service"], one["step"], outcome): one[outcome]
        for one in steps
        for outcome in ("ok", "failed", "abandoned")
        if one[outcome]
    }
    if found != dict(floor.interactions()):
        raise WrongResultError("the replay counts something else than there is")
