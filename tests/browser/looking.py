"""The status page of a floor in a real browser, and what axe-core complains of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.browser.devtools import BrowserPage, Chromium
from tests.browser.server import Served, serve
from tests.fakes.floor import Floor
from tests.services.parts import AXE

NARROW, WIDE = (400, 900), (1280, 900)
SHOWN = "document.querySelector('#glance dl') !== null"


@asynccontextmanager
async def looking_at(
    chromium: Chromium, observed: Floor, *, path: str = "", **how: Any
) -> AsyncIterator[tuple[BrowserPage, Served]]:
    """Show the page of ``observed`` with its first figures; at the end, nothing may have been complained of."""
    async with serve(observed) as served, chromium.page() as page:
        await page.show(served.url + path, **how)
        await page.until(SHOWN)
        yield page, served
        assert page.complaints == []


async def complaints_of_axe(page: BrowserPage) -> list[tuple[str, list[str]]]:
    """Rules of axe-core that the page breaks, with the elements that do."""
    await page.run(AXE.read_text("utf-8"))
    result = await page.run("axe.run(document)")
    assert len(result["passes"]) > 20, "axe found next to nothing to look at"
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in result["violations"]]
