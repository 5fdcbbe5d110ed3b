"""Reference tables in the READMEs, generated in both languages from the code that they describe.

A README holds each table between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything else in it is hand-written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from agents.cli import COMMANDS
from agents.settings.settings import SETTINGS
from streams import conventions
from streams.events.rejections import Reason
from streams.texts.catalogues import say
from streams.texts.phrase import Language, in_language
from streams.texts.reference import COMMANDS_ZH, SETTINGS_ZH, Reference
from streams.texts.wire import ALL_KINDS, FIELDS

#: The READMEs and their languages.
DOCUMENTS: Final = {"README.md": Language.EN, "README.zh.md": Language.ZH}

#: Sections that show what a command printed, and the folder whose test keeps that true.
RECORDED: Final = {"flights": "tests/scenarios/flights"}
#: Sections that show a log of a well-known format, its standards file, and what `slm replay` printed for it.
LOGS: Final = {name: f"tests/scenarios/logs/{name}" for name in ("nginx", "github-actions")}
#: Lines of such a log that are shown.
_FIRST: Final = 4

_SECTION: Final = re.compile(r"(<!-- begin (?P<name>[a-z-]+) -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)


class UnknownSectionError(ValueError):
    """A README marks a section that does not exist."""


def fill(text: str, language: Language, folder: Path) -> str:
    """``text`` with every marked section generated again; recorded output is below ``folder``.

    Raises:
        UnknownSectionError: a mark names no section.
    """

    def section(match: re.Match[str]) -> str:
        name = match["name"]
        if name in RECORDED:
            recorded = (folder / RECORDED[name] / f"{name}.{language}.txt").read_text("utf-8")
            return f"{match[1]}```text\n{recorded}```\n{match[3]}"
        if name in LOGS:
            return f"{match[1]}{_log(folder / LOGS[name], name, language)}{match[3]}"
        if name not in SECTIONS:
            known = ", ".join((*SECTIONS, *RECORDED, *LOGS))
            raise UnknownSectionError(f"there is no section {name!r}; write one of {known}")
        return f"{match[1]}{SECTIONS[name](language)}{match[3]}"

    return _SECTION.sub(section, text)


def filled(folder: Path) -> Mapping[str, bytes]:
    """The READMEs in ``folder`` with fresh tables, by name; missing ones are left out."""
    present = {name: folder / name for name in DOCUMENTS if (folder / name).is_file()}
    return {name: fill(path.read_text("utf-8"), DOCUMENTS[name], folder).encode() for name, path in present.items()}


def _log(folder: Path, name: str, language: Language) -> str:
    """The first lines of the log in ``folder``, its standards file, and the recorded output."""
    lines = (folder / "log.jsonl").read_text("utf-8").splitlines(keepends=True)[:_FIRST]
    standards, printed = ((folder / file).read_text("utf-8") for file in ("standards.yaml", f"{name}.{language}.txt"))
    blocks = {"jsonl": "".join(lines), "yaml": standards, "text": printed}
    return "\n".join(f"```{kind}\n{block}```\n" for kind, block in blocks.items())


def _table(language: Language, headings: Iterable[Reference], rows: Iterable[tuple[str, ...]]) -> str:
    names = [heading.say(language) for heading in headings]
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(_escaped(cell) for cell in line)} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _wire_format(language: Language) -> str:
    rows = (
        (
            f"`{name}`",
            kinds or in_language(ALL_KINDS, language),
            in_language(type_, language),
            in_language(text, language),
        )
        for name, (kinds, type_, text) in FIELDS.items()
    )
    return _table(language, (Reference.FIELD, Reference.KINDS, Reference.TYPE, Reference.MEANING), rows)


def _metrics(language: Language) -> str:
    rows = (
        (
            f"`{metric.name}`",
            str(metric.type),
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.help_zh if language is Language.ZH else metric.help,
        )
        for metric in conventions.METRICS
    )
    return _table(language, (Reference.METRIC, Reference.METRIC_TYPE, Reference.LABELS, Reference.MEANING), rows)


def _settings(language: Language) -> str:
    rows = (
        (
            f"`{setting.option}`" if setting.option else "",
            f"`{setting.variable}`",
            f"`{setting.default}`" if setting.default is not None else "",
            SETTINGS_ZH[setting.name] if language is Language.ZH else setting.meaning,
        )
        for setting in SETTINGS
    )
    return _table(language, (Reference.OPTION, Reference.VARIABLE, Reference.DEFAULT, Reference.MEANING), rows)


def _commands(language: Language) -> str:
    rows = (
        (f"`slm {name}`", COMMANDS_ZH[name] if language is Language.ZH else line)
        for name, (_, line) in COMMANDS.items()
    )
    return _table(language, (Reference.COMMAND, Reference.DOES), rows)


def _reasons(language: Language) -> str:
    rows = ((f"`{reason}`", say(reason, language)) for reason in Reason)
    return _table(language, (Reference.REASON, Reference.MEANING), rows)


SECTIONS: Final[Mapping[str, Callable[[Language], str]]] = {
    "wire-format": _wire_format,
    "metrics": _metrics,
    "settings": _settings,
    "commands": _commands,
    "reasons": _reasons,
}
