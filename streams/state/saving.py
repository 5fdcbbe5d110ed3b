"""Saving an engine, and making one of what was saved.

`rows` gives what changed; `restore` makes the engine again, which reads its log on from where open slices begin;
`rebuild` makes one that reads the log from its first record, where saved rows are damaged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from streams.decoding.batch import LastRecord
from streams.engine.engine import Engine
from streams.engine.progress import Notice, NoticeType, SavedPoint
from streams.engine.standards_log import StandardsLog, StandardsLost
from streams.engine.start import Start
from streams.engine.watermark import Limit, NewestEvent, TimePolicy
from streams.routing.series_catalogue import Member
from streams.slices.slice import Counts, Distributions, slice_start
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
    """Turns what has changed in one engine since it was last saved into rows."""

    def __init__(self, writer: RowWriter | None = None, saved_members: int = 0) -> None:
        """Start with nothing saved, or with what ``writer`` knows and so many members of the catalogue."""
        self._writer = writer or RowWriter()
        self._saved_members = saved_members

    def take(self, engine: Engine) -> list[StateRow]:
        """Rows for everything that has changed since the last take, the partition row last.

        Call it behind `Engine.advance`, once something was folded, and not while `Engine.restoring`.
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
    """An engine made of saved state, and what saves it. ``damaged`` names the rows that were left out as unreadable."""

    engine: Engine
    saver: Saver
    damaged: tuple[str, ...] = ()


def _partition_row(engine: Engine) -> PartitionRow:
    progress, watermark, last = engine.progress, engine.watermark, engine.last
    assert last is not None, "nothing was folded"
    assert engine.first is not None, "nothing was folded"
    first_open = engine.eras.first_offset()
    reached = max(last.offset + 1, progress.next_offset or 0)
    passed_ms, held = engine.timelines.held()
    return PartitionRow(
        source=progress.source,
        partition=progress.partition,
        offset=last.offset,
        digest=last.digest,
        timestamp_ms=last.timestamp_ms,
        reached=reached,
        resume=reached if first_open is None else first_open,
        first=engine.first,
        lateness_ms=watermark.policy.lateness_ms,
        limits=[(limit.offset, limit.max_ahead_ms) for limit in watermark.limits],
        frontier_ms=watermark.frontier_ms,
        floor_ms=watermark.floor_ms,
        newest=watermark.newest,
        first_ms=engine.first_ms,
        closed_ms=engine.closing.closed_ms,
        forgotten_ms=(engine.closing.counts.forgotten_ms, engine.closing.distributions.forgotten_ms),
        progress=progress.row(),
        breaches=[(*key, since_ms) for key, since_ms in sorted(engine.closing.decisions.breached_since.items())],
        passed_ms=passed_ms,
        held=held,
        standards=engine.standards_log.named,
        current=engine.standards_log.current,
        members=len(engine.catalogue.members),
        format=FORMAT,
    )


def restore(records: Mapping[bytes, bytes], start: Start) -> Restored:
    """Make an engine of the newest value of each of a partition's records; at least one must be there.

    It goes on at `Engine.expected`, and is complete once it is no longer `Engine.restoring`.

    Raises:
        StandardsNeeded: the book is to look standards up.
        StateUnusable: the partition row or the catalogue is damaged, or the standards that hold are lost.
    """
    loaded = load(records)
    row = loaded.partition
    _require_own(row, start)
    log = StandardsLog(start.source, start.book, row.standards, row.current)
    older = _migrated(loaded, log) if row.format < FORMAT else None
    engine = _engine(start, log, older.members if older else loaded.members)
    _restore_slices(engine, loaded)
    _restore_position(engine, row, older.anew if older else ())
    writer = RowWriter(loaded.parts)
    _quarantine(engine, writer, records, loaded)
    if older:
        _tell_of_older(engine, row, older)
    engine.go_on()
    # Members of an older form are all written anew.
    saver = Saver(writer, 0 if older else len(loaded.members))
    return Restored(engine, saver, tuple(sorted(name.decode(errors="replace") for name in loaded.damaged)))


def _migrated(loaded: Loaded, log: StandardsLog) -> Migrated:
    try:
        return migrated(loaded.members, log)
    except StandardsLost as error:
        raise StateUnusable(str(error)) from None


