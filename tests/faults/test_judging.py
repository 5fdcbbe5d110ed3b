"""The judge finds what is wrong: each change to a faultless run is noticed, and nothing else is."""

from __future__ import annotations

import copy
import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults.log.floor import rows
from tests.faults.log.promises import PARTITIONS
from tests.faults.outcome.exposed import Exposed
from tests.faults.outcome.judging import Findings, judge
from tests.faults.outcome.outputs import Outputs
from tests.faults.outcome.reading import Record
from tests.faults.parts.fleet import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_MS = 1_790_000_000_123
COUNT = 6_000


def faultless() -> tuple[Exposed, Outputs]:
    """What a run leaves in which nothing goes wrong, made of the oracles themselves."""
    outputs = Outputs()
    ends = [0] * PARTITIONS
    for row in rows(1, COUNT, NOW_MS):
        partition = int(row.key[-2:]) % PARTITIONS
        outputs.add_event(Record(partition, ends[partition], NOW_MS, row.key, row.value))
        ends[partition] += 1
    exposed = Exposed()
    for partition, oracle in enumerate(outputs.oracles):
        exposed.interactions += oracle.interactions
        exposed.answered += oracle.answered
        exposed.waited_us += oracle.waited_us
        exposed.events.update({(partition, *what): count for what, count in oracle.events.items()})
        for key, (up, observed) in oracle.observed().items():
            exposed.up_ms[key], exposed.observed_ms[key] = up, observed
        for offset, reason in oracle.letters.items():
            letter = {"partition": partition, "offset": offset, "reason": reason}
            outputs.add_letters(json.dumps({"letters": [letter]}).encode())
    for number, one in enumerate(sorted(outputs.due())):
        outputs.add_decision(json.dumps({"id": number, **one._asdict()}).encode())
        exposed.breached ^= {(one.service, one.objective)}
    return exposed, outputs


@pytest.fixture(scope="module")
def original() -> tuple[Exposed, Outputs]:
    return faultless()


def test_a_faultless_run_is_found_faultless(original: tuple[Exposed, Outputs]) -> None:
    exposed, outputs = original
    assert len(outputs.due()) > 100
    assert exposed.breached
    assert not judge(exposed, outputs), judge(exposed, outputs).lines


def lose_an_interaction(exposed: Exposed, _: Outputs) -> None:
    exposed.interactions[min(exposed.interactions)] -= 1


def count_an_interaction_twice(exposed: Exposed, _: Outputs) -> None:
    exposed.interactions[min(exposed.interactions)] += 1


def show_a_service_nobody_has(exposed: Exposed, _: Outputs) -> None:
    exposed.interactions["service-99", "ask", "ok"] += 1


def show_a_service_twice(exposed: Exposed, _: Outputs) -> None:
    line = 'slm_interactions_total{outcome="ok",service="service-00",step="ask"} 0.0'
    exposed.add("one", line)
    exposed.add("other", line)


def lose_a_letter(_: Exposed, outputs: Outputs) -> None:
    outputs.letters.popitem()


def write_a_letter_twice(_: Exposed, outputs: Outputs) -> None:
    next(iter(outputs.letters.values())).append(next(iter(outputs.letters.values()))[0])


def give_another_reason(_: Exposed, outputs: Outputs) -> None:
    next(iter(outputs.letters.values()))[0] = "too-long"


def write_a_letter_that_is_not_due(_: Exposed, outputs: Outputs) -> None:
    outputs.letters[0, 10**9].append("late")


def lose_a_decision(_: Exposed, outputs: Outputs) -> None:
    outputs.decisions.popitem()


def take_a_decision_twice(_: Exposed, outputs: Outputs) -> None:
    taken = next(iter(outputs.decisions.values()))
    taken.append(taken[0])


def take_a_decision_by_other_figures(_: Exposed, outputs: Outputs) -> None:
    taken = next(iter(outputs.decisions.values()))
    taken[0] = (taken[0][0] + 1, taken[0][1])


def take_a_decision_at_another_time(_: Exposed, outputs: Outputs) -> None:
    (at, *rest), taken = outputs.decisions.popitem()
    outputs.decisions[at + 10, rest[0], rest[1], rest[2]] = taken


def write_a_record_twice(_: Exposed, outputs: Outputs) -> None:
    outputs.ids["breach 0"] += 1


def audit_a_gap(_: Exposed, outputs: Outputs) -> None:
    outputs.add_audit(b'{"id": "1", "type": "gap"}')


def miscount_rejections(exposed: Exposed, _: Outputs) -> None:
    exposed.events[0, "late", "late"] += 1


def missum_response_times(exposed: Exposed, _: Outputs) -> None:
    exposed.waited_us[min(exposed.waited_us)] += 1


def forget_an_open_breach(exposed: Exposed, _: Outputs) -> None:
    exposed.breached.pop()


LOST, TWICE, WRONG = (1, 0, 0), (0, 1, 0), (0, 0, 1)


@pytest.mark.parametrize(
    ("spoil", "due"),
    [
        (lose_an_interaction, LOST),
        (count_an_interaction_twice, TWICE),
        (show_a_service_nobody_has, TWICE),
        (show_a_service_twice, TWICE),
        (lose_a_letter, LOST),
        (write_a_letter_twice, TWICE),
        (give_another_reason, WRONG),
        (write_a_letter_that_is_not_due, WRONG),
        (lose_a_decision, LOST),
        (take_a_decision_twice, TWICE),
        (take_a_decision_by_other_figures, WRONG),
        (take_a_decision_at_another_time, (1, 0, 1)),
        (write_a_record_twice, TWICE),
        (audit_a_gap, WRONG),
        (miscount_rejections, WRONG),
        (missum_response_times, WRONG),
        (forget_an_open_breach, WRONG),
    ],
    ids=lambda value: value.__name__.replace("_", "-") if callable(value) else "",
)
def test_what_is_spoilt_is_found(
    original: tuple[Exposed, Outputs], spoil: Callable[[Exposed, Outputs], None], due: tuple[int, int, int]
) -> None:
    exposed, outputs = copy.deepcopy(original)
    spoil(exposed, outputs)
    found: Findings = judge(exposed, outputs)
    assert (found.lost, found.twice, found.wrong) == due, found.lines


@pytest.mark.parametrize(
    ("code", "asked", "said", "good"),
    [
        (0, signal.SIGTERM, "", True),
        (4, signal.SIGTERM, "Error: Kafka refuses it: MessageSizeTooLargeError\n", True),
        (4, signal.SIGTERM, "Error: no progress for 20 seconds\n", False),
        (4, signal.SIGTERM, "a row is too large\nError: no progress for 20 seconds\n", False),
        (3, signal.SIGTERM, "Error: no broker answers\n", True),
        (3, signal.SIGTERM, "", False),
        (1, signal.SIGTERM, "MessageSizeTooLargeError\n", False),
        (-15, signal.SIGTERM, "", True),
        (-15, signal.SIGTERM, "slm: status page: http://127.0.0.1:9464/\n", False),
        (-9, signal.SIGKILL, "", True),
        (0, signal.SIGKILL, "", False),
        (3, None, "", True),
        (0, None, "", False),
    ],
)
def test_workers_end_only_as_they_may(code: int, asked: signal.Signals | None, said: str, good: bool) -> None:
    assert Exit("worker-1", code, asked, said).good is good
