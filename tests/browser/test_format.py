"""Numbers as the page shows them, by the page's own functions."""

from __future__ import annotations

import json
from importlib.resources import files

from streams.texts.page import Page
from streams.texts.phrase import Language
from tests.browser.devtools import Chromium

NBSP = "\u00a0"


async def formatted(chromium: Chromium, calls: list[str], language: Language = Language.EN) -> list[str]:
    """What each call of the page's functions returns, with plain spaces."""
    texts = json.dumps({phrase.key: phrase.say(language) for phrase in Page})
    source = files("agents.web").joinpath("assets/format.js").read_text("utf-8")
    script = f'(() => {{ const LANGUAGE = "{language}", TEXTS = {texts};\n{source}\nreturn [{", ".join(calls)}]; }})()'

    async with chromium.page() as page:
        return [value.replace(NBSP, " ") for value in await page.run(script)]


async def table(chromium: Chromium, rows: dict[str, str], language: Language = Language.EN) -> None:
    assert dict(zip(rows, await formatted(chromium, list(rows), language), strict=True)) == rows


async def test_durations_have_three_digits_and_the_unit_that_fits(chromium: Chromium) -> None:
    await table(
        chromium,
        {
            "duration(0)": "0 s",
            "duration(0.000001)": "1 µs",
            "duration(0.000999)": "999 µs",
            "duration(0.001)": "1.00 ms",
            "duration(0.0123456)": "12.3 ms",
            "duration(0.9994)": "999 ms",
            "duration(0.9996)": "1.00 s",
            "duration(59.94)": "59.9 s",
            "duration(59.97)": "1 min",
            "duration(125)": "2 min 5 s",
            "duration(3600)": "1 h",
            "duration(7260)": "2 h 1 min",
            "duration(90000)": "1 d 1 h",
            "duration(34560000)": "400 d",
        },
    )


async def test_shares_are_cut_off_so_that_what_misses_never_looks_as_if_it_met(chromium: Chromium) -> None:
    await table(
        chromium,
        {
            "share(0, 10)": "0 %",
            "share(10, 10)": "100 %",
            "share(1, 2)": "50.0 %",
            "share(9995, 10000)": "99.95 %",
            "share(999999, 1000000)": "99.9999 %",
            "share(99949, 100000)": "99.949 %",
            "share(94999, 100000)": "94.9 %",
            "share(19, 20)": "95.0 %",
            "share(999, 1000)": "99.9 %",
            "share(1, 1000000)": "0.0001 %",
            "share(7, 3000)": "0.23 %",
            "share(7, 3000, { nearest: true })": "0.23 %",
            "share(2, 3)": "66.6 %",
            "share(2, 3, { nearest: true })": "66.7 %",
            "share(9007199254740990, 9007199254740991)": "99.999999999 %",
        },
    )


async def test_written_and_rough_ratios(chromium: Chromium) -> None:
    await table(
        chromium,
        {
            "written(0.999)": "99.9 %",
            "written(0.95)": "95 %",
            "written(0.29)": "29 %",
            "written(0.999999)": "99.9999 %",
            "rough(0.999)": "99 %",
            "rough(0.0549)": "5.4 %",
            "rough(12.345)": "1,234 %",
        },
    )


async def test_chinese_has_its_own_units(chromium: Chromium) -> None:
    await table(
        chromium,
        {
            "duration(1.5)": "1.50 秒",
            "span(125)": "2 分钟 5 秒",
            "share(9995, 10000)": "99.95%",
            "count(1234567)": "1,234,567",
        },
        Language.ZH,
    )


async def test_a_moment_of_another_day_is_told_with_its_date(chromium: Chromium) -> None:
    near, far = await formatted(chromium, ["clock(1772438400, 1772438460)", "clock(1772438400, 1772838400)"])
    assert near.count(":") == 2
    assert "Mar" in far
