"""The process of `slm check`: report problems in standards files, and what a file makes of a log, as lines or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import orjson

from agents.cli.terminal.sample import complaint, lines
from agents.exits import Exit, Fault
from agents.files.standards_file import count, display_name, read_bytes
from streams.sampling.sample import Sample
from streams.standards.load import load
from streams.standards.model import Standards
from streams.standards.problems.problems import Problem, StandardsError

#: Version of the report.
VERSION: Final = 1
#: Characters of a digest that people are shown.
_SHORT: Final = 12
#: Names in the published schema of classes that are called otherwise here. Their docstrings are published with it.
_PUBLISHED: Final = {"CheckReport": "Report", "RefusedRecords": "Refused"}


class FileReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one file: counts and digest where `ok`, else its `problems`, or why it is `unreadable`."""

    file: str
    ok: bool
    digest: str | None = None
    services: int | None = None
    steps: int | None = None
    objectives: int | None = None
    problems: tuple[Problem, ...] = ()
    unreadable: str | None = None


class CheckReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Outcome of `slm check --json`: the files in the order in which they were given, and a log if one was sampled.

    ``ok`` is about the files alone; a sample says for itself whether it is.
    """

    version: int
    ok: bool
    files: tuple[FileReport, ...]
    sample: Sample | None = None


def report_schema() -> dict[str, Any]:
    """JSON Schema of `CheckReport`, committed as agents/schemas/check.v1.schema.json."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Report of slm check --json, version 1"}
    written = msgspec.json.encode(msgspec.json.schema(CheckReport))
    for name, published in _PUBLISHED.items():
        written = written.replace(f'{name}"'.encode(), f'{published}"'.encode())
    schema: dict[str, Any] = msgspec.json.decode(written)
    return {**head, **schema}


def run(files: Sequence[Path], log: str | None, topic: str | None, records: int, *, as_json: bool) -> Exit:
    """Check ``files`` and print the report; the exit code.

    Args:
        files: paths of standards files; - is standard input.
        log: event log to sample with the first file; None: no sample.
        topic: of the log; None: the one that is mapped, or else the wire format's.
        records: most records to sample.
        as_json: print one JSON document.

    Raises:
        Fault: the log cannot be read, or its topic is not known.
    """
    checked = [_check(path) for path in files]
    reports = [report for report, _ in checked]
    standards = checked[0][1]
    if not as_json:
        _write_lines(reports)
    sample = None if log is None or standards is None else _sample(standards, log, topic, records)
    if as_json:
        _write_json(reports, sample)
    elif sample is not None:
        _write_sample(sample)
    if not all(report.ok for report in reports):
        return Exit.USAGE
    return Exit.DONE if sample is None or sample.ok else Exit.NEGATIVE


def _sample(standards: Standards, log: str, topic: str | None, records: int) -> Sample:
    from agents.cli import sampling  # noqa: PLC0415 - numpy, which a check without a sample does not need

    return sampling.take(standards, log, topic, records)


def _write_sample(sample: Sample) -> None:
    for line in lines(sample):
        click.echo(line)
    if said := complaint(sample):
        click.echo(f"slm: {said}", err=True)


def _check(path: Path) -> tuple[FileReport, Standards | None]:
    """The report on the file at ``path``, and its standards if it is good."""
    file = display_name(path)
    try:
        standards = load(read_bytes(path), file=file)
    except Fault as fault:
        return FileReport(file, ok=False, unreadable=fault.message), None
    except StandardsError as error:
        return FileReport(file, ok=False, problems=error.problems), None
    services = standards.services.values()
    report = FileReport(
        file,
        ok=True,
        digest=standards.digest,
        services=len(services),
        steps=sum(len(service.steps) for service in services),
        objectives=sum(len(service.objectives) for service in services),
    )
    return report, standards


def _write_json(reports: Sequence[FileReport], sample: Sample | None) -> None:
    report = CheckReport(VERSION, ok=all(each.ok for each in reports), files=tuple(reports), sample=sample)
    click.echo(orjson.dumps(msgspec.to_builtins(report), option=orjson.OPT_INDENT_2))


def _write_lines(reports: Sequence[FileReport]) -> None:
    for report in reports:
        if report.ok:
            click.echo(_good(report))
        elif report.unreadable is not None:
            click.echo(report.unreadable, err=True)
        for problem in report.problems:
            click.echo(str(problem), err=True)
    if problems := sum(len(report.problems) for report in reports):
        click.echo(count(problems, "problem"), err=True)


def _good(report: FileReport) -> str:
    counts = (
        count(report.services or 0, "service"),
        count(report.steps or 0, "step"),
        count(report.objectives or 0, "objective"),
    )
    return f"{report.file}: good: {', '.join(counts)}, digest {(report.digest or '')[:_SHORT]}"
