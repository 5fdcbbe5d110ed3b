"""The status page of a worker that recovers, has lost its partitions, or does not judge by its own file."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.status.worker import State
from streams.standards.model import Standards
from tests.browser.devtools import Chromium
from tests.browser.looking import NARROW, WIDE, complaints_of_axe, looking_at
from tests.fakes import floor
from tests.fakes.floor import FakeEngine, Floor
from tests.services.parts import require


async def shows(chromium: Chromium, observed: Floor, expected: list[str], *absent: str, language: str = "en") -> None:
    """Every one of ``expected`` is on the page of ``observed``, and none of ``absent``."""
    async with looking_at(chromium, observed, language=language) as (page, _):
        said = await page.text()
        assert [words for words in expected if words not in said] == []
        assert [words for words in absent if words in said] == []


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        pytest.param(
            "en",
            ["Recovering: figures are not complete yet", "The saved state of partition 2", "3,000 to fold again",
             "Front desk", "saved up to 48,190", "last took 1.25\u00a0s, 34,567 rows"],
            id="English",
        ),
        pytest.param(
            "zh-CN",
            ["恢复中：数据尚不完整", "正在读取主题 service-events 的分区 2 已保存的状态", "待重新折叠 3,000",
             "前台接待", "已保存至 48,190", "上次用时 1.25\u00a0秒，34,567 行"],
            id="Chinese",
        ),
    ],
)  # fmt: skip
async def test_a_worker_that_recovers_says_how_far_it_is(
    chromium: Chromium, language: str, expected: list[str]
) -> None:
    await shows(chromium, floor.recovering(), expected, language=language)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        pytest.param("en", ["Evicted: this worker has lost its partitions", "found 120 %"], id="English"),
        pytest.param("zh-CN", ["已被接管：本进程已失去分区", "重新获得分区之前，不显示数据"], id="Chinese"),
    ],
)
async def test_an_evicted_worker_says_so_above_everything(
    chromium: Chromium, language: str, expected: list[str]
) -> None:
    await shows(chromium, floor.evicted(), expected, language=language)


async def test_a_stalled_worker_does_not_pass_for_one_whose_objectives_are_met(chromium: Chromium) -> None:
    observed = floor.recovering()
    observed.worker = floor.worker(state=State.STALLED)
    await shows(chromium, observed, ["Stalled: figures stand still", "it is about to end itself"])


async def test_a_breach_is_said_first_whatever_the_worker_does(chromium: Chromium) -> None:
    observed = floor.floor()
    observed.worker = floor.recovering().worker
    await shows(chromium, observed, ["In breach: 1 of 3 objectives", "The worker is recovering partitions"])


async def test_standards_that_are_not_the_file_s_are_shown_by_partition(chromium: Chromium) -> None:
    partitions = (
        floor.partition(standards="aaaaaaaaaaaaaaaa", pending_standards="bbbbbbbbbbbbbbbb"),
        floor.partition(partition=1, standards="bbbbbbbbbbbbbbbb"),
    )
    engine = FakeEngine(standards=Standards(digest="aaaaaaaaaaaaaaaa"))
    observed = Floor(Standards(digest="bbbbbbbbbbbbbbbb"), [engine], floor.worker(partitions=partitions))
    await shows(
        chromium,
        observed,
        [
            "Standards in force aaaaaaaaaaaa, this worker's file bbbbbbbbbbbb",
            "Standards aaaaaaaaaaaa, from the next slice end bbbbbbbbbbbb",
        ],
    )


async def test_where_all_judge_alike_partitions_do_not_repeat_the_standards(chromium: Chromium) -> None:
    await shows(
        chromium, floor.floor(), ["Standards 3f9ac1d2e5b7, time zone"], "from the next slice end", "this worker's file"
    )


async def test_names_that_were_folded_are_counted_below_the_events(chromium: Chromium) -> None:
    overflowed = floor.progress(overflowed=Counter({"step": 1_234, "failure-point": 5}))
    observed = Floor(fakes=[FakeEngine(progress=overflowed)], worker=floor.worker(waits="waits-for-transaction"))
    expected = ["by kind of name: fail points 5 and steps 1,234", "Reading waits for a transaction"]
    await shows(chromium, observed, expected)


async def test_values_that_were_left_out_and_paths_that_no_record_has_are_told(chromium: Chromium) -> None:
    expected = [
        "Left out of events that count",
        "duration",
        "a field has the wrong type",
        "2,600",
        "45,000 could be read",
        "The mapping of access-log looks for what no record has had: http.status and took",
        "The mapping of service-events looks for what no record has had: upstream.time",
    ]
    await shows(chromium, floor.floor(), expected)


async def test_where_the_broker_keeps_nothing_nothing_is_said_of_saving(chromium: Chromium) -> None:
    await shows(chromium, floor.empty(), ["Caught up"], "saved up to", "Transactions")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("observed", [floor.recovering(), floor.evicted()], ids=["recovering", "evicted"])
async def test_axe_finds_nothing_to_complain_of(
    chromium: Chromium, observed: Floor, size: tuple[int, int], scheme: str
) -> None:
    require("axe")

    async with looking_at(chromium, observed, size=size, scheme=scheme) as (page, _):
        assert await complaints_of_axe(page) == []
        assert await page.run("document.documentElement.scrollWidth") <= size[0]
