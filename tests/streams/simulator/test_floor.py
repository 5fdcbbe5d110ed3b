from __future__ import annotations

import hashlib
from collections import Counter
from importlib.resources import files
from itertools import islice, pairwise, takewhile

import pytest

from streams.events.event import Event, Kind
from streams.events.rejections import BadEvent, Reason
from streams.events.wire_format import decode, decode_counting
from streams.simulator.blunders import BLUNDERS
from streams.simulator.chance import Chance
from streams.simulator.floor import Emission, events
from streams.simulator.story import CYCLE, OUTAGE, RUSH
from streams.simulator.trades import STEPS
from streams.standards.load import load

START_MS = 1_763_900_000_000
SECONDS = 60

#: Of the first 2,000 records of seed 1: another version of Python, or another machine, must not change it.
DIGEST = "0738462c35bc"


def minute(seed: int = 1, rate: float = 200) -> list[Emission]:
    end_ms = START_MS + SECONDS * 1000
    return list(takewhile(lambda one: one.at_ms < end_ms, events(seed, START_MS, rate)))


@pytest.fixture(scope="module")
def emissions() -> list[Emission]:
    return minute()


def decoded(emissions: list[Emission]) -> list[tuple[float, Event]]:
    """Good events with their second."""
    good = []
    for one in emissions:
        try:
            good.append(((one.at_ms - START_MS) / 1000, decode(one.value)))
        except BadEvent:
            continue
    return good


def share_ok(found: list[tuple[float, Event]], service: str, begin: float, end: float) -> float:
    outcomes = Counter(
        event.outcome
        for at, event in found
        if event.kind == Kind.INTERACTION.value and event.service == service and begin <= at < end
    )
    return outcomes["ok"] / outcomes.total()


def test_the_same_seed_and_start_give_the_same_records(emissions: list[Emission]) -> None:
    assert minute() == emissions
    digest = hashlib.sha256(b"".join(b"%d %s" % (one.at_ms, one.value) for one in emissions[:2000])).hexdigest()
    assert digest.startswith(DIGEST)


def test_another_seed_gives_another_day(emissions: list[Emission]) -> None:
    assert minute(seed=2) != emissions


def test_records_come_in_the_order_of_time_from_the_start_on(emissions: list[Emission]) -> None:
    assert emissions[0].at_ms >= START_MS
    assert all(earlier.at_ms <= later.at_ms for earlier, later in pairwise(emissions))


@pytest.mark.parametrize("rate", [20, 200])
def test_the_rate_is_about_what_was_asked_for(rate: float) -> None:
    calm = [one for one in minute(rate=rate) if one.at_ms >= START_MS + 30_000]
    assert len(calm) / 30 == pytest.approx(rate, rel=0.15)


def test_nearly_all_are_events_keyed_by_their_service(emissions: list[Emission]) -> None:
    found = decoded(emissions)
    assert 0.99 < len(found) / len(emissions) < 1
    for one in islice(emissions, 500):
        try:
            assert decode(one.value).service.encode() == one.key
        except BadEvent:
            continue


def test_every_kind_of_blunder_is_made_and_has_a_reason_of_its_own() -> None:
    rejected, left_out = set(), set()
    for blunder in BLUNDERS:
        try:
            decoded = decode_counting(blunder.record(START_MS / 1000))
        except BadEvent as bad:
            rejected.add(bad.reason)
        else:
            left_out |= {(field, bad.reason) for field, bad in decoded.unreadable.items()}
    assert rejected == {Reason.NOT_JSON, Reason.MISSING_SERVICE, Reason.UNKNOWN_KIND, Reason.TIME_WITHOUT_OFFSET}
    assert left_out == {("duration", Reason.NEGATIVE), ("duration", Reason.WRONG_TYPE)}
    assert len(BLUNDERS) == len(rejected) + len(left_out) + 2  # one from the future and one that is late are events


def test_some_events_come_twice_with_the_same_id(emissions: list[Emission]) -> None:
    ids = Counter((event.id, event.time) for _, event in decoded(emissions) if event.id)
    assert 0 < sum(times == 2 for times in ids.values()) < len(ids) / 100