def _tell_of_older(engine: Engine, row: PartitionRow, older: Migrated) -> None:
    """Tell which figures begin anew, and of the breaches that these had."""
    engine.notice(Notice(NoticeType.FORMAT, row.offset, None, {"format": row.format, "anew": older.anew}))
    engine.correct(_breaches(row))


def rebuild(records: Mapping[bytes, bytes], start: Start) -> Restored:
    """Make an engine that reads the log from the first record that was ever folded, in place of damaged state.

    What follows from records that the state included is not told again. Only for a log that still begins there: see
    `Engine.saved`.

    Raises:
        StandardsNeeded: the book is to look standards up.
        StateUnusable: the partition row is damaged, or the standards that the partition began with are lost.
    """
    row = peek(records)
    if row is None:
        raise StateUnusable("the partition row is damaged, so that nobody knows what was told already")
    _require_own(row, start)
    engine = _engine(start, StandardsLog(start.source, start.book, row.standards[:1]), None)
    engine.saved = _point(row)
    engine.silent_until = row.offset
    engine.told = _breaches(row)
    engine.watermark.limits = [Limit(*limit) for limit in row.limits]
    engine.watermark.change(engine.watermark.policy, row.reached)
    return Restored(engine, Saver(RowWriter(assemble(records).parts, replace=True)))


def _require_own(row: PartitionRow, start: Start) -> None:
    if (row.source, row.partition) != (start.source, start.partition):
        raise StateUnusable(f"the partition row is that of {row.source}/{row.partition}")


def _engine(start: Start, log: StandardsLog, members: Sequence[Member] | None) -> Engine:
    try:
        return Engine(start, log, members)
    except StandardsLost as error:
        raise StateUnusable(str(error)) from None
    except KeyError as error:
        raise StateUnusable(f"the catalogue lacks the objective {error}") from None


def _point(row: PartitionRow) -> SavedPoint:
    return SavedPoint(row.offset, row.digest, row.timestamp_ms, row.resume, row.first)


def _restore_slices(engine: Engine, loaded: Loaded) -> None:
    row = loaded.partition
    engine.closing.counts.restore(loaded.counts, row.forgotten_ms[0])
    engine.closing.distributions.restore(loaded.distributions, row.forgotten_ms[1])
    engine.closing.beyond = loaded.beyond
    engine.closing.reader.restore(
        Counts.add([engine.closing.beyond[0], *engine.closing.counts.contents]),
        Distributions.add([engine.closing.beyond[1], *engine.closing.distributions.contents]),
    )


def _breaches(row: PartitionRow) -> dict[tuple[str, str], int]:
    return {(service, objective): since_ms for service, objective, since_ms in row.breaches}


def _restore_position(engine: Engine, row: PartitionRow, anew: Collection[tuple[str, str]]) -> None:
    watermark = engine.watermark
    watermark.limits = [Limit(*limit) for limit in row.limits]
    watermark.policy = TimePolicy(row.lateness_ms, watermark.limits[-1].max_ahead_ms)
    watermark.frontier_ms, watermark.floor_ms = row.frontier_ms, row.floor_ms
    watermark.newest = NewestEvent(*row.newest) if row.newest else None
    engine.timelines.restore(row.passed_ms, row.held)
    breaches = {key: since_ms for key, since_ms in _breaches(row).items() if key not in anew}
    if watermark.value_ms is not None:
        engine.closing.final_ms = slice_start(watermark.value_ms)
        engine.closing.decisions.resume(breaches, engine.closing.final_ms)
    engine.progress.restore(row.progress)
    engine.progress.next_offset = row.reached
    engine.progress.watermark_ms = watermark.value_ms
    engine.first_ms, engine.closing.closed_ms, engine.first = row.first_ms, row.closed_ms, row.first
    engine.last = LastRecord(row.offset, row.timestamp_ms, row.digest)
    engine.saved = _point(row)
    engine.resume = row.resume
    engine.catalogue.go_back(row.resume)


def _quarantine(engine: Engine, writer: RowWriter, records: Mapping[bytes, bytes], loaded: Loaded) -> None:
    """Keep what could not be read under other names, and tell of it."""
    for row, what in sorted(loaded.damaged.items()):
        for name in sorted(name for name in records if name.partition(b"#")[0] == row):
            writer.put_raw(QUARANTINE + name, records[name])
        writer.delete(row)
        detail = {"row": row.decode(errors="replace"), "found": what}
        engine.notice(Notice(NoticeType.DAMAGE, loaded.partition.offset, None, detail))
