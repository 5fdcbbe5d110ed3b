"""The share of a window that probes observed: of what is final of it."""

from __future__ import annotations

from typing import Any

import pytest

from streams.calendars.periods import Window
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.events.control_records import tick
from streams.slices.ratio import Ratio
from streams.standards.model import Standards
from streams.views.levels import StepLevel
from tests.oracles.logs import MINUTE, T0, Run, S, raw, rolling
from tests.oracles.oracle import Record

PROMPT = TimePolicy(lateness_ms=0)
ONE_MINUTE = rolling("1m", MINUTE)
NOBODY = {"service": "nobody", "kind": "feedback", "score": 1}


def log(drawn: str) -> list[Record]:
    """Each character is 10 s: a probe that is up (#) or down (v) and holds for 10 s, or only another service (.)."""
    events: list[dict[str, Any]] = []
    for place, sign in enumerate(drawn):
        time = T0 + 10 * S * place
        events.append({**NOBODY, "time": time})
        if sign != ".":
            events.append({"service": "s", "kind": "probe", "up": sign == "#", "holds": 10, "time": time})
    return [Record(raw(event, event.pop("time"))) for event in events]


def level(engine: Engine, window: Window, service: str = "s") -> StepLevel | None:
    return next((step for step in engine.read(window).steps if step.service == service), None)


def coverage(engine: Engine, window: Window = ONE_MINUTE) -> Ratio | None:
    found = level(engine, window)
    return found.coverage if found else None


# The last column is open: its slice is not final. One minute is that column and the five before it.
@pytest.mark.parametrize(
    ("drawn", "observed_s", "final_s"),
    [
        pytest.param("#######", 50, 50, id="all of the window"),
        pytest.param("#v#v#v#", 50, 50, id="down is observed too"),
        pytest.param("###.#.#", 30, 50, id="with gaps"),
        pytest.param("##", 10, 50, id="the time before the first event counts"),
        pytest.param("..#.", 10, 50, id="the time before its first probe counts"),
        pytest.param("#", 0, 0, id="nothing is final yet"),
        pytest.param("###......", 0, 50, id="probes have fallen silent"),
        pytest.param("######....", 20, 50, id="probes are falling silent"),
        pytest.param("......#", 0, 0, id="its first probe is not final"),
    ],
)
def test_observed_of_what_is_final(drawn: str, observed_s: int, final_s: int) -> None:
    engine = Run(Standards(), log(drawn), policy=PROMPT).engine
    assert coverage(engine) == Ratio(observed_s * S, final_s * S)


def test_a_service_that_no_probe_speaks_of_has_no_coverage() -> None:
    records = [*log("##"), Record(raw({"service": "t"}, T0 + 20 * S)), Record(raw({"service": "t"}, T0 + 40 * S))]
    other = level(Run(Standards(), records, policy=PROMPT).engine, ONE_MINUTE, "t")
    assert other is not None
    assert other.coverage == Ratio()


def test_what_the_allowed_lateness_holds_back_is_not_asked_for() -> None:
    engine = Run(Standards(), log("#" * 13), policy=TimePolicy(lateness_ms=MINUTE)).engine
    assert coverage(engine) == Ratio(), "of the last minute nothing is final"
    assert coverage(engine, rolling("2m", 2 * MINUTE)) == Ratio(50 * S, 50 * S)


def test_time_that_only_ticks_tell_of_is_final_too() -> None:
    engine = Engine(Start("events", 0, Standards(), policy=PROMPT))
    probe = raw({"service": "s", "kind": "probe", "up": True, "holds": 10}, T0)
    ticks = [T0 + 10 * S * number for number in (1, 2, 3)]
    engine.fold(Batch.of("events", 0, [probe, *(tick() for _ in ticks)], 0, [T0, *ticks]))
    engine.advance()
    assert coverage(engine) == Ratio(10 * S, 50 * S)


def test_however_slices_close_the_share_never_exceeds_one() -> None:
    """Slices close in lumps; a rate over their counter does not know when."""
    engine = Engine(Start("events", 0, Standards(), policy=TimePolicy(lateness_ms=25 * S)))
    for offset, record in enumerate(log("#" * 40)):
        engine.fold(Batch.of("events", 0, [record.raw], offset, [record.stamp]))
        if offset % 7 == 0:
            engine.advance()
        found = coverage(engine) or Ratio()
        # From the sixth on the window begins behind the first probe.
        assert found.good == found.total if offset > 4 else found.good <= found.total
