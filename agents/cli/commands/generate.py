"""`slm generate`: write or publish dashboards, rules, schemas. What it does is in `agents.cli.processes.generating`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from agents.cli import garbage
from agents.exits import Fault

# Variable with the token. There is no option for it, since process lists show options.
_TOKEN_VARIABLE: Final = "SLM_GRAFANA_TOKEN"  # noqa: S105 - the name of the variable
#: The kinds of generated files, here as words: `dashboards.generate`, which has them, takes as long as all else here.
_KINDS: Final = ("rules", "alertmanager", "dashboards", "schema", "docs")


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
    with garbage.untouched():
        from agents.cli.processes import generating
    if url is None:
        generating.run(kinds, output, check=check)
        return
    _refuse_with_publish(kinds, output, check=check)
    generating.publish(url, _token(token_file))


def _refuse_with_publish(kinds: Sequence[str], output: Path | None, *, check: bool) -> None:
    if set(kinds) - {"dashboards"} or output is not None or check:
        message = "--publish sends the dashboards to Grafana and writes no files; give it alone, or after `dashboards`"
        raise Fault(message)


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
