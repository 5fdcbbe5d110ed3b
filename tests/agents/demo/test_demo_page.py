"""The demonstration's page: what its objectives judge is what happened at their steps, however many judge it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import Any, Final

import pytest

from agents.web.status_document import document
from streams.decoding.batch import Batch
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.simulator.floor import events
from streams.standards.load import load
from streams.standards.model import FailureFree, ProbeAvailability, RequestAvailability
from streams.texts.phrase import Language
from tests.fakes import floor

#: In the middle of a month, so that months and days have all of it.
START_MS: Final = 1_763_900_000_000
SECONDS: Final = 90
STANDARDS: Final = load((files("streams.packs") / "demo.yaml").read_text("utf-8"), file="demo.yaml")
OBJECTIVES: Final = [(service.name, name) for service in STANDARDS.services.values() for name in service.objectives]


@cache
def services() -> dict[str, Any]:
    """The services of the page behind a minute and a half of the simulated floor."""
    emissions = takewhile(lambda one: one.at_ms < START_MS + SECONDS * 1_000, events(1, START_MS, 200))
    made = [(one.at_ms, one.value) for one in emissions]
    engine = Engine(Start("service-events-demo", 0, STANDARDS))
    engine.fold(Batch.of("service-events-demo", 0, [raw for _, raw in made], 0, [at for at, _ in made]))
    engine.advance()
    found = document(floor.OnePartition(engine, STANDARDS), Language.EN, START_MS / 1_000 + SECONDS)
    return {service["name"]: service for service in found["services"]}


@pytest.mark.parametrize(("service", "objective"), OBJECTIVES, ids=[" ".join(place) for place in OBJECTIVES])
def test_an_objective_judges_what_happened_at_its_step_once(service: str, objective: str) -> None:
    promised = STANDARDS.services[service].objectives[objective]
    shown = next(one for one in services()[service]["objectives"] if one["name"] == objective)
    # Short windows leave out what is older; the day has everything.
    whole = promised.window.period is not None or (promised.window.rolling_ms or 0) > SECONDS * 1_000
    steps = [
        one["windows"]["1d"] for one in services()[service]["steps"] if promised.measure.step in (None, one["name"])
    ]
    if isinstance(promised.measure, ProbeAvailability):
        happened = sum(step["probe_milliseconds"]["total"] for step in steps)
    else:
        left_out = isinstance(promised.measure, RequestAvailability)  # abandoned ones
        happened = sum(step["ok"] + step["failed"] + (0 if left_out else step["abandoned"]) for step in steps)
        if not isinstance(promised.measure, RequestAvailability | FailureFree):
            happened -= unjudged(service, promised.measure.step)
    assert happened > 0
    assert shown["total"] == happened if whole else 0 < shown["total"] < happened


def unjudged(service: str, step: str | None) -> int:
    """Served interactions whose duration could not be read: nobody can say whether they were in time."""
    found = next(one["windows"]["1d"] for one in services()[service]["steps"] if one["name"] == step)
    return int(found["ok"] - found["response_seconds"]["count"])
