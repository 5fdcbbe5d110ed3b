"""Records made from the lines of an event log, and the survey of all its lines before anything is sent.

An event without an id gets one, a function of the log's content and the event's line. A line that is sent twice, after
a crash or by mistake, is therefore the same event, which the monitor counts once while its slice is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import orjson

from agents.files.event_log import EventLog, Line
from streams.events.event import MAX_BYTES
from streams.events.rejections import BadEvent, Reason
from streams.events.wire_format import decode

#: Largest record that is sent as it is, in bytes: the default limit of brokers, less room for key and headers.
MAX_RECORD: Final = 1_000_000
#: Hexadecimal digits of the hash that ids of a log's events begin with: 64 bits.
_MARK_DIGITS: Final = 16
#: Bad lines that are shown; the others are only counted.
_SHOWN_BAD: Final = 20


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send: the line it came from, its key (None: any partition) and its value."""

    line: int
    key: bytes | None
    value: bytes


#: Makes a record from a line, or raises `BadEvent`.
Prepare = Callable[[Line], Outgoing]


def checked(mark: str | None) -> Prepare:
    """Send events only, with the id ``mark``-LINE if they have none.

    Without a mark, for a stream that cannot be surveyed, a hash of the line takes its place.
    """

    def prepare(line: Line) -> Outgoing:
        event = decode(line.raw)
        value = line.raw
        if not event.id:
            own = mark or hashlib.sha256(line.raw).hexdigest()[:_MARK_DIGITS]
            value = _with_id(line.raw, f"{own}-{line.number}")
        if len(value) > MAX_BYTES:
            raise BadEvent(Reason.TOO_LARGE, f"{len(value):,} bytes with its id; an event has at most {MAX_BYTES:,}")
        return Outgoing(line.number, event.service.encode(), value)

    return prepare


def _with_id(raw: bytes, identity: str) -> bytes:
    """Add an id at the end of a JSON object with other members; there it overrides an empty `id`."""
    return b'%s,"id":"%s"}' % (raw.rstrip()[:-1], identity.encode())


def as_it_is(line: Line) -> Outgoing:
    """Send every line byte for byte; its key is the service, if it names one."""
    if len(line.raw) > MAX_RECORD:
        raise BadEvent(Reason.TOO_LARGE, f"{len(line.raw):,} bytes; brokers take records of at most {MAX_RECORD:,}")
    return Outgoing(line.number, _service_in(line.raw), line.raw)


def _service_in(raw: bytes) -> bytes | None:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    for holder in (document, document.get("data") if isinstance(document, dict) else None):
        service = holder.get("service") if isinstance(holder, dict) else None
        if isinstance(service, str) and service:
            return service.encode()
    return None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not sent, and why."""

    log: str
    line: int
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.log}:{self.line}: {self.reason}: {self.detail}"


@dataclass(slots=True)
class Survey:
    """The result of reading all of a log before anything is sent.

    ``content`` is the SHA-256 of its uncompressed bytes, ``size`` the size of the file in bytes before it was read,
    ``lines`` the number of the last line that is not blank.
    """

    size: int | None = None
    content: str = ""
    lines: int = 0
    events: int = 0
    bad: int = 0
    shown: list[BadLine] = field(default_factory=list)

    @property
    def mark(self) -> str:
        """The beginning of ids that this log's events get."""
        return self.content[:_MARK_DIGITS]

    def note(self, bad: BadLine) -> None:
        """Count a bad line, and keep it if it is one of the first."""
        self.bad += 1
        if len(self.shown) < _SHOWN_BAD:
            self.shown.append(bad)


def survey(log: EventLog, prepare: Prepare, on_line: Callable[[int], None] = lambda _: None) -> Survey:
    """Read ``log`` to its end, for its hash and for lines that cannot be sent."""
    digest, found = hashlib.sha256(), Survey(log.size())
    for line in log.lines(digest):
        found.lines = line.number
        try:
            prepare(line)
            found.events += 1
        except BadEvent as bad:
            found.note(BadLine(log.name, line.number, bad.reason, bad.detail))
        on_line(line.number)
    found.content = digest.hexdigest()
    return found
