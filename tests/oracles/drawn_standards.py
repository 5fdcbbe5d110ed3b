"""Standards drawn at random: several objectives on one measure, one window, one name in several versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from streams.calendars.periods import DAY_MS, Period
from streams.standards.model import (
    FailureFree,
    Measure,
    Objective,
    ProbeAvailability,
    RequestAvailability,
    ResponseTimeWithin,
    Service,
    Standards,
    Verdict,
)
from streams.texts.phrase import Text
from tests.oracles.logs import FORMULAS, HOUR, S, calendar, objective, rolling

#: Few, so that objectives often measure the same.
MEASURES = (
    RequestAvailability(),
    RequestAvailability("ring"),
    RequestAvailability(class_="gold"),
    ResponseTimeWithin(10_000_000),
    ResponseTimeWithin(10_000_000, abandoned=FORMULAS["short-abandons-excluded"]),
    ResponseTimeWithin(5_000_000, "ring", failed=Verdict.EXCLUDED),
    ProbeAvailability(),
    ProbeAvailability("door"),
    FailureFree(),
    FailureFree(frozenset({"rude"})),
)
WINDOWS = (
    rolling("10s", 10 * S),
    rolling("5m", 300 * S),
    rolling("1h", HOUR),
    rolling("3d", 3 * DAY_MS),
    calendar(Period.DAY),
    calendar(Period.MONTH),
)
#: Objectives by service and name.
Promises = Mapping[tuple[str, str], Objective]
NAMES = ("a", "b", "c", "d")


def promises(
    services: Sequence[str] = ("hotline", "desk"), names: Sequence[str] = NAMES, measures: Sequence[Measure] = MEASURES
) -> st.SearchStrategy[Promises]:
    """Objectives of ``services``, with some of the ``names``, on some of the ``measures``."""
    objectives = st.builds(
        objective,
        st.just(""),
        st.sampled_from(measures),
        st.sampled_from(WINDOWS),
        st.sampled_from(("0.5", "0.8", "0.95", "1")),
        st.sampled_from((1, 1, 3)),
    )
    places = [(service, name) for service in services for name in names]
    return st.dictionaries(st.sampled_from(places), objectives, max_size=len(places))


def standards_of(*parts: Promises, zone: str = "UTC", digest: str = "") -> Standards:
    """Standards with the objectives of all ``parts``."""
    services: dict[str, dict[str, Objective]] = {}
    for (service, name), one in (each for part in parts for each in part.items()):
        services.setdefault(service, {})[name] = replace(one, name=name, title=Text(name, name))
    made = {name: Service(name, Text(name, name), objectives=objectives) for name, objectives in services.items()}
    return Standards(timezone=zone, services=made, digest=digest)
