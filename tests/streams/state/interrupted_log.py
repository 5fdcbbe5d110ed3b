"""A log that is read with interruptions: engines that are restored from saved rows, and what they have told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from streams.decoding.batch import Batch
from streams.decoding.dead_letters import DeadLetter
from streams.engine.closing import Advanced
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.routing.series_catalogue import Caps
from streams.standards.model import Standards
from streams.state.framing import StateRow
from streams.state.saving import Saver, restore
from tests.oracles.logs import S, rich_standards
from tests.oracles.oracle import Record

CAPS = Caps(services=3, steps=2, failure_points=1, sources=1, days=2)
BOOK: Mapping[str, Standards] = {
    f"rich {zone}": replace(rich_standards(zone), digest=f"rich {zone}", lateness_ms=lateness)
    for zone, lateness in (("UTC", {}), ("Asia/Shanghai", {"events": 5 * S}), ("America/New_York", {}))
} | {"none": Standards(digest="none")}


@dataclass
class World:
    """A log, what was saved of its engine, and what the engine has told."""

    records: Sequence[Record]
    saved: dict[bytes, bytes] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    advanced: list[Advanced] = field(default_factory=list)
    saver: Saver = field(default_factory=Saver)

    def begin(self) -> Engine:
        """A fresh engine, or one made of what was saved."""
        if not self.saved:
            book = BOOK.get
            self.saver = Saver()
            return Engine(Start("events", 0, BOOK["rich UTC"], book=book, caps=CAPS))
        restored = restore(self.saved, Start("events", 0, Standards(), book=BOOK.get, caps=CAPS))
        self.saver = restored.saver
        return restored.engine

    def read(self, engine: Engine, until: int, size: int, *, save: bool) -> None:
        """Read the log on, in batches of ``size``, and save at the end."""
        first = engine.expected or 0
        while first < until:
            part = self.records[first : min(first + size, until)]
            batch = Batch.of("events", 0, [r.raw for r in part], first, [r.stamp for r in part])
            letters, advanced = engine.fold(batch), engine.advance()
            self.letters += letters
            self.advanced.append(advanced)
            first += len(part)
        if save and engine.progress.next_offset is not None and not engine.restoring:
            self.keep(self.saver.take(engine))

    def keep(self, rows: Sequence[StateRow]) -> None:
        for name, value in rows:
            if value is None:
                self.saved.pop(name, None)
            else:
                self.saved[name] = value

    def told(self) -> tuple[object, ...]:
        """Everything that was told, in its order."""
        advanced = self.advanced
        return (
            self.letters,
            [one for each in advanced for one in each.slices],
            [one for each in advanced for one in each.decisions],
            [one for each in advanced for one in each.notices],
        )


def with_controls(records: list[Record], places: Sequence[tuple[int, str]]) -> list[Record]:
    """``records`` with proposals of standards among them."""
    found = list(records)
    for place, name in places:
        stamp = found[place % len(found)].stamp if found else -1
        found.insert(place % (len(found) + 1), Record(control_records.standards(name, place), stamp))
    return found


PLACES = st.lists(st.tuples(st.integers(0, 40), st.sampled_from([*BOOK, "unknown"])), max_size=3)
