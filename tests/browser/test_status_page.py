"""The status page in a real browser: figures in both languages, states, loss of connection, accessibility."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.status.worker import PartitionStatus, State
from tests.browser.devtools import Chromium
from tests.browser.looking import NARROW, SHOWN, WIDE, complaints_of_axe, looking_at
from tests.browser.server import serve
from tests.fakes import floor
from tests.fakes.floor import FakeEngine, Floor
from tests.services.loopback import free_ports
from tests.services.parts import require

if TYPE_CHECKING:
    from streams.views.levels import StepLevel

HOSTILE = '<img src=x onerror="window.broken=1">{share}</script>'


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        pytest.param(
            "en",
            ["In breach: 1 of 3 objectives", "Customer hotline", "93.9\u00a0%", "188,011 of 200,100",
             "overspent by 20\u00a0%", "9.41\u00a0s", "queue-overflow", "81.0\u00a0%",
             "1.40\u00a0ms", "99.95\u00a0%", "Rejected: not JSON"],
            id="English",
        ),
        pytest.param(
            "zh-CN",
            ["违约：3 个目标中有 1 个", "客户服务热线", "93.9%", "200,100 中的 188,011", "超支 20%",
             "9.41\u00a0秒", "queue-overflow", "81.0%", "1.40\u00a0毫秒", "99.95%", "拒绝：不是 JSON"],
            id="Chinese",
        ),
    ],
)  # fmt: skip
async def test_the_figures_are_shown_in_the_reader_s_language(
    chromium: Chromium, language: str, expected: list[str]
) -> None:
    async with looking_at(chromium, floor.floor(), language=language) as (page, _):
        said = await page.text()
        assert [words for words in expected if words not in said] == []
        assert await page.run("document.title") == ("(1) Service levels" if language == "en" else "(1) 服务水平")
        order = await page.run("[...document.querySelectorAll('.service h3')].map((h) => h.id)")
        assert order == ["service-hotline", "service-front-desk", "service-payments-api"]


async def test_the_language_can_be_switched(chromium: Chromium) -> None:
    async with looking_at(chromium, floor.floor(), language="en") as (page, _):
        await page.run("document.querySelector('.language').click()")
        await page.until("document.documentElement.lang === 'zh' && " + SHOWN)
        assert "客户服务热线" in await page.text()


async def test_another_window_shows_its_own_figures_at_once(chromium: Chromium) -> None:
    quiet = replace(floor.CHECK_IN, ok=7_654)
    engine = FakeEngine(steps={"all": (floor.CHECK_IN,), "1d": (quiet,)})

    async with looking_at(chromium, Floor(floor.STANDARDS, [engine])) as (page, _):
        assert "7,654" not in await page.text()
        await page.run("document.querySelector('#windows input[value=\"1d\"]').click()")
        assert "7,654" in await page.text()


async def test_figures_change_in_place(chromium: Chromium) -> None:
    engine = FakeEngine(steps={"all": (floor.CHECK_IN,)})

    async with looking_at(chromium, Floor(floor.STANDARDS, [engine])) as (page, _):
        await page.run("window.before = document.querySelector('.steps tbody td')")
        engine.steps = {"all": (replace(floor.CHECK_IN, ok=1_234),)}
        await page.until("document.body.innerText.includes('1,234')")
        assert await page.run("window.before === document.querySelector('.steps tbody td')"), "the cell was replaced"


async def test_a_lost_connection_is_said_and_ends_by_itself(chromium: Chromium) -> None:
    (port,) = free_ports(1)
    async with chromium.page() as page:
        async with serve(floor.floor(), port=port) as served:
            await page.show(served.url)
            await page.until(SHOWN)
            await served.cut_off()
            await page.until("document.querySelector('#lost').innerText.includes('Connection lost')")
            assert "Customer hotline" in await page.text(), "the last figures stay"
        async with serve(floor.floor(), port=port):
            await page.until("document.querySelector('#lost').innerText === ''")


async def test_before_the_first_event_it_says_how_to_send_one(chromium: Chromium) -> None:
    async with looking_at(chromium, floor.empty()) as (page, _):
        said = await page.text()
        assert "Waiting for the first event" in said
        assert "The embedded broker keeps nothing" in said
        command = await page.run("document.querySelector('.command code').innerText")
        assert command.endswith("slm send --broker '127.0.0.1:9092' --topic 'service-events' -")
        assert json.loads(command.split("'")[1].removesuffix("\\n") % 1)["service"] == "hotline"


async def test_what_the_worker_waits_for_is_said(chromium: Chromium) -> None:
    behind = tuple(PartitionStatus("t", n, 5, 12, 7, caught_up=False) for n in range(5))

    async with looking_at(chromium, Floor(worker=floor.worker(state=State.RUNNING, partitions=behind))) as (page, _):
        said = await page.text()
        assert "Partition 0 of topic t has 7 records left to read." in said
        assert "2 more partitions are not ready." in said
        assert "Catching up" in said


async def test_names_from_events_never_become_markup(chromium: Chromium) -> None:
    level = replace(floor.ANSWER, service=HOSTILE, step=HOSTILE, failure_points={HOSTILE: 1})

    async with looking_at(chromium, Floor(fakes=[FakeEngine(steps={"all": (level,)})])) as (page, _):
        assert (await page.text()).count(HOSTILE) >= 3
        assert await page.run("window.broken ?? null") is None
        assert await page.run("document.querySelector('main img')") is None


@pytest.mark.parametrize("size", [WIDE, (700, 900), NARROW, (320, 640)], ids=lambda size: f"{size[0]}px")
async def test_nothing_sticks_out_of_the_window(chromium: Chromium, size: tuple[int, int]) -> None:
    long_name: StepLevel = replace(floor.ANSWER, service="x" * 200, step="y" * 200, failure_points={"z" * 200: 3})
    observed = floor.floor()
    observed.fakes.append(FakeEngine(steps={"all": (long_name,)}))

    async with looking_at(chromium, observed, size=size) as (page, _):
        assert await page.run("document.documentElement.scrollWidth") <= size[0]
        wide = "(box) => box.scrollWidth > box.clientWidth + 1"
        assert await page.run(f"[...document.querySelectorAll('.side')].filter({wide}).map((b) => b.innerText)") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize(
    ("observed", "language"),
    [
        pytest.param(floor.floor(), "en", id="a floor in English"),
        pytest.param(floor.floor(), "zh-CN", id="a floor in Chinese"),
        pytest.param(floor.empty(), "en", id="no events"),
    ],
)
async def test_axe_finds_nothing_to_complain_of(
    chromium: Chromium, observed: Floor, language: str, size: tuple[int, int], scheme: str
) -> None:
    require("axe")

    async with looking_at(chromium, observed, size=size, scheme=scheme, language=language) as (page, _):
        assert await complaints_of_axe(page) == []


async def test_axe_finds_nothing_to_complain_of_when_the_connection_is_lost(chromium: Chromium) -> None:
    require("axe")

    async with looking_at(chromium, floor.floor()) as (page, served):
        await served.cut_off()
        await page.until("document.querySelector('#lost p') !== null")
        assert await complaints_of_axe(page) == []


async def test_chinese_has_glyphs(chromium: Chromium) -> None:
    """A font without Chinese draws one same box for every character: two different ones must look different."""
    require("fonts")

    async with looking_at(chromium, floor.floor(), language="zh-CN") as (page, _):
        draw = """(text) => { const c = document.createElement('canvas').getContext('2d');
            c.font = getComputedStyle(document.body).font; c.fillText(text, 5, 30);
            return c.getImageData(0, 0, 60, 60).data.join(); }"""
        assert await page.run(f"({draw})('服') !== ({draw})('务')")


async def test_a_picture_is_as_wide_as_the_window(chromium: Chromium) -> None:
    async with looking_at(chromium, floor.floor(), size=WIDE) as (page, _):
        picture = await page.picture()
        assert picture.startswith(b"\x89PNG")
        assert struct.unpack(">II", picture[16:24])[0] == WIDE[0]
