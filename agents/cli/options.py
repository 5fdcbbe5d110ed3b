"""Options of commands that are settings, made from the table of settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from agents.settings.setting import Setting, SettingKind
from agents.settings.settings import CONFIG_VARIABLE, SETTINGS, Settings

F = TypeVar("F", bound=Callable[..., Any])

_CONNECTION: Final = ("broker", "start_timeout", "security_protocol")
_SECURITY: Final = ("ssl_", "sasl_")


def setting_option(name: str) -> Callable[[F], F]:
    """Add the option of the setting ``name``, as `slm run` has it."""
    row = next(row for row in SETTINGS if row.name == name)
    return click.option(row.option or "", row.name, **_described(row))


def connection_options(command: F) -> F:
    """Add the options for the address of Kafka and the security of the connection, and ``--config``."""
    for row in reversed(SETTINGS):
        if row.option and (row.name in _CONNECTION or row.name.startswith(_SECURITY)):
            command = setting_option(row.name)(command)
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar=CONFIG_VARIABLE,
        help="TOML file with settings.",
    )(command)


def _described(row: Setting) -> dict[str, Any]:
    shown = f"{row.meaning} [{row.variable}{'' if row.default is None else f'; default: {row.default}'}]"
    if row.kind is SettingKind.SWITCH:
        # None where the option is not given, so that environment and file count.
        return {"is_flag": True, "default": None, "help": shown}
    if row.kind is SettingKind.LIST:
        return {"metavar": "NAME", "multiple": True, "help": shown}
    return {
        "metavar": "|".join(row.choices) if row.choices else row.kind.upper(),
        "type": click.Path(path_type=Path) if row.kind is SettingKind.FILE else None,
        "help": shown,
    }


def resolve(options: Mapping[str, object], config: Path | None) -> Settings:
    """Settings from a command's options, the environment and the file ``--config``.

    Raises:
        Fault: a value is bad, or the file is.
    """
    return Settings.resolve(options, os.environ, config)
