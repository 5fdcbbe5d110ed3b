"""One run: events flow, faults happen, everything is healed, and what is there is judged."""

from __future__ import annotations

import contextlib
import json
import random
import time
import traceback
import uuid
from collections import Counter
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException

from tests.faults.kinds import broker_faults, worker_faults
from tests.faults.kinds.plan import Lane, Plan, Planned
from tests.faults.kinds.scene import Scene
from tests.faults.log.floor import Row, event, rows
from tests.faults.log.producing import Sending
from tests.faults.log.promises import PARTITIONS, standards_file
from tests.faults.log.topics import RunTopics
from tests.faults.outcome.judging import Findings, judge_sent, settle
from tests.faults.outcome.outputs import Topics
from tests.faults.parts.fleet import Deployment, Exit, Fleet, wait_patiently

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.parts.site import Site

FAULTS = {**broker_faults.FAULTS, **worker_faults.FAULTS}
#: Events flow for so long at least: a share of them is sent while each fault lasts.
_FLOW_SECONDS = 15
#: So much further than to where the next fault is to begin.
_AHEAD = 0.15
_REST_SECONDS = 90
_RESTART_WORKERS = 1
_READ_SECONDS = 1.0


@dataclass
class Told:
    """What became of one fault."""

    planned: Planned
    began: float
    ended: float
    note: str
    error: str = ""


