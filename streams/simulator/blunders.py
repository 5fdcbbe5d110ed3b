"""Mistakes of producers: records that are no events, lack a field or come too late, to show how each is handled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Blunder:
    """One bad record: the service of its producer, and its bytes as a function of event time (seconds since 1970)."""

    service: str
    record: Callable[[float], bytes]


BLUNDERS: Final[tuple[Blunder, ...]] = (
    Blunder("hotline", lambda _: b"service=hotline step=answer duration=7"),
    Blunder("hotline", lambda time: b'{"time":%.3f,"step":"answer","duration":4.2}' % time),
    Blunder("payments", lambda time: b'{"time":%.3f,"service":"payments","step":"authorise","duration":-1}' % time),
    Blunder("hotel", lambda time: b'{"time":%.3f,"service":"hotel","kind":"checkin","duration":190}' % time),
    Blunder("hotel", lambda _: b'{"time":"2026-03-01T09:30:00","service":"hotel","duration":190}'),
    Blunder("payments", lambda time: b'{"time":%.3f,"service":"payments","step":"refund","duration":"fast"}' % time),
    # A clock that is an hour fast, and a terminal that was offline for an hour.
    Blunder("hotel", lambda time: b'{"time":%.3f,"service":"hotel","step":"check-in","duration":205}' % (time + _HOUR)),
    Blunder("hotline", lambda time: b'{"time":%.3f,"service":"hotline","step":"answer","duration":9}' % (time - _HOUR)),
)
