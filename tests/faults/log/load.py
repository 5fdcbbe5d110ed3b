"""A steady load: events of the present at a rate, as long as wanted; and the rate that one worker sustains."""

from __future__ import annotations

import random
import time
from collections import Counter
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from tests.faults.log.floor import MALFORMED
from tests.faults.log.producing import idempotent, serve_until
from tests.faults.log.promises import PROBED, SERVICES, STEPS

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from tests.faults.parts.fleet import Fleet

_BEAT_SECONDS: Final = 0.02
_UNLIMITED: Final = 50_000  # events a second, in beats without pause
_POOL: Final = 20_000
_PROBES: Final = 0.001
_MALFORMED: Final = 0.001
_REPEATED: Final = 0.005
_FLUSH_SECONDS: Final = 120
#: A service is in a bad time every so many seconds, for so many.
_MOOD_SECONDS, _BAD_SECONDS = 200, 70


class _Ending(NamedTuple):
    """What follows the time in an event."""

    key: bytes
    text: bytes


class SteadyLoad(Thread):
    """Sends events of the present; use it in a ``with`` statement, which starts it and ends it.

    Args:
        bootstrap: ``host:port``, several separated by commas.
        topic: where to.
        rate: events a second; None: as many as go.
        seed: of chance.
    """

    def __init__(self, bootstrap: str, topic: str, rate: float | None, *, seed: int = 0) -> None:
        super().__init__(name="load", daemon=True)
        self.acknowledged: Counter[int] = Counter()  # by partition
        self.failed = 0
        self.count = 0
        self.error: Exception | None = None
        self._topic, self._rate = topic, rate
        self._producer = idempotent(bootstrap)
        self._rng = random.Random(f"load {seed}")
        self._pools = {bad: _pool(self._rng, bad=bad) for bad in (False, True)}
        self._over = Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Send no more, and wait until everything has been acknowledged.

        Raises:
            TimeoutError: the brokers did not take it all.
        """
        self._over.set()
        self.join()
        if self.error is not None:
            raise self.error
        if self._producer.flush(_FLUSH_SECONDS):
            raise TimeoutError(f"the brokers did not take all records within {_FLUSH_SECONDS} s")

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - the one who joins asks
            self.error = error

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            self._beat(int(due), round((self._rate or _UNLIMITED) * _BEAT_SECONDS))
            # What a pause has cost is made up for, up to a second of it: the rate is that of the whole.
            due = max(due + _BEAT_SECONDS, time.monotonic() - 1)
            serve_until(self._producer, due if self._rate else 0.0)

    def _beat(self, second: int, count: int) -> None:
        rng, head = self._rng, b'{"time":%.3f,' % time.time()
        bad = [(second + 31 * place) % _MOOD_SECONDS < _BAD_SECONDS for place in range(len(SERVICES))]
        for _ in range(count):
            place = rng.randrange(_POOL)
            ending = self._pools[bad[place % len(SERVICES)]][place]
            value = head + b'"id":"%d",' % self.count + ending.text
            chance = rng.random()
            if chance < _MALFORMED:
                value = rng.choice(_SMALL)
            self._send(ending.key, value)
            if _MALFORMED <= chance < _MALFORMED + _REPEATED:
                self._send(ending.key, value)

    def _send(self, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=self._note)
            except BufferError:
                self._producer.poll(0.1)
            else:
                self.count += 1
                return

    def _note(self, error: KafkaError | None, message: Message) -> None:
        partition = message.partition()
        if error is not None or partition is None:
            self.failed += 1
        else:
            self.acknowledged[partition] += 1


_SMALL: Final = [raw for raw in MALFORMED if len(raw) < 1_000]


def _pool(rng: random.Random, *, bad: bool) -> list[_Ending]:
    return [_ending(rng, SERVICES[number % len(SERVICES)], bad=bad) for number in range(_POOL)]


def _ending(rng: random.Random, service: str, *, bad: bool) -> _Ending:
    if rng.random() < _PROBES:
        up = "false" if bad else "true"
        text = f'"kind":"probe","service":"{service}","step":"{PROBED}","up":{up},"holds":15}}'
        return _Ending(service.encode(), text.encode())
    outcome = ',"outcome":"failed"' if rng.random() < (0.3 if bad else 0.01) else ""
    duration = rng.randint(2_001, 30_000) if rng.random() < (0.5 if bad else 0.04) else rng.randint(1, 2_000)
    text = f'"service":"{service}","step":"{rng.choice(STEPS)}","duration":{duration / 1_000}{outcome}}}'
    return _Ending(service.encode(), text.encode())


def records_folded(fleet: Fleet) -> int:
    """Records that all workers have folded."""
    rows = [row for slot in fleet.wanted for row in slot.status().get("partitions", ())]
    return sum(row["next_offset"] for row in rows)


def sustained(fleet: Fleet, bootstrap: str, topic: str, *, warm: float = 3.0, measured: float = 8.0) -> float:
    """Records a second that the one worker of ``fleet`` folds while a producer sends as many as go."""
    with SteadyLoad(bootstrap, topic, None, seed=-1):
        time.sleep(warm)
        began, before = time.monotonic(), records_folded(fleet)
        time.sleep(measured)  # the length of the measurement
        return (records_folded(fleet) - before) / (time.monotonic() - began)
