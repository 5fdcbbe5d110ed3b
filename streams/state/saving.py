"""Save an engine as rows, and make an engine from saved rows.

`Saver.take` gives the rows that changed. `restore` makes the engine again, which reads its log on from the first record
of an open slice. `rebuild`, for damaged rows, makes one that reads the log from its first record. The parts of the
engine give and take their own saved state; this module only collects it into rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from streams.decisions.breaches import OpenBreach
from streams.derivers.timelines import SavedTimelines
from streams.engine.closing import ClosedSlices, SavedClosing
from streams.engine.engine import Engine
from streams.engine.progress import Notice, NoticeType, SavedPoint
from streams.engine.standards_log import SavedStandards, StandardsLog, StandardsLost
from streams.engine.start import Start
from streams.engine.watermark import Limit, NewestEvent, SavedWatermark
from streams.routing.series_catalogue import SeriesCatalogue
from streams.state.framing import StateRow, assemble
from streams.state.older_state import Migrated, migrated
from streams.state.rows import (
    COUNTS,
    DISTRIBUTIONS,
    FORMAT,
    QUARANTINE,
    Loaded,
    PartitionRow,
    RowWriter,
    StateUnusable,
    load,
    peek,
)


class Saver:
    """Turns the changes of one engine since it was last saved into rows."""

    def __init__(self, writer: RowWriter | None = None, saved_members: int = 0) -> None:
        """Start with nothing saved, or with the rows that ``writer`` knows and the first ``saved_members`` members."""
        self._writer = writer or RowWriter()
        self._saved_members = saved_members

    def take(self, engine: Engine) -> list[StateRow]:
        """Rows for all changes since the last take, the partition row last.

        Call it after `Engine.advance`, once a record was folded, and not while `Engine.restoring`.
        """
        assert not engine.restoring, "what is being folded again is saved"
        writer, closing = self._writer, engine.closing
        writer.put_slices(COUNTS, closing.counts)
        writer.put_slices(DISTRIBUTIONS, closing.distributions)
        writer.put_beyond(COUNTS, closing.beyond[0], closing.counts.forgotten_ms)
        writer.put_beyond(DISTRIBUTIONS, closing.beyond[1], closing.distributions.forgotten_ms)
        writer.put_members(engine.catalogue.members, self._saved_members)
        writer.put_partition(_partition_row(engine))
        self._saved_members = len(engine.catalogue.members)
        engine.mark_saved()
        return writer.rows()


@dataclass(frozen=True, slots=True)
class Restored:
    """An engine made from saved state, and its saver. ``damaged`` names the unreadable rows that were left out."""

    engine: Engine
    saver: Saver
    damaged: tuple[str, ...] = ()


def _partition_row(engine: Engine) -> PartitionRow:
    point, watermark, closing = engine.snapshot(), engine.watermark.snapshot(), engine.closing.snapshot()
    timelines, standards = engine.timelines.snapshot(), engine.standards_log.snapshot()
    return PartitionRow(
        source=engine.progress.source,
        partition=engine.progress.partition,
        offset=point.offset,
        digest=point.digest,
        timestamp_ms=point.timestamp_ms,
        reached=point.reached,
        resume=point.resume,
        first=point.first,
        lateness_ms=watermark.lateness_ms,
        limits=list(watermark.limits),
        frontier_ms=watermark.frontier_ms,
        floor_ms=watermark.floor_ms,
        newest=watermark.newest,
        first_ms=point.first_ms,
        closed_ms=closing.closed_ms,
        forgotten_ms=closing.forgotten_ms,
        progress=engine.progress.snapshot(),
        breaches=list(closing.breaches),
        passed_ms=timelines.passed_ms,
        held=list(timelines.held),
        standards=list(standards.named),
        current=standards.current,
        members=len(engine.catalogue.members),
        format=FORMAT,
    )


def _point(row: PartitionRow) -> SavedPoint:
    return SavedPoint(row.offset, row.digest, row.timestamp_ms, row.reached, row.resume, row.first, row.first_ms)


def _watermark(row: PartitionRow) -> SavedWatermark:
    newest = NewestEvent(*row.newest) if row.newest else None
    return SavedWatermark(row.lateness_ms, _limits(row), row.frontier_ms, row.floor_ms, newest)


def _limits(row: PartitionRow) -> tuple[Limit, ...]:
    return tuple(Limit(*limit) for limit in row.limits)


def _breaches(row: PartitionRow) -> tuple[OpenBreach, ...]:
    return tuple(OpenBreach(*breach) for breach in row.breaches)


def restore(records: Mapping[bytes, bytes], start: Start) -> Restored:
    """Make an engine from the newest value of each of a partition's records, at least one.

    It reads on at `Engine.expected`, and is complete once it is no longer `Engine.restoring`.

    Raises:
        StandardsNeeded: the book has to fetch standards first.
        StateUnusable: the partition row or the catalogue is damaged, or the standards that hold are lost.
    """
    loaded = load(records)
    row = loaded.partition
    _require_own(row, start)
    log = StandardsLog(start.source, start.book, SavedStandards(tuple(row.standards), row.current))
    older = _migrated(loaded, log) if row.format < FORMAT else None
    engine = _engine(start, log, SeriesCatalogue(start.caps, older.members if older else loaded.members))
    _restore_parts(engine, loaded, older.anew if older else ())
    writer = RowWriter(loaded.parts)
    _quarantine(engine, writer, records, loaded)
    if older:
        _report_older(engine, row, older)
    engine.go_on()
    # Write all members of an older form anew.
    saver = Saver(writer, 0 if older else len(loaded.members))
    return Restored(engine, saver, tuple(sorted(name.decode(errors="replace") for name in loaded.damaged)))


def _migrated(loaded: Loaded, log: StandardsLog) -> Migrated:
    try:
        return migrated(loaded.members, log)
    except StandardsLost as error:
        raise StateUnusable(str(error)) from None


def _report_older(engine: Engine, row: PartitionRow, older: Migrated) -> None:
    """Report which figures begin anew, and withdraw their breaches."""
    engine.notice(Notice(NoticeType.FORMAT, row.offset, None, {"format": row.format, "anew": older.anew}))
    engine.correct(_breaches(row))


def rebuild(records: Mapping[bytes, bytes], start: Start) -> Restored:
    """Make an engine that reads the log from the first record that was ever folded, in place of damaged state.

    Results of records that the state included are not published again. The log must still begin at or before
    `SavedPoint.first`.

    Raises:
        StandardsNeeded: the book has to fetch standards first.
        StateUnusable: the partition row is damaged, or the standards that the partition began with are lost.
    """
    row = peek(records)
    if row is None:
        raise StateUnusable("the partition row is damaged, so that nobody knows what was told already")
    _require_own(row, start)
    first = SavedStandards(tuple(row.standards[:1]))
    engine = _engine(start, StandardsLog(start.source, start.book, first), None)
    engine.watermark.restore_limits(_limits(row), row.reached)
    engine.rebuild(_point(row), _breaches(row))
    return Restored(engine, Saver(RowWriter(assemble(records).parts, replace=True)))


def _require_own(row: PartitionRow, start: Start) -> None:
    if (row.source, row.partition) != (start.source, start.partition):
        raise StateUnusable(f"the partition row is that of {row.source}/{row.partition}")


def _engine(start: Start, log: StandardsLog, catalogue: SeriesCatalogue | None) -> Engine:
    try:
        return Engine(start, log, catalogue)
    except StandardsLost as error:
        raise StateUnusable(str(error)) from None
    except KeyError as error:
        raise StateUnusable(f"the catalogue lacks the objective {error}") from None


def _restore_parts(engine: Engine, loaded: Loaded, anew: Collection[tuple[str, str]]) -> None:
    """Hand every part its saved state; objectives that begin ``anew`` have no breach."""
    row = loaded.partition
    breaches = tuple(one for one in _breaches(row) if (one.service, one.objective) not in anew)
    engine.watermark.restore(_watermark(row))
    engine.timelines.restore(SavedTimelines(row.passed_ms, tuple(row.held)))
    engine.progress.restore(row.progress)
    engine.closing.restore(
        SavedClosing(row.closed_ms, row.forgotten_ms, breaches),
        ClosedSlices(loaded.counts, loaded.distributions, loaded.beyond),
        engine.watermark.value_ms,
    )
    engine.restore(_point(row))


def _quarantine(engine: Engine, writer: RowWriter, records: Mapping[bytes, bytes], loaded: Loaded) -> None:
    """Keep unreadable rows under other names, and report them."""
    for row, fault in sorted(loaded.damaged.items()):
        for name in sorted(name for name in records if name.partition(b"#")[0] == row):
            writer.put_raw(QUARANTINE + name, records[name])
        writer.delete(row)
        detail = {"row": row.decode(errors="replace"), "found": fault}
        engine.notice(Notice(NoticeType.DAMAGE, loaded.partition.offset, None, detail))
