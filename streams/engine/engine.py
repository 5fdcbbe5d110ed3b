"""The engine of one source partition: fold a batch, then advance. The only place where the parts are composed.

Everything it concludes is a function of the partition's log alone, in offset order, record timestamps included.
Live agents, replay and tests call `Engine.fold` and `Engine.advance`, and nothing else in between; where state is
saved, `Engine.take` follows, and `restore` of `streams.state.saving` begins.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from streams.calendars.periods import Window
from streams.decisions.breaches import Decision, Decisions
from streams.decoding.batch import Batch, LastRecord
from streams.decoding.columns import Content, read_batch
from streams.decoding.dead_letters import DeadLetter, dead_letters
from streams.decoding.decode import Rejection
from streams.decoding.key_dictionary import Names
from streams.derivers.timelines import Timelines
from streams.engine.admission import Admitted, admit
from streams.engine.eras import Era, Eras
from streams.engine.open_slices import OpenSlice, contents
from streams.engine.progress import Notice, NoticeType, Progress, SavedPoint
from streams.engine.reader import Reader
from streams.engine.standards_log import BEGINNING_MS, Book, Named, ProposedStandards, StandardsLog, StandardsNeeded
from streams.engine.watermark import TimePolicy, Watermark
from streams.events import control_records
from streams.events.event import Control
from streams.mappings.mapping import Mapper
from streams.mappings.paths import Path
from streams.routing.series_catalogue import Caps, Catalogue, Member
from streams.slices import history
from streams.slices.history import Grid, histories
from streams.slices.slice import LENGTH_MS, Counts, Distributions, Slice, slice_ceiling, slice_start
from streams.standards.model import Standards
from streams.state import saving
from streams.state.framing import Row
from streams.state.rows import Writer
from streams.views.levels import Reading

__all__ = ["Advanced", "Caps", "DeadLetter", "Engine", "Notice", "NoticeType", "Progress", "StandardsNeeded"]

#: Most slices closed in one go. It bounds memory where a probe holds long; results do not depend on it.
_RUN: Final = 1_024


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became final: closed slices in the order of time, the decisions taken at their ends, and what to audit."""

    slices: tuple[Slice, ...] = ()
    decisions: tuple[Decision, ...] = ()
    notices: tuple[Notice, ...] = ()