@dataclass
class Result:
    """What a run found. ``unmet``: faults that did not happen as they should, and workers that ended as none may."""

    seed: int
    events: int
    faults: list[Told] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    unmet: list[str] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    decisions: int = 0
    letters: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether everything is as it must be."""
        return not self.findings and not self.unmet

    def document(self) -> dict[str, Any]:
        """As the ledger has it."""
        return {
            "seed": self.seed,
            "events": self.events,
            "faults": dict(sorted(Counter(str(told.planned.kind) for told in self.faults).items())),
            "decisions": self.decisions,
            "letters": self.letters,
            "exits": dict(sorted(Counter(str(one.code) for one in self.exits).items())),
            "lost": self.findings.lost,
            "twice": self.findings.twice,
            "wrong": self.findings.wrong,
            "unmet": len(self.unmet),
            "seconds": round(self.seconds, 1),
        }


class Run:
    """One run at a site.

    Args:
        site: everything up and healthy.
        plan: what is to happen.
        folder: for logs and for what was found.
        tell: is told in a few words what happens.
        prelude: Python that workers run before anything else.
    """

    def __init__(
        self,
        site: Site,
        plan: Plan,
        folder: Path,
        *,
        tell: Callable[[str], None] = lambda _: None,
        prelude: str = "",
    ) -> None:
        self.site, self.plan, self.folder, self.tell, self._prelude = site, plan, folder, tell, prelude
        self.result = Result(plan.seed, plan.events)
        self._begun: set[Planned] = set()
        self._began = time.monotonic()

    def go(self) -> Result:
        """Do it all; what goes wrong is in the result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        topics = RunTopics.create(self.site.kafka, f"run-{self.plan.seed}-{uuid.uuid4().hex[:6]}")
        try:
            self._go(topics)
        except Exception:  # noqa: BLE001 - a run that fails is a result, and others follow
            self.result.unmet.append(traceback.format_exc())
        finally:
            self.site.heal()
            self.site.drop_topics(topics.names)
        self.result.seconds = time.monotonic() - self._began
        self._write()
        return self.result

    def _go(self, topics: RunTopics) -> None:
        standards = self.folder / "standards.yaml"
        standards.write_text(standards_file(), "utf-8")
        with Fleet(self._deployment(topics, standards)) as fleet:
            try:
                self._in(topics, fleet)
            finally:
                self.result.exits = fleet.exits
                self.result.unmet += [
                    f"{one.worker} ended with code {one.code}, asked by {one.asked!s}:\n{one.tail}"
                    for one in fleet.exits
                    if not one.good
                ]

    def _deployment(self, topics: RunTopics, standards: Path) -> Deployment:
        plan = self.plan
        options = ["--standards", str(standards), "--tick-interval", plan.tick, "--batch-records", str(plan.batch)]
        kafka = self.site.kafka
        return Deployment(
            self.folder,
            kafka.bootstrap,
            self.site.proxied,
            topics.source,
            f"faults-{topics.source}",
            [*options, *topics.options],
            self._prelude,
        )

    def _in(self, topics: RunTopics, fleet: Fleet) -> None:
        for number in range(self.plan.workers):
            fleet.add(proxied=number == 0)
        sent = rows(self.plan.seed, self.plan.events, time.time_ns() // 1_000_000)
        sending = Sending(self.site.kafka.bootstrap, topics.source, sent, self.plan.events / _FLOW_SECONDS)
        scene = Scene(self.site, fleet, topics, sending)
        fleet.wait_until_owned()
        self._lap("workers are up")
        with Topics(self.site.kafka.bootstrap, topics) as outputs:
            self._suffer(scene, outputs)
            sending.send_to_each([_closing(number) for number in range(PARTITIONS)])
            self._lap("all is sent")
            self._judge(scene, outputs)

    # -- faults -----------------------------------------------------------------------------------------------------

    def _suffer(self, scene: Scene, outputs: Topics) -> None:
        """Let the events flow, and the faults happen meanwhile; the oracles follow the log."""
        sending = scene.sending
        self._let(sending)
        sending.start()
        lanes = [Thread(target=self._follow, args=(scene, lane), name=lane, daemon=True) for lane in Lane]
        for thread in lanes:
            thread.start()
        while any(thread.is_alive() for thread in lanes):
            self._follow_log(outputs)
        self._lap("faults are over")
        self.site.heal()
        self._lap("all is healed")
        sending.let(len(sending.rows))
        sending.join()
        if sending.error is not None:
            raise sending.error

    def _follow(self, scene: Scene, lane: Lane) -> None:
        """One fault of ``lane`` after the other, each when so many events have been sent."""
        for planned in self.plan.lane(lane):
            scene.sending.wait_until(int(planned.at * self.plan.events), goes_on=lambda: True)
            self._begun.add(planned)
            self._let(scene.sending)
            self.tell(f"{planned.kind}")
            scene.fleet.note(f"{planned.kind} begins")
            began = time.monotonic() - self._began
            note, error = "", ""
            try:
                note = FAULTS[planned.kind](scene, planned)
            except Exception:  # noqa: BLE001 - the other faults are to happen all the same
                error = traceback.format_exc()
                self.result.unmet.append(f"{planned.kind} at {began:.1f} s: {error}")
            scene.fleet.note(f"{planned.kind} is over: {note}{error}")
            self.result.faults.append(Told(planned, began, time.monotonic() - self._began, note, error))

    def _follow_log(self, outputs: Topics) -> None:
        """Read on now, while there is time; where brokers are away, later."""
        with contextlib.suppress(TimeoutError, KafkaException):
            outputs.follow(seconds=_READ_SECONDS)
        time.sleep(_READ_SECONDS)

    def _let(self, sending: Sending) -> None:
        """Let events flow to where the next fault of any lane is to begin, and a little further."""
        waiting = [one.at for one in self.plan.faults if one not in self._begun]
        share = min((at + _AHEAD for at in waiting), default=1.0)
        sending.let(min(len(sending.rows), int(share * self.plan.events) + 1))

    # -- judgement --------------------------------------------------------------------------------------------------

    def _judge(self, scene: Scene, outputs: Topics) -> None:
        self._rest(scene.fleet)
        self._lap("workers are at rest")
        findings = settle(scene.fleet, outputs)
        sent = judge_sent(scene.sending, outputs)
        self._lap("judged")
        if not findings and self.plan.seed % 2 == _RESTART_WORKERS:
            findings = self._after_a_restart(scene.fleet, outputs)
            self._lap("judged after a restart")
        for one in (sent, findings):
            self.result.findings.lost += one.lost
            self.result.findings.twice += one.twice
            self.result.findings.wrong += one.wrong
            self.result.findings.lines += one.lines
        self.result.decisions = len(outputs.due())
        self.result.letters = sum(len(oracle.letters) for oracle in outputs.oracles)
        if failed := scene.sending.sent.failed:
            self.result.unmet.append(f"{len(failed)} records were never acknowledged")

    def _rest(self, fleet: Fleet) -> None:
        try:
            wait_patiently(fleet.at_rest, "the workers to have read everything", seconds=_REST_SECONDS)
        except TimeoutError as error:
            documents = {slot.name: slot.status() for slot in fleet.wanted}
            shown = {name: [d.get("worker"), d.get("partitions")] for name, d in documents.items()}
            raise AssertionError(f"{error}: {json.dumps(shown)[:6000]}") from error

    def _after_a_restart(self, fleet: Fleet, outputs: Topics) -> Findings:
        """End all workers, let one go on from what they saved, and judge again."""
        first, *others = fleet.wanted
        for slot in others:
            fleet.end(slot, for_good=True)
        fleet.end(first)
        self._rest(fleet)
        return settle(fleet, outputs)

    # -- telling ----------------------------------------------------------------------------------------------------

    def _lap(self, what: str) -> None:
        self.tell(what)
        with (self.folder / "laps.txt").open("a") as laps:
            laps.write(f"{time.monotonic() - self._began:7.1f} s  {what}\n")

    def _write(self) -> None:
        """Leave in the folder what happened, for whoever looks for the cause of a failure."""
        told = [
            f"{one.began:6.1f} – {one.ended:6.1f} s  {one.planned.kind} at {one.planned.at:.2f}: {one.note}{one.error}"
            for one in self.result.faults
        ]
        exits = [f"{one.worker} ended with code {one.code}, asked by {one.asked!s}" for one in self.result.exits]
        parts = [str(self.plan), *told, *exits, *self.result.findings.lines, *self.result.unmet]
        (self.folder / "found.txt").write_text("\n".join([*parts, json.dumps(self.result.document())]) + "\n", "utf-8")


def _closing(partition: int) -> Row:
    """An event of the present, before which every slice of the run is old enough to be closed."""
    now = time.time_ns() // 1_000_000
    return Row(b"closing", event(random.Random(partition), f"closing-{partition}", now, bad=False))