def test_a_minute_shows_the_outage_and_the_recovery(emissions: list[Emission]) -> None:
    found = decoded(emissions)
    assert share_ok(found, "payments", 0, OUTAGE.begin - 1) > 0.99
    assert share_ok(found, "payments", OUTAGE.begin + 1, OUTAGE.end - 1) < 0.6
    assert share_ok(found, "payments", OUTAGE.end + 1, SECONDS) > 0.99
    down = {at for at, event in found if event.kind == Kind.PROBE.value and not event.up}
    assert down
    assert all(OUTAGE.begin < at < OUTAGE.end for at in down)


def test_a_minute_shows_the_rush_and_the_recovery(emissions: list[Emission]) -> None:
    answers = [(at, event) for at, event in decoded(emissions) if event.step == "answer" and event.duration is not None]

    def in_time(begin: float, end: float) -> float:
        judged = [event.duration <= 10 for at, event in answers if begin <= at < end and event.duration is not None]
        return sum(judged) / len(judged)

    assert in_time(0, RUSH.begin) > 0.9
    assert in_time(RUSH.begin + RUSH.ramp, RUSH.end - RUSH.ramp) < 0.3
    assert in_time(RUSH.end + 1, SECONDS) > 0.9


@pytest.mark.parametrize(
    ("at", "strength"),
    [
        pytest.param(RUSH.begin - 1, 0, id="nothing of it before"),
        pytest.param(RUSH.begin + RUSH.ramp / 2, 0.5, id="half of it half way up"),
        pytest.param((RUSH.begin + RUSH.end) / 2, 1, id="all of it in the middle"),
        pytest.param(RUSH.end + 1, 0, id="nothing of it afterwards"),
        pytest.param(CYCLE + (RUSH.begin + RUSH.end) / 2, 1, id="and again in the next cycle"),
    ],
)
def test_an_episode_comes_and_goes(at: float, strength: float) -> None:
    assert RUSH.strength(at) == strength


def test_the_steps_make_up_the_whole_rate() -> None:
    assert sum(step.share for step in STEPS) == pytest.approx(1)


class TestChance:
    def test_repeats_itself_and_differs_by_name(self) -> None:
        def numbers(seed: int, name: str) -> list[float]:
            chance = Chance(seed, name)
            return [chance.uniform() for _ in range(10)]

        assert numbers(1, "a") == numbers(1, "a")
        assert len({tuple(numbers(seed, name)) for seed in (1, 2) for name in ("a", "b")}) == 4

    def test_keeps_to_its_distributions(self) -> None:
        chance, count = Chance(1, "test"), 20_000
        uniform = [chance.uniform() for _ in range(count)]
        assert 0 < min(uniform) < max(uniform) < 1
        assert sum(uniform) / count == pytest.approx(0.5, rel=0.02)
        assert sum(chance.gap(3) for _ in range(count)) / count == pytest.approx(3, rel=0.05)
        assert sorted(chance.duration(7, 0.5) for _ in range(count))[count // 2] == pytest.approx(7, rel=0.03)
        picked = Counter(chance.pick({"a": 3, "b": 1}) for _ in range(count))
        assert picked["a"] / count == pytest.approx(0.75, rel=0.03)
        assert sum(chance.happens(0.1) for _ in range(count)) / count == pytest.approx(0.1, rel=0.1)


def test_the_standards_of_the_demo_name_everything_that_the_floor_has(emissions: list[Emission]) -> None:
    standards = load((files("streams.packs") / "demo.yaml").read_bytes(), file="demo.yaml")
    for _, event in decoded(emissions):
        if not event.step:
            continue
        step = standards.services[event.service].steps[event.step or ""]
        assert event.failure_point is None or event.failure_point in step.failure_points
    for service in standards.services.values():
        assert service.objectives
        titles = [service.title, *(step.title for step in service.steps.values())]
        titles += [objective.title for objective in service.objectives.values()]
        assert all(title.en != title.zh for title in titles)
