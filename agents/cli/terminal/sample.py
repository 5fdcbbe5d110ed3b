"""A sample as lines: its events, its rejected records, values left out, and how well the mapping fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import orjson

from agents.files.standards_file import count
from streams.standards.problems.problems import one_line

if TYPE_CHECKING:
    from streams.sampling.sample import ConditionUse, PathUse, Sample, TableUse

#: Unknown fields that are named; of the others only their number is.
_MOST_FIELDS: Final = 20


def lines(sample: Sample) -> Iterator[str]:
    """All lines about ``sample``, safe for a terminal whatever the log contains."""
    how = "by its mapping" if sample.mapped else "in the wire format, for it has no mapping"
    yield f"{one_line(sample.log)}, read as the topic {sample.topic} {how}: {count(sample.records, 'record')}"
    parts = (_events(sample), _records(sample), _left_out(sample), _unknown(sample), _mapping(sample))
    for part in parts:
        if found := [*part]:
            yield ""
            yield from map(one_line, found)


def complaint(sample: Sample) -> str | None:
    """Why the sample is a negative finding; None where it is not one."""
    if sample.ok:
        return None
    if not sample.records:
        return f"{one_line(sample.log)} has no records; give a log that has some"
    missing = ", ".join(path.path for path in sample.never_found)
    if sample.accepted:
        return one_line(f"no record has {missing}; correct the mapping, or look at a log that has")
    other = f"; no record has {missing}" if missing else ""
    if not sample.mapped:
        other = "; topics of other shapes are read by a mapping in the standards"
    return one_line(f"none of {count(sample.records, 'record')} is an event{other}")


def _events(sample: Sample) -> Iterator[str]:
    if sample.events:
        yield f"First {count(len(sample.events), 'event')} of {sample.accepted:,}"
    for each in sample.events:
        yield f"  line {each.line}: {orjson.dumps(each.event).decode()}"


def _records(sample: Sample) -> Iterator[str]:
    rejected = sum(each.records for each in sample.rejected)
    yield f"Records: {sample.accepted:,} accepted, {sample.ignored:,} ignored, {rejected:,} rejected"
    for each in sample.rejected:
        yield f"  {each.records:,} {each.reason}, first in line {each.line}: {each.detail}"


def _left_out(sample: Sample) -> Iterator[str]:
    if sample.left_out:
        yield "Values left out, of events that count"
    for each in sample.left_out:
        yield f"  {each.events:,} of {each.field}, {each.reason}, first in line {each.line}: {each.detail}"


def _unknown(sample: Sample) -> Iterator[str]:
    if sample.unknown_fields:
        yield "Fields that the wire format does not know, and that are ignored"
    for each in sample.unknown_fields[:_MOST_FIELDS]:
        meant = f"; did you mean {each.meant}?" if each.meant else ""
        yield f"  {each.name} in {count(each.records, 'record')}{meant}"
    if (more := len(sample.unknown_fields) - _MOST_FIELDS) > 0:
        yield f"  and {more:,} more"


def _mapping(sample: Sample) -> Iterator[str]:
    if sample.mapped:
        yield "Mapping"
    rows = [
        *(("path", each.path, ", ".join(each.fields), _found(each)) for each in sample.paths),
        *(("if", each.condition, each.field, _held(each)) for each in sample.conditions),
        *(("table", each.path, each.field, _looked_up(each)) for each in sample.tables),
    ]
    yield from _aligned(rows)


def _found(path: PathUse) -> str:
    if path.found:
        return f"found in {path.found:,} of {path.of:,}"
    return f"never found in {path.of:,}" + (f"; did you mean {path.meant}?" if path.meant else "")


def _held(condition: ConditionUse) -> str:
    other = f", could not be compared in {condition.could_not_compare:,}" if condition.could_not_compare else ""
    return f"held in {condition.held:,} of {condition.of:,}{other}"


def _looked_up(table: TableUse) -> str:
    if not table.no_entry:
        return f"looked up in {table.looked_up:,} of {table.of:,}"
    keys = ", ".join(f"{each.value} ({each.records:,})" for each in table.missing)
    return f"looked up in {table.looked_up:,} of {table.of:,}, no entry for {table.no_entry:,}: {keys}"


def _aligned(rows: Iterable[tuple[str, str, str, str]]) -> Iterator[str]:
    """``rows`` in columns as wide as their widest cells; the last column is not padded."""
    rows = [(kind, one_line(what), of, said) for kind, what, of, said in rows]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(min(width, _WIDEST)) for cell, width in zip(row, widths, strict=False)]
        yield f"  {'  '.join(cells)}  {row[3]}"


#: Widest column, in characters; a wider cell moves the rest of its row to the right.
_WIDEST: Final = 48
