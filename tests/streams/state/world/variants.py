"""The protocol with one of its rules broken: each of these must be found out by the simulated world."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from unittest import mock

from streams.engine import engine
from streams.engine.eras import Eras
from streams.engine.open_slices import OpenSlices
from streams.engine.watermark import Watermark
from streams.state import framing, processor
from streams.state.processor import PartitionProcessor
from streams.state.rows import RowWriter
from tests.streams.state.world import broken
from tests.streams.state.world.broken import Patch
from tests.streams.state.world.broker import Broker
from tests.streams.state.world.owner import Owner
from tests.streams.state.world.schedule import Schedule


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


VARIANTS: Final = (
    Variant(
        "no fencing",
        "an owner's first deed refuses every later write of the one before",
        ((Broker, "require", broken.accept), (Broker, "init", broken.leave_open)),
    ),
    Variant(
        "read uncommitted",
        "recovery reads what is committed, and nothing else",
        ((Broker, "read_committed", broken.read_everything),),
    ),
    Variant(
        "outputs first",
        "outputs and rows are of one transaction",
        ((Owner, "carry_out", broken.in_turns(broken.is_output, broken.is_row)),),
    ),
    Variant(
        "rows first",
        "outputs and rows are of one transaction",
        ((Owner, "carry_out", broken.in_turns(broken.is_row, broken.is_output)),),
    ),
    Variant(
        "partition row apart",
        "the partition row is of the same transaction as the slices",
        ((Owner, "carry_out", broken.in_turns(broken.is_no_partition_row, broken.is_partition_row)),),
    ),
    Variant(
        "partition row ahead",
        "the partition row is of the same transaction as the slices",
        ((Owner, "carry_out", broken.in_turns(broken.is_partition_row, broken.is_no_partition_row)),),
    ),
    Variant(
        "tombstones apart",
        "what is rolled up is deleted in the transaction that carries the sum",
        ((Owner, "carry_out", broken.in_turns(broken.is_no_tombstone, broken.is_tombstone)),),
    ),
    Variant(
        "no tombstones",
        "what is rolled up is deleted in the transaction that carries the sum",
        ((Owner, "carry_out", broken.in_turns(broken.is_no_tombstone)),),
    ),
    Variant(
        "retried",
        "an owner who does not know what became of a transaction begins anew",
        ((Owner, "lose_answer", broken.send_again),),
    ),
    Variant(
        "assumed committed",
        "an owner who does not know what became of a transaction begins anew",
        ((Owner, "lose_answer", broken.go_on),),
    ),
    Variant(
        "gaps believed at once",
        "a batch that does not begin where it is expected is fetched again",
        ((Owner, "is_expected", broken.believe_at_once),),
    ),
    Variant(
        "repeated batches counted",
        "records that were folded are cut off",
        ((Owner, "fold", broken.fold_twice), (Owner, "is_expected", broken.take_all)),
    ),
    Variant(
        "a batch given up",
        "a batch for which standards are looked up is folded when they are there",
        ((Owner, "fold", broken.drop_unknown),),
    ),
    Variant(
        "replay into closed slices",
        "what is folded again enters only slices that were open",
        ((Watermark, "stand", broken.stand_low),),
    ),
    Variant(
        "R is P + 1",
        "the log is read again from the first record that an open slice needs",
        broken.in_row(lambda row: {"resume": row.offset + 1}),
        keeps_rows=True,
    ),
    Variant(
        "R of the oldest slice",
        "the log is read again from the first record that any open slice needs",
        ((OpenSlices, "first_offset", broken.first_of_oldest),),
        keeps_rows=True,
    ),
    Variant(
        "R of the newest slice",
        "the log is read again from the first record that any open slice needs",
        ((Eras, "first_offset", broken.first_of_newest),),
        keeps_rows=True,
    ),
    Variant(
        "ids forgotten",
        "ids in open slices are had again by reading the log again",
        ((engine, "admit", broken.forget_ids),),
    ),
    Variant(
        "members forgotten",
        "members of the catalogue are saved",
        (*broken.in_row(lambda _: {"members": 0}), (RowWriter, "put_members", broken.nothing)),
        keeps_rows=True,
    ),
    Variant(
        "breaches forgotten",
        "the state of decisions is saved",
        broken.in_row(lambda _: {"breaches": []}),
        keeps_rows=True,
    ),
    Variant("watermark worked out", "the watermark is saved", broken.in_row(broken.from_closed), keeps_rows=True),
    Variant(
        "newest event forgotten",
        "the event that ticks count from is saved",
        broken.in_row(lambda _: {"newest": None}),
        keeps_rows=True,
    ),
    Variant(
        "floor forgotten",
        "what the watermark had reached when the policy changed is saved",
        broken.in_row(broken.no_floor),
        keeps_rows=True,
    ),
    Variant("probes forgotten", "probes that hold are saved", broken.in_row(broken.no_held), keeps_rows=True),
    Variant("counters forgotten", "counters are saved", broken.in_row(broken.no_counters), keeps_rows=True),
    Variant(
        "standards forgotten",
        "the standards that the log has named are saved",
        broken.in_row(broken.first_standards),
        keeps_rows=True,
    ),
    Variant(
        "no checksums",
        "rows that are not as they were written are left out",
        ((framing, "_open_part", broken.trust), (framing, "_joined", broken.join_trusting)),
        damages=True,
    ),
    Variant(
        "told while rebuilding",
        "what is rebuilt is not told again",
        ((processor, "_rebuilt", broken.tell_again),),
        damages=True,
    ),
    Variant(
        "gaps in silence",
        "an audit is told of records that the log has lost",
        ((PartitionProcessor, "skip_to", broken.skip_silently),),
        lossy=True,
    ),
    Variant(
        "gaps again and again",
        "a gap that was told of is gone over for good",
        broken.in_row(lambda row: {"resume": min(row.resume, row.offset + 1)}),
        lossy=True,
        keeps_rows=True,
    ),
    Variant("ticks add up", "a tick that is repeated changes nothing", ((Watermark, "tick", broken.tick_adds),)),
    Variant("ticks in backfills", "ticks count only in the present", ((Watermark, "tick", broken.tick_says),)),
    Variant(
        "standards at once",
        "standards hold from the first slice on that the log has not spoken of",
        ((engine, "slice_ceiling", broken.ceiling_at_once),),
    ),
)
