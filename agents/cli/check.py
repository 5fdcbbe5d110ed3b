"""`slm check`: read standards files and report every problem in them, for people or for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from agents.exits import Exit, Fault
from streams.standards.errors import Problem, StandardsError

#: Version of the report, and characters of the digest that people are shown.
VERSION: Final = 1
_SHORT: Final = 12


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


class Report(msgspec.Struct, frozen=True):
    """Outcome of `slm check --json`: the files in the order in which they were given."""

    version: int
    ok: bool
    files: tuple[FileReport, ...]


def report_schema() -> dict[str, Any]:
    """JSON Schema of `Report`, committed as agents/schemas/check.v1.schema.json."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Report of slm check --json, version 1"}
    schema: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Report)))
    return {**head, **schema}


@click.command
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Report on standard output as JSON, by check.v1.schema.json.")
def command(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Read standards files and report every problem in them.

    FILE is YAML; - is standard input. Each problem is one line on standard error: where, what was found, the rule that
    it breaks, what to write instead. The JSON Schema of the report is written by `slm generate schema`.

    Exit codes: 0 every file is good; 2 a file has problems or cannot be read.
    """
    reports = [_check(path) for path in files]
    if as_json:
        _write_json(reports)
    else:
        _write_lines(reports)
    if not all(report.ok for report in reports):
        sys.exit(Exit.USAGE)


def _check(path: Path) -> FileReport:
    from agents.files import display_name, read_bytes
    from streams.standards.load import load

    file = display_name(path)
    try:
        standards = load(read_bytes(path), file=file)
    except Fault as fault:
        return FileReport(file, ok=False, unreadable=fault.message)
    except StandardsError as error:
        return FileReport(file, ok=False, problems=error.problems)
    services = standards.services.values()
    return FileReport(
        file,
        ok=True,
        digest=standards.digest,
        services=len(services),
        steps=sum(len(service.steps) for service in services),
        objectives=sum(len(service.objectives) for service in services),
    )


def _write_json(reports: Sequence[FileReport]) -> None:
    import orjson

    report = Report(VERSION, ok=all(each.ok for each in reports), files=tuple(reports))
    click.echo(orjson.dumps(msgspec.to_builtins(report), option=orjson.OPT_INDENT_2))


def _write_lines(reports: Sequence[FileReport]) -> None:
    for report in reports:
        if report.ok:
            click.echo(_good(report))
        elif report.unreadable is not None:
            click.echo(report.unreadable, err=True)
        for problem in report.problems:
            click.echo(str(problem), err=True)
    from agents.files import count

    if problems := sum(len(report.problems) for report in reports):
        click.echo(count(problems, "problem"), err=True)


def _good(report: FileReport) -> str:
    from agents.files import count

    counts = (
        count(report.services or 0, "service"),
        count(report.steps or 0, "step"),
        count(report.objectives or 0, "objective"),
    )
    return f"{report.file}: good: {', '.join(counts)}, digest {(report.digest or '')[:_SHORT]}"
