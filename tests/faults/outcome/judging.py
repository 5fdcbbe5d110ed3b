"""What was lost, what came twice, and what is wrong: everything that a run shows, against what follows from its log."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tests.faults.outcome.exposed import Exposed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.log.producing import Sending
    from tests.faults.outcome.outputs import Outputs, Topics
    from tests.faults.parts.fleet import Fleet

_MOST_LINES = 60
_SETTLE_SECONDS = 25
Key = TypeVar("Key", bound=tuple[object, ...])


@dataclass
class Findings:
    """Differences, counted; with the first of them in words."""

    lost: int = 0
    twice: int = 0
    wrong: int = 0
    lines: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.twice or self.wrong)

    def add(self, what: str, *, lost: int = 0, twice: int = 0, wrong: int = 0) -> None:
        """Note a difference, if it is one."""
        if not (lost or twice or wrong):
            return
        self.lost += lost
        self.twice += twice
        self.wrong += wrong
        if len(self.lines) < _MOST_LINES:
            counts = {"lost": lost, "twice": twice, "wrong": wrong}
            self.lines.append(f"{', '.join(f'{n} {name}' for name, n in counts.items() if n)}: {what}")

    def add_difference(self, what: str, due: int, shown: int) -> None:
        """Note a count that is too small (lost) or too large (twice)."""
        self.add(f"{what}: due {due}, shown {shown}", lost=max(0, due - shown), twice=max(0, shown - due))


def judge(exposed: Exposed, outputs: Outputs, *, gaps: int = 0) -> Findings:
    """Compare what workers show and wrote with what follows from the log. ``gaps``: how many audits of them are due."""
    findings = Findings()
    for shown in sorted(exposed.twice):
        findings.add(f"{shown} is shown by two workers", twice=1)
    _judge_figures(findings, exposed, outputs)
    _judge_letters(findings, outputs)
    _judge_decisions(findings, exposed, outputs)
    for identity, count in outputs.ids.items():
        findings.add(f"{identity} was written {count} times", twice=count - 1)
    if len(outputs.gaps) != gaps:
        findings.add(f"audits of gaps and damage: due {gaps}, found {outputs.gaps}", wrong=1)
    for oracle in outputs.oracles:
        for raw in oracle.unknown_control:
            findings.add(f"a control record that nobody asked for: {raw!r}", wrong=1)
    return findings


def settle(fleet: Fleet, outputs: Topics) -> Findings:
    """Judge until nothing is found, for some time: what was concluded last may not be committed, and ticks go on."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        outputs.more()
        findings = judge(exposed_by(fleet), outputs)
        if not findings or time.monotonic() > deadline:
            return findings


def exposed_by(fleet: Fleet) -> Exposed:
    """What all workers of ``fleet`` show; the figures may be a second old."""
    exposed = Exposed()
    for slot in fleet.wanted:
        exposed.add(slot.name, slot.metrics() or "")
    return exposed


def judge_sent(sending: Sending, outputs: Outputs) -> Findings:
    """Compare the log with the producer's ledger: every acknowledged record is where it was acknowledged, once."""
    findings = Findings()
    sent = sending.sent
    for place, number in sent.acknowledged.items():
        found = outputs.log.get(place)
        if found != sending.rows[number].value:
            findings.add(f"log: record {number}, acknowledged at {place}, is not there", lost=1)
    unknown = len(outputs.log.keys() - sent.acknowledged.keys())
    # A record that was given up may have been taken all the same.
    findings.add(f"log: {unknown} records were never acknowledged", twice=max(0, unknown - len(sent.failed)))
    return findings


def _judge_figures(findings: Findings, exposed: Exposed, outputs: Outputs) -> None:
    interactions: Counter[tuple[str, str, str]] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    waited: Counter[tuple[str, str]] = Counter()
    for oracle in outputs.oracles:
        interactions += oracle.interactions
        answered += oracle.answered
        waited += oracle.waited_us
    for key in sorted(interactions | exposed.interactions):
        findings.add_difference(f"interactions {'/'.join(key)}", interactions[key], exposed.interactions[key])
    observed = [(*key, *both) for oracle in outputs.oracles for key, both in oracle.observed().items()]
    _judge_equal(findings, "response times", answered, exposed.answered)
    _judge_equal(findings, "response time in µs", waited, exposed.waited_us)
    _judge_equal(findings, "up ms", {(service, step): up for service, step, up, _ in observed}, exposed.up_ms)
    _judge_equal(findings, "observed ms", {(a, b): total for a, b, _, total in observed}, exposed.observed_ms)
    _judge_events(findings, exposed, outputs)


def _judge_events(findings: Findings, exposed: Exposed, outputs: Outputs) -> None:
    due = {
        (partition, *what): count
        for partition, oracle in enumerate(outputs.oracles)
        for what, count in oracle.events.items()
    }
    shown = {key: count for key, count in exposed.events.items() if count}
    _judge_equal(findings, "events", due, shown)


def _judge_equal(findings: Findings, what: str, due: Mapping[Key, int], shown: Mapping[Key, int]) -> None:
    for key in sorted({**due, **shown}, key=str):
        if due.get(key, 0) != shown.get(key, 0):
            findings.add(f"{what} {key}: due {due.get(key, 0)}, shown {shown.get(key, 0)}", wrong=1)


def _judge_letters(findings: Findings, outputs: Outputs) -> None:
    due = {(p, offset): reason for p, oracle in enumerate(outputs.oracles) for offset, reason in oracle.letters.items()}
    for place in sorted(due.keys() | outputs.letters.keys()):
        reasons, reason = outputs.letters.get(place, []), due.get(place)
        if reason is None:
            findings.add(f"dead letter {place}: {reasons}, not due", wrong=1)
            continue
        findings.add_difference(f"dead letter {place}", 1, len(reasons))
        if set(reasons) - {reason}:
            findings.add(f"dead letter {place}: due {reason}, found {reasons}", wrong=1)


def _judge_decisions(findings: Findings, exposed: Exposed, outputs: Outputs) -> None:
    due = {(d.at, d.service, d.objective, d.change): (d.good, d.total) for d in outputs.due()}
    for key in sorted(due.keys() | outputs.decisions.keys()):
        taken, figures = outputs.decisions.get(key, []), due.get(key)
        if figures is None:
            findings.add(f"decision {key}: {taken}, not due", wrong=1)
            continue
        findings.add_difference(f"decision {key}", 1, len(taken))
        if set(taken) - {figures}:
            findings.add(f"decision {key}: due {figures}, taken {taken}", wrong=1)
    _judge_breaches(findings, exposed, outputs)


def _judge_breaches(findings: Findings, exposed: Exposed, outputs: Outputs) -> None:
    """What is shown as breached is what the last decision on it has opened."""
    opened = {(one.service, one.objective): one.change == "opened" for one in sorted(outputs.due())}
    due = {key for key, is_open in opened.items() if is_open}
    for key in sorted(due ^ exposed.breached):
        findings.add(f"breach of {'/'.join(key)}: due {key in due}, shown {key in exposed.breached}", wrong=1)
