"""Headless Chromium: what a page shows, and what it is made of once its scripts have run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.services.process import Service
from tests.services.waiting import wait_for

_FLAGS = (
    "--headless",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    # Nothing but the page may use the network.
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--metrics-recording-only",
)
_SECONDS = 60


class ChromiumError(Exception):
    """Chromium did not do what it was asked for; the message carries what it said."""


def dump_dom(url: str, *, language: str = "en", budget: float = 5) -> str:
    """Return a page's document as HTML, after its scripts have run.

    Args:
        url: the page's address.
        language: what the browser asks for and shows numbers in, as ``zh-CN``.
        budget: seconds of the page's own time that its timers and requests get; passes as fast as they allow.
    """
    with TemporaryDirectory(prefix="slm-chromium-") as folder:
        text = _run(Path(folder), language, budget, "--dump-dom", url)
    start = text.find("<html")
    if start < 0:
        raise ChromiumError(f"Chromium dumped no document of {url}; it said:\n{text[-2000:]}")
    return text[start : text.rfind("</html>") + len("</html>")]


def screenshot(
    url: str, file: Path, *, size: tuple[int, int] = (1280, 900), language: str = "en", budget: float = 5
) -> Path:
    """Write a PNG picture of a page to ``file`` and return it; for the other arguments see `dump_dom`.

    Args:
        url: the page's address.
        file: where the picture goes.
        size: width and height of the window in pixels.
        language: as for `dump_dom`.
        budget: as for `dump_dom`.
    """
    file.unlink(missing_ok=True)
    window = f"--window-size={size[0]},{size[1]}"
    with TemporaryDirectory(prefix="slm-chromium-") as folder:
        text = _run(Path(folder), language, budget, window, f"--screenshot={file}", url)
    if not file.exists():
        raise ChromiumError(f"Chromium made no picture of {url}; it said:\n{text[-2000:]}")
    return file


def _run(folder: Path, language: str, budget: float, *arguments: str) -> str:
    """Run Chromium once with a profile of its own and return what it printed."""
    flags = [*_FLAGS, f"--user-data-dir={folder / 'profile'}", f"--lang={language}"]
    flags += [f"--accept-lang={language}", f"--virtual-time-budget={round(budget * 1000)}"]
    environment = {"LANGUAGE": language.replace("-", "_")}
    with Service("chromium", ["chromium", *flags, *arguments], folder, environment=environment) as chromium:
        wait_for(lambda: not chromium.running, f"Chromium to end: {arguments}", seconds=_SECONDS)
    return chromium.log.read_text("utf-8", errors="replace")
