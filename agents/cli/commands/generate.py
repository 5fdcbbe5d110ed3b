"""`slm generate`: write dashboards, alert rules and schemas, check that they are fresh, or publish dashboards."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agents.cli.reference import filled
from agents.exits import Exit, Fault
from dashboards import generate
from dashboards.generate import Artefact, ArtefactKind

if TYPE_CHECKING:
    from collections.abc import Sequence

# Variable with the token. There is no option for it, since process lists show options.
_TOKEN_VARIABLE: Final = "SLM_GRAFANA_TOKEN"  # noqa: S105 - the name of the variable
_KINDS: Final = tuple(map(str, ArtefactKind))


@click.command("generate")
@click.argument("kinds", metavar="[rules|alertmanager|dashboards|schema|docs]…", nargs=-1, type=click.Choice(_KINDS))
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write below this folder, rather than to their places in this project's tree.",
)
@click.option("--check", is_flag=True, help="Write nothing; name the files that are not what would be written.")
@click.option("--publish", "url", metavar="URL", help="Publish the dashboards to the Grafana at this address.")
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"File that holds the token for Grafana. [{_TOKEN_VARIABLE}_FILE; {_TOKEN_VARIABLE} holds the token itself]",
    envvar=f"{_TOKEN_VARIABLE}_FILE",
)
def command(
    kinds: tuple[str, ...], output: Path | None, *, check: bool, url: str | None, token_file: Path | None
) -> None:
    """Write Grafana dashboards, Prometheus and Alertmanager rules, JSON Schemas and the READMEs' tables.

    By default all of them; the READMEs only in this project's tree.

    With --publish the dashboards go to a running Grafana instead, in a folder for each language. It takes the token of
    a service account with the role Editor, from the environment or a file: process lists show options.

    Exit codes: 1 with --check if files are not fresh; 2 if Grafana refuses; 3 if it cannot be reached.
    """
    if url is not None:
        _refuse_with_publish(kinds, output, check=check)
        _publish(url, _token(token_file))
        return
    found = generate.artefacts([kind for kind in ArtefactKind if kind in (kinds or _KINDS)])
    if output is not None:
        found = [*found, *_handwritten_schemas(kinds)]
    elif "docs" in (kinds or _KINDS):
        found = [*found, *_documents()]
    if check:
        _check(found, output)
    else:
        _write(found, output)


def _refuse_with_publish(kinds: Sequence[str], output: Path | None, *, check: bool) -> None:
    if set(kinds) - {"dashboards"} or output is not None or check:
        message = "--publish sends the dashboards to Grafana and writes no files; give it alone, or after `dashboards`"
        raise Fault(message)


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


def _token(file: Path | None) -> str:
    if token := os.environ.get(_TOKEN_VARIABLE, "").strip():
        return token
    if file is None:
        message = (
            f"no token for Grafana; put one into {_TOKEN_VARIABLE}, or into a file and name that with --token-file"
        )
        raise Fault(message)
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: cannot be read ({error}); name a file that holds the token alone"
        raise Fault(message) from None
    if not token.isprintable() or not token:
        message = f"{file}: is no token; name a file that holds the token alone, on one line"
        raise Fault(message)
    return token


def _publish(url: str, token: str) -> None:
    from dashboards.publish import (  # noqa: PLC0415 - requests, which nothing else here needs
        PublishError,
        UnreachableError,
        publications,
        publish,
    )

    try:
        addresses = publish(publications(), url, token)
    except UnreachableError as error:
        raise Fault(str(error), Exit.UNAVAILABLE) from None
    except PublishError as error:
        raise Fault(str(error)) from None
    for address in addresses:
        click.echo(f"published {address}")
