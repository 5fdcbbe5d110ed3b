"""The simulated world: after any schedule of faults everything is told once, as an undisturbed engine tells it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from streams.engine.engine import Engine
from streams.state.processor import take_over
from tests.streams.state.world.judge import told_story, trial
from tests.streams.state.world.play import play, prepare
from tests.streams.state.world.schedule import schedule
from tests.streams.state.world.story import BOOK, Story, story
from tests.streams.state.world.variants import VARIANTS, Variant

SCHEDULES = 10_000
_PORTION = 500
#: A broken rule is found out within so many schedules that concern it.
_MOST = 600


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """Engines come and go by the thousand; looking for cycles among them takes a sixth of the time."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("first", range(0, SCHEDULES, _PORTION))
def test_nothing_is_lost_and_nothing_is_told_twice(first: int) -> None:
    for seed in range(first, first + _PORTION):
        report = trial(prepare(seed, told_story(schedule(seed).story_seed)))
        assert not report, report


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_rule_is_found_out(variant: Variant) -> None:
    plans = (schedule(seed) for seed in range(SCHEDULES))
    concerned = (plan for plan in plans if variant.concerns(plan))
    for _, plan in zip(range(_MOST), concerned, strict=False):
        if trial(prepare(plan.seed, told_story(plan.story_seed)), variant):
            return
    pytest.fail(f"Nothing shows that {variant.rule}.")


def test_the_schedules_have_what_they_are_to_prove() -> None:
    found: Counter[str] = Counter()
    for seed in range(0, 2_000, 4):
        world = prepare(seed)
        play(world)
        world.finish()
        found.update(str(step.do) for step in world.schedule.steps)
        found["committed"] += world.broker.commits
        found["fenced"] += world.broker.refused
        found["lost"] += len(world.lost)
        found["damaged"] += world.broker.damages
        assert world.last is not None
        found.update(_met(world.last))
    assert not {name for name in (*_WANTED, "committed", "fenced", "lost", "damaged") if found[name] < 5}, found


_WANTED = (
    *("accepted", "duplicate", "late", "future", "unmapped", "folded", "another era", "breach", "beyond retention"),
    *("5 min", "hour", "day"),
)


def _met(engine: Engine) -> set[str]:
    """What an engine has met."""
    progress = engine.progress
    met = {str(reason) for reason in progress.rejected} | {"accepted" if progress.accepted else ""}
    levels = zip(("slice", "5 min", "hour", "day"), engine.closing.counts._kept, strict=True)
    met |= {name for name, kept in levels if kept}
    more = {
        "duplicate": progress.duplicates,
        "folded": progress.overflowed,
        "another era": engine.standards_log.current,
        "breach": engine.closing.decisions.breached_since,
        "beyond retention": len(engine.closing.beyond[0].ratios),
    }
    return met | {name for name, what in more.items() if what}


def test_ticks_that_are_repeated_change_nothing() -> None:
    compared = 0
    for seed in range(400):
        whole = story(seed)
        without = _without_repeated_ticks(whole)
        if len(without.entries) < len(whole.entries):
            compared += 1
            assert _decided(whole) == _decided(without), "\n".join(whole.lines())
    assert compared > 50


def _without_repeated_ticks(whole: Story) -> Story:
    """Of ticks that follow each other, the last says everything."""
    entries = whole.entries
    ticks = [b'"tick"' in (entry.record.raw or b"") for entry in entries]
    kept = [entry for i, entry in enumerate(entries) if not (ticks[i] and i + 1 < len(ticks) and ticks[i + 1])]
    return Story(whole.seed, tuple(kept), whole.plain)


def _decided(plot: Story) -> object:
    processor = take_over({}, plot.start(BOOK.get), beginning=0)
    processor.fold(plot.batch)
    taken = processor.take()
    return taken.letters, taken.decisions, {row for row in taken.rows if row.name.startswith(b"s/")}
