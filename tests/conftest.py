"""What every test shares: the import path, the real parts, and the list of those that are absent."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

# At the end, not at the front: `tests` is found here, while streams, agents and dashboards are those that the
# environment has installed, be it a wheel or this checkout. Without an installation they are found here too.
sys.path.append(str(Path(__file__).parents[1]))

# No test fails for want of speed: the first texts that Hypothesis makes on a machine take seconds.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

pytest_plugins = ["tests.services.fixtures"]


#: New objects until Python looks for cycles, as in the product's commands (`agents/cli/garbage.py`).
COLLECT_EVERY = 50_000


def pytest_collection_finish() -> None:
    """Look for cycles as rarely as the product does, and never among the tests themselves, which are many objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run a test in a loop of simulated time if it is marked so, and in an ordinary one if not."""
    from tests.fakes.clock import VirtualTimeLoop  # noqa: PLC0415 - needs the path set above

    if item.get_closest_marker("virtual_time"):
        return {"virtual time": VirtualTimeLoop}
    return {"real time": asyncio.new_event_loop}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the real parts for want of which tests were skipped."""
    from tests.services.parts import absent  # noqa: PLC0415 - needs the path set above

    longreprs = [report.longrepr for report in terminalreporter.getreports("skipped")]
    # A skip is described by file, line and reason; only an expected failure by something else.
    if counts := absent(longrepr[2] for longrepr in longreprs if isinstance(longrepr, tuple)):
        terminalreporter.section("parts that are not on this machine")
        for reason, count in sorted(counts.items()):
            terminalreporter.line(f"{count} skipped: {reason}")
