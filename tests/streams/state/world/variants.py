"""The protocol with one of its rules broken: each of these must be found out by the simulated world."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock

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
from streams.state.rows import PARTITION, PartitionRow, RowWriter
from tests.streams.state.world.broker import Broker, Fenced, Transaction, Write, writes_of
from tests.streams.state.world.owner import Owner
from tests.streams.state.world.schedule import Do, Schedule
from tests.streams.state.world.story import FIRST

#: What is replaced: where, its name there, and by what.
Patch = tuple[object, str, object]


@dataclass(frozen=True)
class Variant:
    """A broken rule: what it says, unbroken, and how it is broken.

    ``lossy``, ``damages``: it is about schedules in which the log loses records, or rows are damaged.
    """

    name: str
    rule: str
    patches: tuple[Patch, ...]
    lossy: bool = False
    damages: bool = False
    keeps_rows: bool = False  # the last commit is made by the rule: other rows alone are no proof

    def concerns(self, plan: Schedule) -> bool:
        """Whether breaking the rule could show in ``plan``."""
        return plan.lossy >= self.lossy and plan.damages >= self.damages

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        """Break the rule for a while."""
        with contextlib.ExitStack() as stack:
            for where, name, by in self.patches:
                stack.enter_context(mock.patch.object(where, name, by))
            yield


def _row(change: Callable[[PartitionRow], dict[str, Any]]) -> tuple[Patch, ...]:
    """The partition row is written with something else in it."""
    real = saving._partition_row

    def partition_row(engine_: engine.Engine) -> PartitionRow:
        row = real(engine_)
        return msgspec.structs.replace(row, **change(row))

    return ((saving, "_partition_row", partition_row),)


# -- the broker -------------------------------------------------------------------------------------------------------


def _accept(broker: Broker, transaction: Transaction) -> None:
    """Anybody may write."""
    if transaction.over:
        raise Fenced


def _leave_open(broker: Broker) -> int:
    """Nothing is aborted, nobody is refused: only the number is another."""
    broker.epoch += 1
    return broker.epoch


def _read_everything(broker: Broker) -> dict[bytes, bytes]:
    """Rows of aborted transactions too."""
    found: dict[bytes, bytes] = {}
    for write in broker.sent:
        if isinstance(write, StateRow):
            found.pop(write.name, None)
            if write.value is not None:
                found[write.name] = write.value
    return found


# -- transactions -----------------------------------------------------------------------------------------------------


def _in_turns(*choices: Callable[[Write], bool]) -> Callable[[Owner, Commit, Do], None]:
    """What each of ``choices`` takes goes out in a transaction of its own; ill luck strikes in the last one."""

    def carry_out(owner: Owner, taken: Commit, how: Do) -> None:
        writes = writes_of(taken)
        for number, choice in enumerate(choices, 1):
            if owner.alive:
                owner.write([one for one in writes if choice(one)], how if number == len(choices) else Do.COMMIT)

    return carry_out


def _is_row(write: Write) -> bool:
    return isinstance(write, StateRow)


def _is_output(write: Write) -> bool:
    return not isinstance(write, StateRow)


def _is_partition_row(write: Write) -> bool:
    return isinstance(write, StateRow) and write.name == PARTITION


def _is_no_partition_row(write: Write) -> bool:
    return not _is_partition_row(write)


def _is_tombstone(write: Write) -> bool:
    return isinstance(write, StateRow) and write.value is None


def _is_no_tombstone(write: Write) -> bool:
    return not _is_tombstone(write)


def _send_again(owner: Owner, transaction: Transaction) -> None:
    """As if it had failed."""
    again = owner.broker.begin(owner.epoch)
    again.send(transaction.writes)
    again.commit()


def _go_on(owner: Owner, transaction: Transaction) -> None:
    """As if it had been committed."""


# -- reading ----------------------------------------------------------------------------------------------------------


def _believe_at_once(owner: Owner, of: PartitionProcessor, first: int, last: int) -> bool:
    """A gap is a gap."""
    return last >= of.expected


def _fold_twice(owner: Owner, of: PartitionProcessor, batch: Batch) -> None:
    """Repeated batches count again."""
    before = of.expected
    owner.asking(lambda: of.fold(batch))
    again = batch.between(0, batch.position_of(before))
    if len(again) and not of.engine.restoring:
        reached = of.engine.progress.next_offset
        owner.asking(lambda: of._keep(of.engine._fold_new(again, of.engine.decoder.decode(again))))
        of.engine.progress.next_offset = reached


def _take_all(owner: Owner, of: PartitionProcessor, first: int, last: int) -> bool:
    """Whatever comes, if nothing is missing before it."""
    return first <= of.expected


def _drop_unknown(owner: Owner, of: PartitionProcessor, batch: Batch) -> None:
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


def _stand_low(watermark: Watermark, times: IntArray) -> IntArray:
    """Nothing is late while records are folded again."""
    return np.full(len(times), LOWEST_MS, np.int64)


def _first_of_oldest(slices: OpenSlices) -> int | None:
    """The first record of the oldest open slice, as if records came in the order of time."""
    start_ms = slices.first_start_ms()
    return None if start_ms is None else slices.at(start_ms).first_offset


def _first_of_newest(eras: Eras) -> int | None:
    """The first record of the slice that was opened last, as if those before were as good as closed."""
    return max((one.first_offset for era in eras for one in era.open), default=None)


_admit: Final = admission.admit


def _forget_ids(*args: Any, again: bool = False) -> Admitted:
    """While records are folded again, their ids are not remembered."""
    admitted = _admit(*args, again=again)
    if again:
        for era in args[3]:
            for one in era.open:
                one._seen.clear()
    return admitted


def _trust(name: bytes, value: bytes) -> framing._Part:
    """A part is what its header says."""
    _, _, number, count, _, whole = framing._HEADER.unpack_from(value)
    return framing._Part(number, count, whole, value[framing._HEADER.size :])


def _join_trusting(row: bytes, parts: dict[int, framing._Part]) -> bytes:
    return b"".join(parts[number].share for number in sorted(parts))


_rebuild: Final = processor._rebuilt


def _tell_again(*args: Any) -> PartitionProcessor:
    """What is rebuilt is told as if it were new."""
    rebuilt = _rebuild(*args)
    rebuilt.engine.silent_until = None
    return rebuilt


def _skip_silently(of: PartitionProcessor, offset: int) -> None:
    of.engine.start_from(offset)


# -- time and standards -----------------------------------------------------------------------------------------------


def _tick_adds(watermark: Watermark, stamp_ms: int) -> None:
    """Each tick is ten seconds."""
    if watermark.lives_in_the_present and watermark.frontier_ms is not None:
        watermark.frontier_ms += LENGTH_MS


def _tick_says(watermark: Watermark, stamp_ms: int) -> None:
    """A tick means its own time, even in a backfill."""
    if watermark.frontier_ms is not None:
        watermark.frontier_ms = max(watermark.frontier_ms, stamp_ms)


def _ceiling_at_once(time_ms: int) -> int:
    """Standards hold from the slice on that is open, although the log has spoken of it."""
    return slice_start(time_ms)


def _nothing(*_: object) -> None:
    pass


def _no_floor(row: PartitionRow) -> dict[str, Any]:
    return {"floor_ms": LOWEST_MS}


def _from_closed(row: PartitionRow) -> dict[str, Any]:
    """The watermark is where the newest closed slice ends."""
    return {"frontier_ms": None if row.frontier_ms is None else row.closed_ms + row.lateness_ms}


def _first_standards(row: PartitionRow) -> dict[str, Any]:
    return {"standards": [Named(-1, FIRST.digest, 0, LOWEST_MS)], "current": 0}


def _no_held(row: PartitionRow) -> dict[str, Any]:
    held: list[Held] = []
    return {"held": held}


def _no_counters(row: PartitionRow) -> dict[str, Any]:
    return {"progress": msgspec.structs.replace(row.progress, records=0, accepted=0, rejected={})}


VARIANTS: Final = (
    Variant(
        "no fencing",
        "an owner's first deed refuses every later write of the one before",
        ((Broker, "require", _accept), (Broker, "init", _leave_open)),
    ),
    Variant(
        "read uncommitted",
        "recovery reads what is committed, and nothing else",
        ((Broker, "read_committed", _read_everything),),
    ),
    Variant(
        "outputs first",
        "outputs and rows are of one transaction",
        ((Owner, "carry_out", _in_turns(_is_output, _is_row)),),
    ),
    Variant(
        "rows first",
        "outputs and rows are of one transaction",
        ((Owner, "carry_out", _in_turns(_is_row, _is_output)),),
    ),
    Variant(
        "partition row apart",
        "the partition row is of the same transaction as the slices",
        ((Owner, "carry_out", _in_turns(_is_no_partition_row, _is_partition_row)),),
    ),
    Variant(
        "partition row ahead",
        "the partition row is of the same transaction as the slices",
        ((Owner, "carry_out", _in_turns(_is_partition_row, _is_no_partition_row)),),
    ),
    Variant(
        "tombstones apart",
        "what is rolled up is deleted in the transaction that carries the sum",
        ((Owner, "carry_out", _in_turns(_is_no_tombstone, _is_tombstone)),),
    ),
    Variant(
        "no tombstones",
        "what is rolled up is deleted in the transaction that carries the sum",
        ((Owner, "carry_out", _in_turns(_is_no_tombstone)),),
    ),
    Variant(
        "retried",
        "an owner who does not know what became of a transaction begins anew",
        ((Owner, "lose_answer", _send_again),),
    ),
    Variant(
        "assumed committed",
        "an owner who does not know what became of a transaction begins anew",
        ((Owner, "lose_answer", _go_on),),
    ),
    Variant(
        "gaps believed at once",
        "a batch that does not begin where it is expected is fetched again",
        ((Owner, "is_expected", _believe_at_once),),
    ),
    Variant(
        "repeated batches counted",
        "records that were folded are cut off",
        ((Owner, "fold", _fold_twice), (Owner, "is_expected", _take_all)),
    ),
    Variant(
        "a batch given up",
        "a batch for which standards are looked up is folded when they are there",
        ((Owner, "fold", _drop_unknown),),
    ),
    Variant(
        "replay into closed slices",
        "what is folded again enters only slices that were open",
        ((Watermark, "stand", _stand_low),),
    ),
    Variant(
        "R is P + 1",
        "the log is read again from the first record that an open slice needs",
        _row(lambda row: {"resume": row.offset + 1}),
        keeps_rows=True,
    ),
    Variant(
        "R of the oldest slice",
        "the log is read again from the first record that any open slice needs",
        ((OpenSlices, "first_offset", _first_of_oldest),),
        keeps_rows=True,
    ),
    Variant(
        "R of the newest slice",
        "the log is read again from the first record that any open slice needs",
        ((Eras, "first_offset", _first_of_newest),),
        keeps_rows=True,
    ),
    Variant(
        "ids forgotten",
        "ids in open slices are had again by reading the log again",
        ((engine, "admit", _forget_ids),),
    ),
    Variant(
        "members forgotten",
        "members of the catalogue are saved",
        (*_row(lambda _: {"members": 0}), (RowWriter, "put_members", _nothing)),
        keeps_rows=True,
    ),
    Variant("breaches forgotten", "the state of decisions is saved", _row(lambda _: {"breaches": []}), keeps_rows=True),
    Variant("watermark worked out", "the watermark is saved", _row(_from_closed), keeps_rows=True),
    Variant(
        "newest event forgotten",
        "the event that ticks count from is saved",
        _row(lambda _: {"newest": None}),
        keeps_rows=True,
    ),
    Variant(
        "floor forgotten",
        "what the watermark had reached when the policy changed is saved",
        _row(_no_floor),
        keeps_rows=True,
    ),
    Variant("probes forgotten", "probes that hold are saved", _row(_no_held), keeps_rows=True),
    Variant("counters forgotten", "counters are saved", _row(_no_counters), keeps_rows=True),
    Variant(
        "standards forgotten", "the standards that the log has named are saved", _row(_first_standards), keeps_rows=True
    ),
    Variant(
        "no checksums",
        "rows that are not as they were written are left out",
        ((framing, "_open_part", _trust), (framing, "_joined", _join_trusting)),
        damages=True,
    ),
    Variant(
        "told while rebuilding",
        "what is rebuilt is not told again",
        ((processor, "_rebuilt", _tell_again),),
        damages=True,
    ),
    Variant(
        "gaps in silence",
        "an audit is told of records that the log has lost",
        ((PartitionProcessor, "skip_to", _skip_silently),),
        lossy=True,
    ),
    Variant(
        "gaps again and again",
        "a gap that was told of is gone over for good",
        _row(lambda row: {"resume": min(row.resume, row.offset + 1)}),
        lossy=True,
        keeps_rows=True,
    ),
    Variant("ticks add up", "a tick that is repeated changes nothing", ((Watermark, "tick", _tick_adds),)),
    Variant("ticks in backfills", "ticks count only in the present", ((Watermark, "tick", _tick_says),)),
    Variant(
        "standards at once",
        "standards hold from the first slice on that the log has not spoken of",
        ((engine, "slice_ceiling", _ceiling_at_once),),
    ),
)
