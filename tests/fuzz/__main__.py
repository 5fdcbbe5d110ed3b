"""`python -m tests.fuzz TARGET --inputs N [--seed S] [--engine random|atheris] [--record]`."""

from __future__ import annotations

import ast
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz import ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fuzz.runner import Failure, Run
    from tests.fuzz.targets import Target

NAMES: Final = ("events", "folding", "mappings", "standards", "rows", "endpoints", "floods")
#: Failures after which a run ends: more would only repeat them.
_MOST_FAILURES: Final = 5


@click.command()
@click.argument("name", metavar="TARGET", type=click.Choice(NAMES))
@click.option("--inputs", type=click.IntRange(1), default=10_000, show_default=True, help="How many, at least.")
@click.option("--seed", type=int, default=1, show_default=True, help="What inputs are made of.")
@click.option("--engine", type=click.Choice(("random", "atheris")), default="random", show_default=True)
@click.option("--input", "literal", help="Only this one: bytes as Python writes them.")
@click.option("--record", is_flag=True, help=f"Append the outcome to {ledger.LEDGER.name}.")
def main(name: str, inputs: int, seed: int, engine: str, literal: str | None, *, record: bool) -> None:
    """Feed TARGET with inputs that mean harm. The last line is the outcome, in JSON."""
    target = _target(name, engine)
    from tests.fuzz.runner import Run  # noqa: PLC0415 - behind the instrumentation

    if literal is not None:
        click.echo(f"{target.run(ast.literal_eval(literal))} {target.what}: nothing is wrong")
        return
    run = Run(target, inputs)
    told = _Told(name, run)

    def finish() -> None:
        outcome = told.outcome()
        if record:
            ledger.record(outcome, seed, engine)
        click.echo(orjson.dumps(outcome).decode())

    if engine == "atheris":
        _feed_guided(target, told, inputs, seed, finish)
        return
    _feed(target, told, inputs, seed)
    finish()
    sys.exit(run.tally.failures > 0)


def _target(name: str, engine: str) -> Target:
    if engine == "atheris":
        from tests.fuzz.guided import instrumented  # noqa: PLC0415 - an extra

        try:
            return instrumented()(name)
        except ModuleNotFoundError as error:
            raise click.ClickException(f"{error}; install it with: pip install --group fuzz") from None
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - before instrumentation it would stay without

    return TARGETS[name]


class _Told:
    """A run as the terminal sees it."""

    def __init__(self, name: str, run: Run) -> None:
        self.name = name
        self.run = run
        self.console = Console(stderr=True)
        self._begun = time.monotonic()

    def feed(self, data: bytes) -> None:
        """Feed ``data``; a failure is printed with the command that repeats it."""
        failure = self.run.feed(data)
        if failure is not None:
            self._tell(failure)

    def _tell(self, failure: Failure) -> None:
        click.echo(f"{failure.told}input: {failure.data!r}", err=True)
        click.echo(f"again: python -m tests.fuzz {self.name} --input {shlex.quote(repr(failure.data))}", err=True)

    def outcome(self) -> dict[str, Any]:
        """What the last line says."""
        tally = self.run.tally
        return {
            "target": self.name,
            "inputs": tally.inputs,
            "failures": tally.failures,
            "slowest_seconds": round(tally.slowest_seconds, 3),
            "rss_growth_bytes": tally.growth_bytes,
            "seconds": round(time.monotonic() - self._begun, 1),
        }


def _feed(target: Target, told: _Told, inputs: int, seed: int) -> None:
    from tests.fuzz.runner import inputs_of  # noqa: PLC0415 - as above

    columns = (TextColumn(told.name), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, TimeRemainingColumn(), console=told.console, disable=not told.console.is_terminal) as bar:
        task = bar.add_task(told.name, total=inputs, note="")
        tally = told.run.tally
        for number, data in enumerate(inputs_of(target, seed)):
            told.feed(data)
            if number % 64 == 0:
                note = f"{tally.failures} failed, slowest {tally.slowest_seconds:.2f} s"
                bar.update(task, completed=tally.inputs, note=note)
            if tally.inputs >= inputs or tally.failures >= _MOST_FAILURES:
                bar.update(task, completed=tally.inputs)
                return


def _feed_guided(target: Target, told: _Told, inputs: int, seed: int, finish: Callable[[], None]) -> NoReturn:
    """Feed until there were enough inputs or one failed."""
    from tests.fuzz.guided import feed  # noqa: PLC0415 - an extra

    def take(data: bytes) -> int | None:
        told.feed(data)
        tally = told.run.tally
        if not tally.failures and tally.inputs < inputs:
            return None
        finish()
        return int(tally.failures > 0)

    feed(target, take, seed)


if __name__ == "__main__":
    main()
