"""The process of `slm send`: publish event logs to Kafka, continuing where an interrupted attempt stopped."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click
import orjson

from agents.cli.terminal.progress import line_progress
from agents.exits import Exit, Fault
from agents.files.event_log import STDIN, EventLog
from agents.files.standards_file import count
from agents.kafka.admin import administration, destination
from agents.sending.delivery import Delivery, SendRate
from agents.sending.journal import Journal, state_folder
from agents.sending.producer import producing
from agents.sending.records import as_it_is, checked, survey
from agents.sending.sender import Interruption, Sending, Sent, keep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.kafka.admin import Destination
    from agents.sending.delivery import Producer
    from agents.sending.records import BadLine, Prepare, Survey
    from agents.settings.settings import Settings

#: Of the first notice that brokers are silent; each further one comes after twice as long.
_FIRST_NOTICE_SECONDS: Final = 5.0


def run(
    settings: Settings, files: Sequence[str], rate: float | None, *, restart: bool, as_is: bool, as_json: bool
) -> Exit:
    """Send ``files`` to the one topic of ``settings`` and print the summary; the exit code.

    Args:
        settings: address of Kafka and topic.
        files: paths of logs; - is standard input.
        rate: most events a second; None: as fast as Kafka takes them.
        restart: send again what an earlier attempt has sent.
        as_is: send lines unchecked and unchanged.
        as_json: print the summary as JSON.

    Raises:
        Fault: several topics are set, a log cannot be read or is bad, or Kafka is not there.
    """
    job = Job(settings, _topic(settings), rate, restart=restart, as_is=as_is)
    code = job.run(files)
    click.echo(job.as_json() if as_json else job.summary())
    return code


def _topic(settings: Settings) -> str:
    if len(settings.topics) > 1:
        message = f"several topics are set ({', '.join(settings.topics)}); say which one with --topic"
        raise Fault(message)
    return settings.topics[0]


@dataclass(slots=True)
class Job:
    """One run of the command, and afterwards its results, log by log."""

    settings: Settings
    topic: str
    rate: float | None
    restart: bool
    as_is: bool
    seconds: float = 0.0
    logs: list[Sent] = field(default_factory=list)

    def run(self, files: Sequence[str]) -> Exit:
        """Survey all files, refuse bad ones, then send the logs one after another.

        Raises:
            Fault: a log cannot be read or is bad, or Kafka is not there or does not take the records.
        """
        with Interruption() as interruption:
            try:
                return self._run(_logs(files), interruption)
            except KeyboardInterrupt:
                _say("stopped at once; lines under way may have been sent: their ids make that harmless")
                return Exit.INTERRUPTED

    def _run(self, logs: list[EventLog], interruption: Interruption) -> Exit:
        try:
            surveys = {log.path: self._survey(log, interruption) for log in logs if not log.is_stdin}
        except KeyboardInterrupt:
            _say("stopped before anything was sent")
            return Exit.INTERRUPTED
        _refuse(list(surveys.values()), as_is=self.as_is)
        with administration(self.settings, _say) as admin:
            where = destination(admin, self.topic)
        with producing(self.settings, _say) as producer:
            begun = time.monotonic()
            for log in logs:
                try:
                    self._send(log, surveys.get(log.path), where, producer, interruption)
                finally:
                    self.seconds = time.monotonic() - begun
                if interruption.requested:
                    return Exit.INTERRUPTED
        return Exit.NEGATIVE if any(sent.bad for sent in self.logs) else Exit.DONE

    def _prepare(self, survey: Survey | None) -> Prepare:
        return as_it_is if self.as_is else checked(survey.mark if survey else None)

    def _survey(self, log: EventLog, interruption: Interruption) -> Survey:
        with line_progress(f"reading {log.name}", None) as moved, interruption.waiting():
            return survey(log, self._prepare(None), moved)

    def _send(
        self,
        log: EventLog,
        survey: Survey | None,
        where: Destination,
        producer: Producer,
        interruption: Interruption,
    ) -> None:
        journal = None if survey is None else self._journal(log, survey, where)
        if journal and self.restart:
            journal.write(0)
        sent = Sent(log.name, resumed_after=journal.read() if journal else 0)
        self.logs.append(sent)
        total = survey.lines if survey else None
        if survey and _resumed(sent, survey):
            return
        with line_progress(f"sending {log.name}", total, sent.resumed_after) as moved:
            pace = SendRate(self.rate, sleep=interruption.sleep)
            delivery = Delivery(
                producer, self.topic, acknowledged=keep(journal, sent), waiting=self._silence(interruption)
            )
            sending = Sending(self._prepare(survey), pace, interruption, moved, _say_bad)
            try:
                sending.send(log, delivery, sent, last_line=total)
            finally:
                _say_resumable(log, sent, total)
        if survey and not sent.interrupted:
            _check_unchanged(log, survey)

    def _journal(self, log: EventLog, survey: Survey, where: Destination) -> Journal:
        variant = "as-is" if self.as_is else ""
        return Journal(state_folder(os.environ), log.name, survey.content, where, survey.lines, variant)

    def _silence(self, interruption: Interruption) -> Callable[[float], None]:
        """A function to call while brokers are silent: it says so, less and less often, and obeys a request to stop."""
        notice_at = _FIRST_NOTICE_SECONDS

        def silent(seconds: float) -> None:
            nonlocal notice_at
            if interruption.requested and seconds >= _FIRST_NOTICE_SECONDS:
                raise KeyboardInterrupt
            if seconds >= notice_at:
                notice_at *= 2
                _say(f"Kafka at {self.settings.broker} has not acknowledged for {seconds:.0f} s; still trying")

        return silent

    @property
    def sent(self) -> int:
        """Records acknowledged in this run."""
        return sum(log.sent for log in self.logs)

    def summary(self) -> str:
        """The results as one line."""
        what = count(self.sent, "line" if self.as_is else "event")
        speed = f" ({self.sent / self.seconds:,.0f}/s)" if self.seconds and self.sent else ""
        line = f"sent {what} to {self.topic} at {self.settings.broker} in {self.seconds:.1f} s{speed}"
        bad = sum(log.bad for log in self.logs)
        return line + (f"; left out {count(bad, 'bad line')}" if bad else "")

    def as_json(self) -> str:
        """The results as JSON."""
        document = {
            "topic": self.topic,
            "broker": self.settings.broker,
            "sent": self.sent,
            "bad": sum(log.bad for log in self.logs),
            "seconds": round(self.seconds, 3),
            "interrupted": any(log.interrupted for log in self.logs),
            "logs": self.logs,
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _logs(files: Sequence[str]) -> list[EventLog]:
    if files.count(STDIN) > 1:
        message = f"{STDIN} is named {files.count(STDIN)} times; standard input can be read only once"
        raise Fault(message)
    return [EventLog(path) for path in files]


def _refuse(surveys: Sequence[Survey], *, as_is: bool) -> None:
    """Name the bad lines, and raise `Fault` if there is any."""
    bad = sum(survey.bad for survey in surveys)
    if not bad:
        return
    shown = [line for survey in surveys for line in survey.shown]
    for line in shown:
        click.echo(str(line), err=True)
    more = f" ({bad - len(shown):,} more are not shown)" if bad > len(shown) else ""
    remedy = "leave them out" if as_is else "correct them, or send every line as it is with --as-is"
    message = f"{count(bad, 'line')} cannot be sent{more}, so nothing was; {remedy}"
    raise Fault(message)


def _resumed(sent: Sent, survey: Survey) -> bool:
    """Say what an earlier attempt has sent, if anything; return whether that was everything."""
    if not sent.resumed_after:
        return False
    if sent.resumed_after >= survey.lines:
        sent.acknowledged_line = sent.resumed_after
        _say(f"{sent.log}: all {survey.lines:,} lines have been sent before; --restart sends them again")
        return True
    _say(f"{sent.log}: going on after line {sent.resumed_after:,} of {survey.lines:,}; --restart begins anew")
    return False


def _say_resumable(log: EventLog, sent: Sent, total: int | None) -> None:
    reached = max(sent.acknowledged_line, sent.resumed_after)
    if total is None and sent.interrupted:
        _say(f"stopped; {log.name} was sent up to line {reached:,}")
    elif total is not None and reached < total:
        _say(f"stopped after line {reached:,} of {total:,} of {log.name}; give the same command again to go on")


def _check_unchanged(log: EventLog, survey: Survey) -> None:
    if log.size() != survey.size:
        message = (
            f"{log.name}: changed while it was being sent; its first {survey.lines:,} lines were sent."
            " Send files that are finished, or pipe a growing one: tail -f FILE | slm send -"
        )
        raise Fault(message, Exit.NEGATIVE)


def _say(line: str) -> None:
    click.echo(f"slm: {line}", err=True)


def _say_bad(bad: BadLine) -> None:
    click.echo(str(bad), err=True)
