"""What the protocol's rules are replaced by, one function for each broken rule."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np

from streams.decoding.batch import LOWEST_MS, Batch
from streams.derivers.timelines import Held
from streams.engine import admission, engine
from streams.engine.admission import Admitted
from streams.engine.eras import Eras
from streams.engine.open_slices import OpenSlices
from streams.engine.standards_log import Named, StandardsNeeded
from streams.engine.watermark import Watermark
from streams.slices.slice import LENGTH_MS, slice_start
from streams.slices.sparse_table import IntArray
from streams.state import framing, processor, saving
from streams.state.framing import StateRow
from streams.state.processor import Commit, PartitionProcessor
from streams.state.rows import PARTITION, PartitionRow
from tests.streams.state.world.broker import Broker, Fenced, Transaction, Write, writes_of
from tests.streams.state.world.owner import Owner
from tests.streams.state.world.schedule import Do
from tests.streams.state.world.story import FIRST

#: What is replaced: where, its name there, and by what.
Patch = tuple[object, str, object]


def in_row(change: Callable[[PartitionRow], dict[str, Any]]) -> tuple[Patch, ...]:
    """The partition row is written with something else in it."""
    real = saving._partition_row

    def partition_row(engine_: engine.Engine) -> PartitionRow:
        row = real(engine_)
        return msgspec.structs.replace(row, **change(row))

    return ((saving, "_partition_row", partition_row),)


# -- the broker -------------------------------------------------------------------------------------------------------


def accept(broker: Broker, transaction: Transaction) -> None:
    """Anybody may write."""
    if transaction.over:
        raise Fenced


def leave_open(broker: Broker) -> int:
    """Nothing is aborted, nobody is refused: only the number is another."""
    broker.epoch += 1
    return broker.epoch


def read_everything(broker: Broker) -> dict[bytes, bytes]:
    """Rows of aborted transactions too."""
    found: dict[bytes, bytes] = {}
    for write in broker.sent:
        if isinstance(write, StateRow):
            found.pop(write.name, None)
            if write.value is not None:
                found[write.name] = write.value
    return found


# -- transactions -----------------------------------------------------------------------------------------------------


def in_turns(*choices: Callable[[Write], bool]) -> Callable[[Owner, Commit, Do], None]:
    """What each of ``choices`` takes goes out in a transaction of its own; ill luck strikes in the last one."""

    def carry_out(owner: Owner, taken: Commit, how: Do) -> None:
        writes = writes_of(taken)
        for number, choice in enumerate(choices, 1):
            if owner.alive:
                owner.write([one for one in writes if choice(one)], how if number == len(choices) else Do.COMMIT)

    return carry_out


def is_row(write: Write) -> bool:
    return isinstance(write, StateRow)


def is_output(write: Write) -> bool:
    return not isinstance(write, StateRow)


def is_partition_row(write: Write) -> bool:
    return isinstance(write, StateRow) and write.name == PARTITION


def is_no_partition_row(write: Write) -> bool:
    return not is_partition_row(write)


def is_tombstone(write: Write) -> bool:
    return isinstance(write, StateRow) and write.value is None


def is_no_tombstone(write: Write) -> bool:
    return not is_tombstone(write)


def send_again(owner: Owner, transaction: Transaction) -> None:
    """As if it had failed."""
    again = owner.broker.begin(owner.epoch)
    again.send(transaction.writes)
    again.commit()


def go_on(owner: Owner, transaction: Transaction) -> None:
    """As if it had been committed."""


# -- reading ----------------------------------------------------------------------------------------------------------


def believe_at_once(owner: Owner, of: PartitionProcessor, first: int, last: int) -> bool:
    """A gap is a gap."""
    return last >= of.expected


def fold_twice(owner: Owner, of: PartitionProcessor, batch: Batch) -> None:
    """Repeated batches count again."""
    before = of.expected
    owner.asking(lambda: of.fold(batch))
    again = batch.between(0, batch.position_of(before))
    if len(again) and not of.engine.restoring:
        reached = of.engine.progress.next_offset
        owner.asking(lambda: of._keep(of.engine._fold_new(again, of.engine.decoder.decode(again))))
        of.engine.progress.next_offset = reached


def take_all(owner: Owner, of: PartitionProcessor, first: int, last: int) -> bool:
    """Whatever comes, if nothing is missing before it."""
    return first <= of.expected


def drop_unknown(owner: Owner, of: PartitionProcessor, batch: Batch) -> None:
    """A batch for which standards had to be looked up is over when they are."""
    with contextlib.suppress(StandardsNeeded):
        of.fold(batch)
        return
    owner.asking(
        lambda: [of.engine.standards_log.look_up(one.hash) for _, one in of.engine.decoder.decode(batch).proposals()]
    )
    owner.position = of.expected
    if not of.engine.restoring:
        of.engine.start_from(int(batch.offsets[-1]) + 1)


# -- recovery ---------------------------------------------------------------------------------------------------------


def stand_low(watermark: Watermark, times: IntArray) -> IntArray:
    """Nothing is late while records are folded again."""
    return np.full(len(times), LOWEST_MS, np.int64)


def first_of_oldest(slices: OpenSlices) -> int | None:
    """The first record of the oldest open slice, as if records came in the order of time."""
    start_ms = slices.first_start_ms()
    return None if start_ms is None else slices.at(start_ms).first_offset


def first_of_newest(eras: Eras) -> int | None:
    """The first record of the slice that was opened last, as if those before were as good as closed."""
    return max((one.first_offset for era in eras for one in era.open), default=None)


_admit: Final = admission.admit


def forget_ids(*args: Any, again: bool = False) -> Admitted:
    """While records are folded again, their ids are not remembered."""
    admitted = _admit(*args, again=again)
    if again:
        for era in args[3]:
            for one in era.open:
                one._seen.clear()
    return admitted


def trust(name: bytes, value: bytes) -> framing._Part:
    """A part is what its header says."""
    _, _, number, count, _, whole = framing._HEADER.unpack_from(value)
    return framing._Part(number, count, whole, value[framing._HEADER.size :])


def join_trusting(row: bytes, parts: dict[int, framing._Part]) -> bytes:
    return b"".join(parts[number].share for number in sorted(parts))


_rebuild: Final = processor._rebuilt


def tell_again(*args: Any) -> PartitionProcessor:
    """What is rebuilt is told as if it were new."""
    rebuilt = _rebuild(*args)
    rebuilt.engine.silent_until = None
    return rebuilt


def skip_silently(of: PartitionProcessor, offset: int) -> None:
    of.engine.start_from(offset)


# -- time and standards -----------------------------------------------------------------------------------------------


def tick_adds(watermark: Watermark, stamp_ms: int) -> None:
    """Each tick is ten seconds."""
    if watermark.lives_in_the_present and watermark.frontier_ms is not None:
        watermark.frontier_ms += LENGTH_MS


def tick_says(watermark: Watermark, stamp_ms: int) -> None:
    """A tick means its own time, even in a backfill."""
    if watermark.frontier_ms is not None:
        watermark.frontier_ms = max(watermark.frontier_ms, stamp_ms)


def ceiling_at_once(time_ms: int) -> int:
    """Standards hold from the slice on that is open, although the log has spoken of it."""
    return slice_start(time_ms)


def nothing(*_: object) -> None:
    pass


def no_floor(row: PartitionRow) -> dict[str, Any]:
    return {"floor_ms": LOWEST_MS}


def from_closed(row: PartitionRow) -> dict[str, Any]:
    """The watermark is where the newest closed slice ends."""
    return {"frontier_ms": None if row.frontier_ms is None else row.closed_ms + row.lateness_ms}


def first_standards(row: PartitionRow) -> dict[str, Any]:
    return {"standards": [Named(-1, FIRST.digest, 0, LOWEST_MS)], "current": 0}


def no_held(row: PartitionRow) -> dict[str, Any]:
    held: list[Held] = []
    return {"held": held}


def no_counters(row: PartitionRow) -> dict[str, Any]:
    return {"progress": msgspec.structs.replace(row.progress, records=0, accepted=0, rejected={})}
