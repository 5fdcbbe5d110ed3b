"""The promises that fault runs judge: as a standards file for the workers, and as plain numbers for the oracle."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

SERVICES: Final = tuple(f"service-{number:02}" for number in range(50))
#: Steps that interactions have, and the one that probes watch.
STEPS: Final = ("greet", "ask", "solve", "bill")
PROBED: Final = "door"
PARTITIONS: Final = 4
SLICE_MS: Final = 10_000
LATENESS_MS: Final = 60_000
AHEAD_MS: Final = 300_000


class Promise(NamedTuple):
    """One objective that every service has. ``target`` is a share in per cent; ``within_us`` None: by request."""

    name: str
    step: str
    target: int
    window_ms: int
    least: int = 1
    within_us: int | None = None
    by_probe: bool = False


PROMISES: Final = (
    Promise("asks-do-not-fail", "ask", 90, 60_000, least=5),
    # On the same measure, so that whoever counts what one has counted already counts it twice.
    Promise("asks-do-not-fail-for-long", "ask", 92, 240_000, least=20),
    Promise("solved-in-2s", "solve", 80, 120_000, least=5, within_us=2_000_000),
    Promise("bills-do-not-fail", "bill", 85, 300_000),
    Promise("door-is-open", PROBED, 90, 180_000, by_probe=True),
    Promise("door-is-open-for-long", PROBED, 95, 600_000, by_probe=True),
)


def standards_file() -> str:
    """The promises as a standards file; JSON is YAML."""
    objectives = {promise.name: _objective(promise) for promise in PROMISES}
    steps: dict[str, object] = {step: {} for step in (*STEPS, PROBED)}
    services = {service: {"steps": steps, "objectives": objectives} for service in SERVICES}
    return json.dumps({"version": 1, "services": services}, indent=1)


def _objective(promise: Promise) -> dict[str, object]:
    measure: dict[str, object] = {"availability": {"by": "request", "step": promise.step}}
    if promise.by_probe:
        measure = {"availability": {"by": "probe", "step": promise.step}}
    elif promise.within_us is not None:
        limit = f"{promise.within_us // 1_000}ms"
        measure = {"response_time": {"step": promise.step, "within": limit, "abandoned": "excluded"}}
    return {
        "measure": measure,
        "target": f"{promise.target}%",
        "window": f"{promise.window_ms // 1_000}s",
        "minimum_total": promise.least,
    }
