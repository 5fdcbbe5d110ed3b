"""A page in headless Chromium, driven over its DevTools protocol: look, click, take pictures."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from tests.services.process import Service
from tests.services.waiting import wait_for, wait_for_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_FLAGS = (
    "--headless",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class PageError(Exception):
    """The browser refused a command, or the page's script raised."""


class Chromium:
    """One headless Chromium; use it in a ``with`` statement. Its profile and log are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        profile = folder / "profile"
        self._address = profile / "DevToolsActivePort"
        self._service = Service("chromium", ["chromium", *_FLAGS, f"--user-data-dir={profile}", "about:blank"], folder)

    def __enter__(self) -> Self:
        self._service.start()
        wait_for(lambda: self._address.exists() and len(self._address.read_text().split()) > 1, "Chromium to listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._service.kill()

    @asynccontextmanager
    async def page(self) -> AsyncIterator[BrowserPage]:
        """Open a tab, closed at the end."""
        port = self._address.read_text().split()[0]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.put("/json/new?about:blank") as answer:
                target = await answer.json()
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = BrowserPage(socket)
                listening = asyncio.create_task(page.listen())
                try:
                    for domain in ("Page", "Runtime", "Log", "Network"):
                        await page.send(f"{domain}.enable")
                    yield page
                finally:
                    listening.cancel()
            await session.get(f"/json/close/{target['id']}")


class BrowserPage:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        #: What the page's scripts raised and the browser refused (content security policy), as text.
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """Take in answers and complaints for as long as the tab is open."""
        async for message in self._socket:
            event = json.loads(message.data)
            if future := self._answers.pop(event.get("id", 0), None):
                future.set_result(event)
            elif event.get("method") == "Runtime.exceptionThrown":
                details = event["params"]["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description", details["text"]))
            elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["source"] == "security":
                self.complaints.append(event["params"]["entry"]["text"])

    async def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Give the browser a command of its protocol and return the answer."""
        number = next(self._ids)
        self._answers[number] = future = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        answer = await asyncio.wait_for(future, 30)
        if "error" in answer:
            message = f"{method}: {answer['error']['message']}"
            raise PageError(message)
        result: dict[str, Any] = answer["result"]
        return result

    async def run(self, script: str) -> Any:
        """Evaluate JavaScript in the page, wait for a promise, and return the value."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    async def show(
        self, url: str, *, size: tuple[int, int] = (1280, 900), scheme: str = "light", language: str = "en"
    ) -> None:
        """Load ``url`` in a window of ``size``, in the colour ``scheme`` and ``language`` that the user prefers."""
        width, height = size
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.send("Emulation.setLocaleOverride", locale=language)
        await self.send("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def until(self, script: str, *, seconds: float = 30) -> Any:
        """Wait until ``script`` is true in the page, and return its value; while a page loads it may raise."""
        error: PageError | None = None

        async def value() -> Any:
            nonlocal error
            try:
                return await self.run(script)
            except PageError as raised:
                error = raised

        try:
            return await wait_for_async(value, f"{script} to be true in the page", seconds=seconds)
        except TimeoutError as timeout:
            raise timeout from error

    async def text(self) -> str:
        """What the page says, as a reader sees it."""
        said: str = await self.run("document.body.innerText")
        return said

    async def picture(self) -> bytes:
        """The whole page as a PNG picture."""
        answer = await self.send("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        return base64.b64decode(answer["data"])
