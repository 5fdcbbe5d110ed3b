"""The engine of one source partition: fold a batch, then advance. The only module that composes the parts.

All results are a function of the partition's log alone, in offset order, record timestamps included. Live agents,
replay and tests call `Engine.fold`, then `Engine.advance`; `streams.state.saving` saves and restores engines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from streams.calendars.periods import Window
from streams.decisions.breaches import Decision, OpenBreach
from streams.decoding.batch import Batch, LastRecord
from streams.decoding.columns import BatchContent
from streams.decoding.dead_letters import DeadLetter, dead_letters
from streams.decoding.decode import Rejection
from streams.derivers.timelines import Timelines
from streams.engine.admission import Admitted, admit
from streams.engine.closing import Advanced, Closing
from streams.engine.decoder import Decoder
from streams.engine.eras import Era, Eras, bring_objectives
from streams.engine.progress import Notice, NoticeType, Progress, SavedPoint
from streams.engine.standards_log import BEGINNING_MS, Named, ProposedStandards, StandardsLog
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy, Watermark
from streams.events import control_records
from streams.events.event import ControlRecord
from streams.routing.series_catalogue import SeriesCatalogue
from streams.slices.slice import Slice, slice_ceiling, slice_start
from streams.standards.model import Standards
from streams.views.levels import Reading


class Engine:
    """Slices, windows and decisions of one source partition."""

    def __init__(
        self, start: Start, standards_log: StandardsLog | None = None, catalogue: SeriesCatalogue | None = None
    ) -> None:
        """Start before the first record of a partition.

        Args:
            start: the engine's parameters.
            standards_log: the standards that the log has named so far; by default those of ``start`` alone.
            catalogue: the saved catalogue; None: begin with the objectives of the first standards.

        Raises:
            KeyError: the catalogue lacks an objective.
        """
        self.progress = Progress(start.source, start.partition)
        self.saved: SavedPoint | None = None  # state that it was restored from
        self.policy = start.policy or TimePolicy()
        self.standards_log = standards_log or StandardsLog.begin(start.source, start.book, start.standards)
        self.decoder = Decoder(self.standards_log, self.progress)
        if catalogue is None:
            catalogue = SeriesCatalogue(start.caps)
            bring_objectives(catalogue, self.standards_log.of(self.standards_log.named[0]))
        self.catalogue = catalogue
        self.eras = Eras.of(self.standards_log, self.catalogue, self.decoder.names)
        self.watermark = Watermark(self.policy_of(self.eras.newest.standards))
        self.timelines = Timelines()
        self.closing = Closing(self.eras, self.catalogue, self.timelines)
        self.first_ms: int | None = None  # start of the oldest slice that anything entered
        self.notices: list[Notice] = []
        self._ahead: list[Advanced] = []  # results of a batch so far that contains proposals
        self.first: int | None = None  # offset of the first record ever folded
        self.resume: int | None = None  # next offset to fold again; None: nothing is folded again
        self.silent_until: int | None = None  # results up to this offset were published before
        self.reported: tuple[OpenBreach, ...] = ()  # breaches that those results left open
        self.last: LastRecord | None = None  # the last record folded
        self.dirty = False  # something became final, or is to be noticed, that is not saved

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def standards(self) -> Standards:
        """The standards in force."""
        return self.eras.now.standards

    @property
    def latest_standards(self) -> ProposedStandards:
        """The newest standards that the log names, in force or about to be."""
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
    def restoring(self) -> bool:
        """Whether records are being folded again, so that figures are incomplete."""
        return self.resume is not None or self.silent_until is not None

    @property
    def tickable(self) -> bool:
        """Whether a tick would count."""
        return self.watermark.lives_in_the_present

    def read(self, window: Window, *, ended: bool = False) -> Reading:
        """Figures over ``window`` up to the newest accepted event time, open slices included.

        ``ended``: the log is finite and ends here, so probes count until they run out. Only the figures are affected:
        the engine does not change, and more records may follow.
        """
        frontier_ms, breaches = self.watermark.frontier_ms, self.closing.decisions.breached_since
        return self.closing.reader.window(
            window, self.closing.closed_ms, self.closing.final_ms, frontier_ms, breaches, ended=ended
        )

    def cumulative(self, *, ended: bool = False) -> Reading:
        """Figures since the beginning of the log, open slices included; ``ended`` as in `read`."""
        breaches = self.closing.decisions.breached_since
        return self.closing.reader.cumulative(self.first_ms, self.progress.newest_ms, breaches, ended=ended)

    @property
    def never_found(self) -> list[str]:
        """Paths of the topic's mapping that no record has had."""
        return self.decoder.never_found

    def policy_of(self, standards: Standards) -> TimePolicy:
        """The time policy, with the lateness that ``standards`` allow for this source."""
        lateness_ms = standards.lateness_ms.get(self.progress.source, self.policy.lateness_ms)
        return TimePolicy(lateness_ms, self.policy.max_ahead_ms)

    # -- fold -----------------------------------------------------------------------------------------------------

    def fold(self, batch: Batch) -> list[DeadLetter]:
        """Fold the next batch of the log; every record is counted, ignored or returned as a dead letter.

        Records that were folded before are skipped. No content of a record raises.

        Raises:
            StandardsNeeded: nothing has changed; fetch the standards, then fold the same batch again.
        """
        batch = batch.between(batch.position_of(self.expected or 0), len(batch))
        if not len(batch):
            return []
        self.decoder.names.begin()
        border = self.silent_until + 1 if self.silent_until is not None else self.progress.next_offset
        cut = batch.position_of(border) if self.restoring and border is not None else 0
        before, new = batch.between(0, cut), batch.between(cut, len(batch))
        if self.silent_until is not None:  # first, since its proposals may change how new records decode
            self._fold_silently(before, self.decoder.decode_known(before))
        content = self.decoder.decode_known(new)
        if self.resume is not None:
            self._fold_again(before)
        return self._fold_new(new, content)

    def start_from(self, offset: int) -> None:
        """Go on at ``offset``; the log has no records between."""
        if self.resume is not None:
            self.resume = max(offset, self.resume)
            self.go_on()
        if self.resume is None:
            self.progress.next_offset = max(offset, self.progress.next_offset or 0)

    def _fold_new(self, batch: Batch, content: BatchContent) -> list[DeadLetter]:
        """Fold records that were never folded before. Records after a proposal may decode differently."""
        if not len(batch):
            return []
        borders = [position + 1 for position, _ in content.proposals()]
        if borders in ([], [len(batch)]):
            return self._fold_part(batch, content)
        letters: list[DeadLetter] = []
        for first, after in itertools.pairwise(sorted({0, *borders, len(batch)})):
            part = batch.between(first, after)
            # The recursion ends: under any standards a proposal is found by the first decoding or the second.
            letters += self._fold_new(part, self.decoder.decode(part))
            self._ahead.append(self._advance())
        return letters

    def _fold_part(self, batch: Batch, content: BatchContent) -> list[DeadLetter]:
        """Fold records of which at most the last is a proposal."""
        rejected, paths = list(content.rejected), self.decoder.paths
        for observations, position, record in content.runs():
            if len(observations):
                admitted = admit(batch, observations, self.watermark, self.eras)
                self.eras.place(admitted.observations, batch.offsets)
                self._note_admitted(admitted)
                rejected += admitted.rejected
            if record is not None:
                if record.type == control_records.STANDARDS:  # keep results in log order
                    self._ahead.append(self._advance())
                self._apply(record, int(batch.offsets[position]), int(batch.timestamps[position]))
        self._note(batch, content, rejected)
        if self.decoder.paths != paths:
            self.progress.mapped = 0  # counts for the new mapping start at zero
        return dead_letters(batch, rejected)

    def _note_admitted(self, admitted: Admitted) -> None:
        progress = self.progress
        progress.accepted += len(admitted.observations)
        progress.duplicates += admitted.duplicates
        progress.overflowed.update(self.eras.overflowed())
        if admitted.newest_ms is not None:
            progress.newest_ms = max(admitted.newest_ms, progress.newest_ms or 0)
        if len(admitted.observations):
            first_ms = slice_start(int(admitted.observations.times_ms.min()))
            self.first_ms = first_ms if self.first_ms is None else min(first_ms, self.first_ms)

    def _note(self, batch: Batch, content: BatchContent, rejected: Sequence[Rejection]) -> None:
        self.progress.note(batch, content, rejected)
        self.progress.watermark_ms = self.watermark.value_ms
        self.progress.open_slices = self.eras.open_slices
        self.first = int(batch.offsets[0]) if self.first is None else self.first
        self.last = LastRecord.of(batch)

    # -- control records ------------------------------------------------------------------------------------------

    def _apply(self, record: ControlRecord, offset: int, stamp_ms: int) -> None:
        if record.type == control_records.TICK:
            self.watermark.tick(stamp_ms)
        elif record.type == control_records.STANDARDS and record.hash != self.latest_standards.hash:
            standards = self.standards_log.look_up(record.hash)
            if standards is None:
                self.notice(Notice(NoticeType.STANDARDS, offset, None, {"hash": record.hash, "change": "unknown"}))
            else:
                self._propose(record, offset, standards)

    def _propose(self, record: ControlRecord, offset: int, standards: Standards) -> None:
        """Let ``standards`` hold from the first slice after every event time in the log so far."""
        frontier_ms = self.watermark.frontier_ms
        if frontier_ms is None:
            start_ms = BEGINNING_MS
        else:
            start_ms = slice_ceiling(max(frontier_ms, self.progress.newest_ms or 0) + 1)
        self.standards_log.named.append(Named(offset, record.hash, record.proposed, start_ms))
        self.catalogue.go_to(offset)
        replaced = self.eras.drop_replaced(start_ms)
        self.eras.add(Era.follow(self.eras.newest.standards, standards, start_ms, self.catalogue, self.decoder.names))
        if replaced:
            detail = {"hash": replaced.standards.digest, "change": "replaced"}
            self.notice(Notice(NoticeType.STANDARDS, offset, start_ms, detail))
        self.watermark.change(self.policy_of(standards), offset + 1)
        self.notice(Notice(NoticeType.STANDARDS, offset, start_ms, {"hash": record.hash, "change": "proposed"}))

    def notice(self, notice: Notice) -> None:
        """Return ``notice`` with the next advance."""
        self.notices.append(notice)
        self.dirty = True

    # -- records folded before ------------------------------------------------------------------------------------

    def _fold_again(self, batch: Batch) -> None:
        """Fill only the slices that were open when the state was saved."""
        for piece, observations in self.decoder.decode_again(batch):
            admitted = admit(piece, observations, self.watermark, self.eras, again=True)
            self.eras.place(admitted.observations, piece.offsets)
        self.eras.overflowed()
        # An empty part means that the batch begins after the records to fold again: the log has lost them.
        self.resume = int(batch.offsets[-1]) + 1 if len(batch) else self.progress.next_offset
        self.go_on()

    def go_on(self) -> None:
        """Begin to fold new records, once no more are to be folded again."""
        if self.resume is None or self.resume < (self.progress.next_offset or 0):
            return
        self.resume = None
        self.progress.open_slices = self.eras.open_slices
        policy = self.policy_of(self.eras.newest.standards)
        if policy != self.watermark.policy:
            self.watermark.change(policy, self.progress.next_offset or 0)
            detail = {"lateness_ms": policy.lateness_ms, "max_ahead_ms": policy.max_ahead_ms}
            self.notice(Notice(NoticeType.POLICY, self.progress.next_offset or 0, None, detail))

    def _fold_silently(self, batch: Batch, content: BatchContent) -> None:
        """Fold records that the saved state included before it was damaged; drop results that were published before."""
        assert self.silent_until is not None
        self._fold_new(batch, content)
        self._advance()
        self._ahead.clear()
        if not len(batch) or int(batch.offsets[-1]) >= self.silent_until:
            self.silent_until = None
            self.correct(self.reported)

    def correct(self, reported: Iterable[OpenBreach]) -> None:
        """Decide with the next advance how the open breaches differ from those that were ``reported``."""
        watermark_ms = self.watermark.value_ms
        if watermark_ms is not None:
            decisions = tuple(self.closing.decisions.correct(reported, slice_start(watermark_ms)))
            self._ahead.append(Advanced(decisions=decisions))
            self.dirty = self.dirty or bool(decisions)

    # -- advance --------------------------------------------------------------------------------------------------

    def advance(self) -> Advanced:
        """Close every slice that the watermark has passed, in order, and decide at each end."""
        if self.restoring:
            return Advanced()
        ahead, self._ahead = [*self._ahead, self._advance()], []
        return Advanced.joined(ahead)

    def _advance(self) -> Advanced:
        slices: list[Slice] = []
        decisions: list[Decision] = []
        watermark_ms, closed_ms = self.watermark.value_ms, self.closing.closed_ms
        limit_ms = BEGINNING_MS if watermark_ms is None else slice_start(watermark_ms)
        while (following := self.eras.next) and following.start_ms <= limit_ms:
            self.closing.close_to(following.start_ms, slices, decisions)
            decisions += self._turn(following)
        if watermark_ms is not None:
            self.closing.close_to(limit_ms, slices, decisions)
            self.closing.final_ms = limit_ms
        self.progress.open_slices = self.eras.open_slices
        self.dirty = self.dirty or bool(decisions) or closed_ms != self.closing.closed_ms
        notices, self.notices = self.notices, []
        return Advanced(tuple(slices), tuple(decisions), tuple(notices))

    def _turn(self, following: Era) -> list[Decision]:
        """Put ``following`` in force at its start, up to which everything is closed."""
        decisions = self.closing.turn(following)
        detail = {"hash": following.standards.digest, "change": "in force"}
        self.notice(Notice(NoticeType.STANDARDS, self.standards_log.turn().offset, following.start_ms, detail))
        return decisions

    # -- saving ---------------------------------------------------------------------------------------------------

    def mark_saved(self) -> None:
        """Note that everything so far is being saved."""
        self.dirty = False

    def snapshot(self) -> SavedPoint:
        """Saved state of the engine itself; its parts have their own. At least one record was folded."""
        assert self.last is not None, "nothing was folded"
        assert self.first is not None, "nothing was folded"
        reached = max(self.last.offset + 1, self.progress.next_offset or 0)
        first_open = self.eras.first_offset()
        resume = reached if first_open is None else first_open
        offset, timestamp_ms, digest = self.last
        return SavedPoint(offset, digest, timestamp_ms, reached, resume, self.first, self.first_ms)

    def restore(self, saved: SavedPoint) -> None:
        """Go on from ``saved``, after the parts were restored: fold records of open slices again, then new ones."""
        self.saved, self.last = saved, saved.last
        self.first, self.first_ms, self.resume = saved.first, saved.first_ms, saved.resume
        self.progress.next_offset = saved.reached
        self.progress.watermark_ms = self.watermark.value_ms
        self.catalogue.go_back(saved.resume)

    def rebuild(self, saved: SavedPoint, reported: tuple[OpenBreach, ...]) -> None:
        """Fold the log from its first record; results up to ``saved`` were published and left ``reported`` open."""
        self.saved, self.silent_until, self.reported = saved, saved.offset, reported
