"""The command line `slm`; the entry is `main`.

Each command's module is imported only when that command runs, so that `slm --help` is instant. What a command does is
in the rooms below; here are its options, its lines for the user and its exit code.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Final

import click

from agents.cli import garbage
from agents.exits import Exit

#: Command -> (its module, which has a `command`, and the line shown in the overview). In the order of a user's day.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("agents.cli.commands.run", "Read events from Kafka and expose service levels."),
    "demo": ("agents.cli.commands.demo", "See it work: a simulated service floor on a broker inside the process."),
    "send": ("agents.cli.commands.send", "Publish events from JSON Lines to Kafka."),
    "topics": ("agents.cli.commands.topics", "Create the topics, or say how they differ from what is needed."),
    "check": ("agents.cli.commands.check", "Read a standards file, report every error in it, and try it on a log."),
    "generate": ("agents.cli.commands.generate", "Write dashboards, alert rules and schemas."),
    "replay": ("agents.cli.commands.replay", "Compute service levels from event logs, without a broker."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of `COMMANDS`."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of ``cmd_name`` and return its command; None for an unknown name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        with garbage.untouched():
            command = importlib.import_module(COMMANDS[cmd_name][0]).command
        if not isinstance(command, click.Command):
            message = f"{COMMANDS[cmd_name][0]}.command is not a click command"
            raise TypeError(message)
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run; whatever goes wrong, end with one line and the right exit code."""
        # Else Pydantic looks for plugins in every installed package, a twelfth of the time until a worker reads.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
        try:
            return super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            _end(error.format_message(), Exit.USAGE)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "slm"
            _end(f"{command}: {error.format_message()} See '{command} --help'.", Exit.USAGE)
        except click.ClickException as error:
            _end(f"slm: {error.format_message()}", error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            _end("slm: interrupted", Exit.INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _end(line: str, code: int) -> None:
    click.echo(line, err=True)
    sys.exit(int(code))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="service-level-monitor", prog_name="slm")
def main() -> None:
    """Know, second by second and provably, whether a service keeps its promises.

    Exit codes: 0 done; 1 a negative finding; 2 usage or a bad file; 3 a dependency is unavailable; 4 stalled or
    evicted; 130 interrupted.
    """
