"""One setting: its kind, its names as option and variable, and the parser of its values."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from agents.exits import Fault
from streams.slices import histogram
from streams.standards.form import quantities

#: Prefix of environment variables.
PREFIX: Final = "SLM_"
LAST_PORT: Final = 65_535


class SettingKind(enum.StrEnum):
    """How a setting is written."""

    TEXT = "text"
    LIST = "list"
    COUNT = "number"
    PORT = "port"
    DURATION = "duration"
    FILE = "file"
    SWITCH = "yes or no"
    BOUNDS = "seconds,…"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings.

    Args:
        name: of the field of `Settings` and the key in the TOML file.
        kind: how it is written.
        default: as users write it; None: there is none.
        meaning: one line for users.
        choices: the values that are allowed; none: all of its kind.
        secret: whether it is never shown, and has no option.
        least: smallest value of a number.
    """

    name: str
    kind: SettingKind
    default: str | None
    meaning: str
    choices: tuple[str, ...] = ()
    secret: bool = False
    least: int = 0

    @property
    def variable(self) -> str:
        """Environment variable."""
        return PREFIX + self.name.upper()

    @property
    def option(self) -> str | None:
        """Option of commands; None for secrets. That of a list has the singular and is repeated."""
        name = self.name.removesuffix("s") if self.kind is SettingKind.LIST else self.name
        return None if self.secret else "--" + name.replace("_", "-")


def parse(setting: Setting, value: object, place: str) -> object:
    """Value of ``setting`` from the raw ``value`` at ``place``, which messages name.

    Raises:
        Fault: it is malformed, or none of the choices.
    """
    try:
        parsed = _PARSERS[setting.kind](setting, value)
    except ValueError as error:
        shown = "a value" if setting.secret else repr(value)
        message = f"{place}: found {shown}; {error}"
        raise Fault(message) from None
    return _chosen(setting, parsed, place) if setting.choices else parsed


def _chosen(setting: Setting, value: object, place: str) -> object:
    for choice in setting.choices:
        if str(value).upper() == choice:
            return choice
    raise Fault(f"{place}: found {value!r}; write one of {', '.join(setting.choices)}")


def _text(_: Setting, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        message = "write a text that is not empty"
        raise ValueError(message)
    return value.strip()


def _list(setting: Setting, value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts:
        message = f'write a list, as in {setting.name} = ["one", "two"]'
        raise ValueError(message)
    # Sorted, without duplicates: the order of topics has no meaning.
    return tuple(sorted({_text(setting, part) for part in parts}))


def _count(setting: Setting, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip().isdecimal():
        message = f"write a whole number, as in {setting.default}"
        raise ValueError(message)
    number = int(value)
    if number < setting.least:
        message = f"write a whole number of at least {setting.least}"
        raise ValueError(message)
    return number


def _port(setting: Setting, value: object) -> int:
    number = _count(setting, value)
    if number > LAST_PORT:
        message = f"write a port from 1 to {LAST_PORT}"
        raise ValueError(message)
    return number


def _duration(_: Setting, value: object) -> float:
    return quantities.positive_duration_us(value) / 1_000_000


def _bounds(_: Setting, value: object) -> tuple[int, ...]:
    """Microseconds on the fine grid, from seconds in a list or separated by commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        message = "write bounds in seconds, ascending, as in 0.1, 0.5, 1, 5"
        raise ValueError(message)  # noqa: TRY004 - `parse` reports bad values to users, whatever is bad about them
    return histogram.on_the_grid([_seconds(part) for part in parts])


def _seconds(part: object) -> Decimal:
    try:
        seconds = Decimal("NaN" if isinstance(part, bool) else str(part).strip())
    except InvalidOperation:
        seconds = Decimal("NaN")
    if not seconds.is_finite():
        message = f"{part!r} is no number of seconds; write bounds as in 0.1, 0.5, 1, 5"
        raise ValueError(message)
    return seconds


def _switch(_: Setting, value: object) -> bool:
    found = _SWITCHES.get(str(value).strip().lower())
    if found is None:
        message = "write yes or no"
        raise ValueError(message)
    return found


_SWITCHES: Final = {"yes": True, "true": True, "no": False, "false": False}


def _file(setting: Setting, value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(setting, value)).expanduser()


_PARSERS: Final[Mapping[SettingKind, Callable[[Setting, object], object]]] = {
    SettingKind.TEXT: _text,
    SettingKind.LIST: _list,
    SettingKind.COUNT: _count,
    SettingKind.PORT: _port,
    SettingKind.DURATION: _duration,
    SettingKind.FILE: _file,
    SettingKind.SWITCH: _switch,
    SettingKind.BOUNDS: _bounds,
}
