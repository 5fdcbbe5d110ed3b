"""Memory after a long steady load with workers killed under it, against what it was earlier in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.live import WrongResultError
from tests.bench.result import Measured, Result, Target
from tests.faults.parts.site import Site
from tests.faults.soak import GROWTH, soak

if TYPE_CHECKING:
    from tests.bench.figures import Bench


def measure(bench: Bench) -> Result:
    """Median memory of the last quarter by that of the second; nothing may be lost, doubled or wrong meanwhile."""
    place = bench.folder / "soak"
    (place / "kafka").mkdir(parents=True)
    with Site(place / "kafka", bounded=False) as site:
        found = soak(site, place, bench.soak_seconds, bench.tell)
    if found["lost"] or found["twice"] or found["wrong"] or found["exits"]:
        raise WrongResultError(f"the soak went wrong: {found}")
    growth = max(found["memory_growth"].values())
    more = {name: found[name] for name in ("seconds", "events", "kills", "decisions", "memory_mib", "lag")}
    return Result("soak", Measured([growth], "growth of memory"), None, Target(most=GROWTH), more)