class Engine:
    """Slices, windows and decisions of one source partition."""

    def __init__(
        self,
        standards: Standards,
        *,
        source: str,
        partition: int,
        policy: TimePolicy | None = None,
        book: Book | None = None,
        caps: Caps | None = None,
        standards_log: StandardsLog | None = None,
        members: Sequence[Member] | None = None,
    ) -> None:
        """Start before the first record of ``partition`` of ``source``.

        Args:
            standards: that hold until the log names others.
            source: the topic.
            partition: its number.
            policy: of time, where the standards do not say otherwise.
            book: of the standards that the log names.
            caps: of names that no standards declare.
            standards_log: with what the log has named so far; by default nothing.
            members: of the catalogue that was saved; None: nothing was.

        Raises:
            KeyError: the members lack an objective.
        """
        self.progress = Progress(source, partition)
        self.saved: SavedPoint | None = None  # what it was restored from
        self.policy = policy or TimePolicy()
        self.standards_log = standards_log or StandardsLog.begin(source, book, standards)
        self.names, self.catalogue = Names(), Catalogue(caps, members or ())
        self.eras = Eras(self._first_era() if members is None else self._saved_eras())
        self.watermark = Watermark(self.policy_of(self.eras.newest.standards))
        self.timelines = Timelines()
        self.counts, self.distributions = histories(Grid(standards.timezone), history.RETENTION_MS)
        self.distributions.retention_ms = history.distribution_retention_ms(self.standards)
        self.beyond = Counts(), Distributions()  # the sum of what is past retention
        self.decisions = Decisions(standards, self.eras.now.router.objectives, self.counts)
        self.reader = Reader(self.eras, self.catalogue, self.timelines, self.counts, self.distributions)
        self.first_ms: int | None = None  # start of the oldest slice that anything entered
        self.closed_ms = 0  # end of the newest closed slice in which something entered or held
        self.final_ms = 0  # end of the newest slice that is final, whatever it holds
        self.notices: list[Notice] = []
        self._ahead: list[Advanced] = []  # what a batch with proposals in it has led to so far
        self.first: int | None = None  # offset of the first record ever folded
        self.resume: int | None = None  # where the log is to be read on, while records are folded again
        self.mute_to: int | None = None  # what follows from records up to there has been told before
        self.told: dict[tuple[str, str], int] = {}  # breaches that this has left open, by their beginnings
        self.last: LastRecord | None = None  # the last record folded
        self.writer, self.unsaved, self.saved_members = Writer(), False, len(members or ())

    def _first_era(self) -> list[Era]:
        return [
            Era.follow(
                None, self.standards_log.of(self.standards_log.named[0]), BEGINNING_MS, self.catalogue, self.names
            )
        ]

    def _saved_eras(self) -> list[Era]:
        log = self.standards_log
        return [
            Era.begin(log.of(named), named.start_ms, self.catalogue, self.names, log.replaced_at(named))
            for named in log.in_use
        ]

    # -- what others ask ------------------------------------------------------------------------------------------

    @property
    def standards(self) -> Standards:
        """The standards in force."""
        return self.eras.now.standards

    @property
    def latest_standards(self) -> ProposedStandards:
        """The newest standards, in force or about to be."""
        return self.standards_log.latest

    @property
    def standards_history(self) -> frozenset[str]:
        """Digests of all standards that the log has named."""
        return frozenset(named.hash for named in self.standards_log.named)

    @property
    def expected(self) -> int | None:
        """Offset of the next record to fold; None: the log's first."""
        return self.progress.next_offset if self.resume is None else self.resume

    @property
    def replaying(self) -> bool:
        """Whether records are being folded again, so that figures are not complete."""
        return self.resume is not None or self.mute_to is not None

    @property
    def needs_saving(self) -> bool:
        """Whether something became final that has not been taken."""
        return self.unsaved and not self.replaying

    @property
    def tickable(self) -> bool:
        """Whether a tick would count."""
        return self.watermark.lives_in_the_present

    def read(self, window: Window, *, ended: bool = False) -> Reading:
        """Figures over ``window`` as at the newest believed event time, open slices included.

        ``ended``: the log is finite and this is its end, which is the end of probes, too: they count to the end of
        what they claim. Figures alone end by it; the engine stays as it is, and more may follow.
        """
        frontier_ms, breaches = self.watermark.frontier_ms, self.decisions.breached_since
        return self.reader.window(window, self.closed_ms, self.final_ms, frontier_ms, breaches, ended=ended)

    def cumulative(self, *, ended: bool = False) -> Reading:
        """Figures since the beginning of the log, open slices included; ``ended`` as in `read`."""
        breaches = self.decisions.breached_since
        return self.reader.cumulative(self.first_ms, self.progress.newest_ms, breaches, ended=ended)

    @property
    def never_found(self) -> list[str]:
        """Paths of the topic's mapping that no record has had."""
        return list(map(str, self._sought(self.standards_log.mapper()))) if self.progress.mapped else []

    def policy_of(self, standards: Standards) -> TimePolicy:
        """The policy of time, with the lateness that ``standards`` allow for this source."""
        lateness_ms = standards.lateness_ms.get(self.progress.source, self.policy.lateness_ms)
        return TimePolicy(lateness_ms, self.policy.max_ahead_ms)

    # -- fold -----------------------------------------------------------------------------------------------------

    def fold(self, batch: Batch) -> list[DeadLetter]:
        """Take in a batch, in log order; every record is counted, ignored or returned as a dead letter.

        Records that were folded before are cut off. Nothing that a record contains raises.

        Raises:
            StandardsNeeded: see there; fold the same batch again.
        """
        batch = batch.between(batch.position_of(self.expected or 0), len(batch))
        if not len(batch):
            return []
        self.names.begin()
        border = self.mute_to + 1 if self.mute_to is not None else self.progress.next_offset
        cut = batch.position_of(border) if self.replaying and border is not None else 0
        before, new = batch.between(0, cut), batch.between(cut, len(batch))
        if self.mute_to is not None:  # they are obeyed too, so that what is new may decode differently behind them
            self._fold_muted(before, self._decode_known(before))
        content = self._decode_known(new)
        if self.resume is not None:
            self._fold_again(before)
        return self._fold_new(new, content)

    def start_from(self, offset: int) -> None:
        """Go on at ``offset``, for the log has nothing of what lies between here and there."""
        if self.resume is not None:
            self.resume = max(offset, self.resume)
            self.go_on()
        if self.resume is None:
            self.progress.next_offset = max(offset, self.progress.next_offset or 0)

    def _fold_new(self, batch: Batch, content: Content) -> list[DeadLetter]:
        """Fold records that were never folded before; what follows a proposal may decode differently."""
        if not len(batch):
            return []
        borders = [position + 1 for position, _ in content.proposals()]
        if borders in ([], [len(batch)]):
            return self._fold_part(batch, content)
        letters: list[DeadLetter] = []
        for first, after in itertools.pairwise(sorted({0, *borders, len(batch)})):
            part = batch.between(first, after)
            # Not endless: whatever the standards, a proposal is found at the first look or at the second.
            letters += self._fold_new(part, self._decode(part))
            self._ahead.append(self._advance())
        return letters

    def _fold_part(self, batch: Batch, content: Content) -> list[DeadLetter]:
        """Fold records of which at most the last is a proposal."""
        rejected, paths = list(content.rejected), self._paths
        for observations, position, record in content.runs():
            if len(observations):
                admitted = admit(batch, observations, self.watermark, self.eras)
                self.eras.place(admitted.observations, batch.offsets)
                self._note_admitted(admitted)
                rejected += admitted.rejected
            if record is not None:
                if record.type == control_records.STANDARDS:  # what is told keeps the order of the log
                    self._ahead.append(self._advance())
                self._obey(record, int(batch.offsets[position]), int(batch.timestamps[position]))
        self._note(batch, content, rejected)
        if self._paths != paths:
            self.progress.mapped = 0  # of another mapping nothing is known yet
        return dead_letters(batch, rejected)

    def _decode(self, batch: Batch) -> Content:
        mapper = self.standards_log.mapper()
        return read_batch(batch.values, self.names, mapper, self._sought(mapper))

    @property
    def _paths(self) -> tuple[Path, ...]:
        mapper = self.standards_log.mapper()
        return mapper.paths if mapper else ()

    def _sought(self, mapper: Mapper | None) -> list[Path]:
        found = self.progress.found
        return [path for path in mapper.paths if str(path) not in found] if mapper else []

    def _decode_known(self, batch: Batch) -> Content:
        """Decode ``batch``, whose standards are all looked up before anything moves. Raises `StandardsNeeded`."""
        content = self._decode(batch)
        for _, proposal in content.proposals():
            self.standards_log.look_up(proposal.hash)
        return content

    def _note_admitted(self, admitted: Admitted) -> None:
        progress = self.progress
        progress.accepted += len(admitted.observations)
        progress.duplicates += admitted.duplicates
        progress.folded.update(self.eras.folded())
        if admitted.newest_ms is not None:
            progress.newest_ms = max(admitted.newest_ms, progress.newest_ms or 0)
        if len(admitted.observations):
            first_ms = slice_start(int(admitted.observations.times_ms.min()))
            self.first_ms = first_ms if self.first_ms is None else min(first_ms, self.first_ms)

    def _note(self, batch: Batch, content: Content, rejected: Sequence[Rejection]) -> None:
        self.progress.note(batch, content, rejected)
        self.progress.watermark_ms = self.watermark.value_ms
        self.progress.open_slices = self.eras.open_slices
        self.first = int(batch.offsets[0]) if self.first is None else self.first
        self.last = LastRecord.of(batch)

    # -- control records ------------------------------------------------------------------------------------------

    def _obey(self, record: Control, offset: int, stamp_ms: int) -> None:
        if record.type == control_records.TICK:
            self.watermark.tick(stamp_ms)
        elif record.type == control_records.STANDARDS and record.hash != self.latest_standards.hash:
            standards = self.standards_log.look_up(record.hash)
            if standards is None:
                self.notice(Notice(NoticeType.STANDARDS, offset, None, {"hash": record.hash, "change": "unknown"}))
            else:
                self._propose(record, offset, standards)

    def _propose(self, record: Control, offset: int, standards: Standards) -> None:
        """Let ``standards`` hold from the first slice on that the log has not spoken of yet."""
        frontier_ms = self.watermark.frontier_ms
        if frontier_ms is None:
            start_ms = BEGINNING_MS
        else:
            start_ms = slice_ceiling(max(frontier_ms, self.progress.newest_ms or 0) + 1)
        self.standards_log.named.append(Named(offset, record.hash, record.proposed, start_ms))
        self.catalogue.go_to(offset)
        replaced = self.eras.drop_replaced(start_ms)
        self.eras.add(Era.follow(self.eras.newest.standards, standards, start_ms, self.catalogue, self.names))
        if replaced:
            detail = {"hash": replaced.standards.digest, "change": "replaced"}
            self.notice(Notice(NoticeType.STANDARDS, offset, start_ms, detail))
        self.watermark.change(self.policy_of(standards), offset + 1)
        self.notice(Notice(NoticeType.STANDARDS, offset, start_ms, {"hash": record.hash, "change": "proposed"}))

    def notice(self, notice: Notice) -> None:
        """Tell of ``notice`` with the next advance."""
        self.notices.append(notice)
        self.unsaved = True

    # -- records folded before ------------------------------------------------------------------------------------

    def _fold_again(self, batch: Batch) -> None:
        """Rebuild what was open behind the last record that saved state includes, and nothing else."""
        log = self.standards_log
        # All are looked up before anything moves: the batch comes again where one is not there yet.
        for mapper, piece in [(log.mapper(named), piece) for named, piece in log.pieces(batch)]:
            observations = read_batch(piece.values, self.names, mapper).observations
            admitted = admit(piece, observations, self.watermark, self.eras, again=True)
            self.eras.place(admitted.observations, piece.offsets)
        self.eras.folded()
        # Where the batch goes on behind them, whatever was to come before has come.
        self.resume = int(batch.offsets[-1]) + 1 if len(batch) else self.progress.next_offset
        self.go_on()

    def go_on(self) -> None:
        """Begin to fold what is new, if nothing is to be folded again any more."""
        if self.resume is None or self.resume < (self.progress.next_offset or 0):
            return
        self.resume = None
        self.progress.open_slices = self.eras.open_slices
        policy = self.policy_of(self.eras.newest.standards)
        if policy != self.watermark.policy:
            self.watermark.change(policy, self.progress.next_offset or 0)
            detail = {"lateness_ms": policy.lateness_ms, "max_ahead_ms": policy.max_ahead_ms}
            self.notice(Notice(NoticeType.POLICY, self.progress.next_offset or 0, None, detail))

    def _fold_muted(self, batch: Batch, content: Content) -> None:
        """Fold records that saved state included before it was damaged: nothing is told twice."""
        assert self.mute_to is not None
        self._fold_new(batch, content)
        self._advance()
        self._ahead.clear()
        if not len(batch) or int(batch.offsets[-1]) >= self.mute_to:
            self.mute_to = None
            self.correct(self.told)

    def correct(self, told: Mapping[tuple[str, str], int]) -> None:
        """Tell with the next advance how the breaches that there are differ from those that were ``told`` of."""
        watermark_ms = self.watermark.value_ms
        if watermark_ms is not None:
            decisions = tuple(self.decisions.correct(told, slice_start(watermark_ms)))
            self._ahead.append(Advanced(decisions=decisions))
            self.unsaved = self.unsaved or bool(decisions)

    # -- advance --------------------------------------------------------------------------------------------------

    def advance(self) -> Advanced:
        """Close every slice that the watermark has passed, in order, and decide at each end."""
        if self.replaying:
            return Advanced()
        ahead, self._ahead = [*self._ahead, self._advance()], []
        return Advanced(
            tuple(one for each in ahead for one in each.slices),
            tuple(one for each in ahead for one in each.decisions),
            tuple(one for each in ahead for one in each.notices),
        )

    def _advance(self) -> Advanced:
        slices: list[Slice] = []
        decisions: list[Decision] = []
        watermark_ms = self.watermark.value_ms
        limit_ms = BEGINNING_MS if watermark_ms is None else slice_start(watermark_ms)
        while (following := self.eras.next) and following.start_ms <= limit_ms:
            self._close_to(following.start_ms, slices, decisions)
            decisions += self._turn(following)
        if watermark_ms is not None:
            self._close_to(limit_ms, slices, decisions)
            self.final_ms = limit_ms
        self.progress.open_slices = self.eras.open_slices
        self.unsaved = self.unsaved or bool(slices or decisions)
        notices, self.notices = self.notices, []
        return Advanced(tuple(slices), tuple(decisions), tuple(notices))

    def _close_to(self, limit_ms: int, slices: list[Slice], decisions: list[Decision]) -> None:
        """Close what ends by ``limit_ms``, and judge what leaves windows until then."""
        final = self._final(limit_ms)
        while run := list(islice(final, _RUN)):
            slices += self._close(run, decisions)
        decisions += self.decisions.pass_to(limit_ms)

    def _turn(self, following: Era) -> list[Decision]:
        """Let ``following`` be in force at its start, up to which everything is closed."""
        earlier, start_ms = self.standards, following.start_ms
        if start_ms > BEGINNING_MS:
            self._roll_up(start_ms)
        self.eras.turn()
        self.distributions.retention_ms = history.distribution_retention_ms(following.standards)
        if following.standards.timezone != earlier.timezone:
            grid = Grid(following.standards.timezone)
            self.counts.change_grid(grid)
            self.distributions.change_grid(grid)
        self.reader.start_anew()
        decisions = Decisions(following.standards, following.router.objectives, self.counts)
        changed = list(decisions.succeed(self.decisions, start_ms)) if start_ms > BEGINNING_MS else []
        self.decisions = decisions
        detail = {"hash": following.standards.digest, "change": "in force"}
        self.notice(Notice(NoticeType.STANDARDS, self.standards_log.turn().offset, start_ms, detail))
        return changed

    def _final(self, limit_ms: int) -> Iterator[OpenSlice]:
        """Take out the slices that end by ``limit_ms``, in order: those in which something entered or still holds."""
        era = self.eras.now
        while True:
            starts = (era.open.first_start_ms(), self.timelines.next_start_ms)
            start_ms = min((start for start in starts if start is not None), default=limit_ms)
            if start_ms + LENGTH_MS > limit_ms:
                return
            closing = era.open.close(start_ms)
            era.observe(closing, self.timelines)
            yield closing

    def _close(self, run: Sequence[OpenSlice], decisions: list[Decision]) -> list[Slice]:
        """Close consecutive slices: keep what they hold, decide at the end of each."""
        closed = [
            Slice(closing.start_ms, closing.end_ms, counts, distributions)
            for closing, counts, distributions in zip(run, *contents(self.eras.now.router, run), strict=True)
            if len(counts.ratios) or len(counts.sums)
        ]
        for one in closed:
            decisions += self.decisions.pass_to(one.end_ms - 1)
            self.counts.append(one.start_ms, one.counts)
            self.distributions.append(one.start_ms, one.distributions)
            decisions += self.decisions.decide(one.end_ms, one.counts)
        self.reader.close(closed)
        self.closed_ms = run[-1].end_ms
        self.unsaved = True
        decisions += self.decisions.pass_to(self.closed_ms)  # before roll-up joins what leaves windows apart
        self._roll_up(self.closed_ms)
        return closed

    def _roll_up(self, now_ms: int) -> None:
        self.counts.roll_up(now_ms)
        self.distributions.roll_up(now_ms)
        counts, self.counts.forgotten = self.counts.forgotten, []
        distributions, self.distributions.forgotten = self.distributions.forgotten, []
        if counts or distributions:
            self.beyond = Counts.add([self.beyond[0], *counts]), Distributions.add([self.beyond[1], *distributions])

    # -- saving ---------------------------------------------------------------------------------------------------

    def take(self) -> list[Row]:
        """Rows for everything that has changed since the last take, the partition row last.

        Call it behind `advance`, once something was folded, and not while `replaying`.
        """
        assert not self.replaying, "what is being folded again is saved"
        rows = saving.rows(self, self.saved_members)
        self.saved_members, self.unsaved = len(self.catalogue.members), False
        return rows
