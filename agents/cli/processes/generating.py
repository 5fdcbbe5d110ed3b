"""The process of `slm generate`: write dashboards, rules and schemas, check that they are fresh, or publish."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.cli.reference import filled
from agents.exits import Exit, Fault
from dashboards import generate
from dashboards.generate import Artefact, ArtefactKind

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(kinds: Sequence[str], output: Path | None, *, check: bool) -> None:
    """Write the files of ``kinds`` (none given: of all), or with ``check`` compare them, below ``output``.

    None as ``output``: in this project's tree.

    Raises:
        Fault: files are not fresh, or cannot be written.
    """
    wanted = [kind for kind in ArtefactKind if not kinds or kind in kinds]
    found = generate.artefacts(wanted)
    if output is not None:
        found = [*found, *_handwritten_schemas(kinds)]
    elif ArtefactKind.DOCS in wanted:
        found = [*found, *_documents()]
    if check:
        _check(found, output)
    else:
        _write(found, output)


def _check(found: Sequence[Artefact], output: Path | None) -> None:
    if paths := generate.stale(found, output):
        raise Fault(generate.complaint(paths), Exit.NEGATIVE)
    click.echo(f"{len(found)} generated files are fresh")


def _write(found: Sequence[Artefact], output: Path | None) -> None:
    try:
        written = generate.write(found, output)
    except OSError as error:
        raise Fault(
            f"{error.filename}: cannot be written ({error.strerror}); name another folder with --output"
        ) from None
    for artefact in found:
        path = artefact.path(output)
        click.echo(f"{'wrote' if path in written else 'unchanged'} {path}")


def _documents() -> list[Artefact]:
    """The READMEs of the current folder, with fresh tables."""
    return [Artefact(ArtefactKind.DOCS, name, name, content) for name, content in filled(Path()).items()]


def _handwritten_schemas(kinds: Sequence[str]) -> list[Artefact]:
    """Schemas that are written by hand; in this project's tree they exist, so only an output folder gets copies."""
    if kinds and "schema" not in kinds:
        return []
    folder = files("agents") / "schemas"
    generated = "standards.schema.json"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json")) if folder.is_dir() else []
    return [
        Artefact(ArtefactKind.SCHEMA, f"agents/schemas/{name}", name, (folder / name).read_bytes())
        for name in names
        if name != generated
    ]


def publish(url: str, token: str) -> None:
    """Publish the dashboards to the Grafana at ``url``.

    Raises:
        Fault: Grafana refuses, or cannot be reached.
    """
    from dashboards import publish as grafana  # noqa: PLC0415 - requests, which nothing else here needs

    try:
        addresses = grafana.publish(grafana.publications(), url, token)
    except grafana.UnreachableError as error:
        raise Fault(str(error), Exit.UNAVAILABLE) from None
    except grafana.PublishError as error:
        raise Fault(str(error)) from None
    for address in addresses:
        click.echo(f"published {address}")
