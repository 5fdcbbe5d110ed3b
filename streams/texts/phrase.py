"""Phrases, the languages of their texts, and the choice of a reader's language."""

from __future__ import annotations

import enum
import string
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages. A single text in a standards file serves for both."""

    en: str
    zh: str


class Language(enum.StrEnum):
    """The languages of the texts, by the primary subtag of BCP 47."""

    EN = "en"
    ZH = "zh"


class Phrase(enum.Enum):
    """Base of the catalogues. A member's value is its text in both languages, with `{placeholders}`."""

    value: Text

    @property
    def key(self) -> str:
        """The phrase's name in data: `NO_DATA` is `no-data`."""
        return self.name.lower().replace("_", "-")

    def say(self, language: Language, **values: object) -> str:
        """Text in ``language`` with placeholders filled in; without ``values`` they stay as they are."""
        text = in_language(self.value, language)
        return text.format(**values) if values else text

    def placeholders(self, language: Language) -> frozenset[str]:
        """Names of the placeholders in the text of ``language``."""
        parts = string.Formatter().parse(in_language(self.value, language))
        return frozenset(name for _, name, _, _ in parts if name is not None)


def in_language(text: Text, language: Language) -> str:
    """One of the two languages of ``text``."""
    return text.zh if language is Language.ZH else text.en


def negotiate(accept_language: str | None, *, default: Language = Language.EN) -> Language:
    """Choose the language that an Accept-Language header (RFC 9110, 12.5.4) prefers among ours.

    The largest quality wins, the first of equals; `zh-Hant-TW` is `zh`. Where none of ours is acceptable, or the
    header is missing or malformed, the answer is ``default``: a page in some language is better than none.
    """
    ranges = [_language_range(part) for part in (accept_language or "").split(",")]
    ours = [(quality, language) for language, quality in ranges if language is not None and quality > 0]
    return max(ours, key=lambda pair: pair[0])[1] if ours else default


def _language_range(part: str) -> tuple[Language | None, float]:
    tag, _, parameter = part.partition(";")
    primary = tag.strip().lower().partition("-")[0]
    language = Language(primary) if primary in set(Language) else None
    return language, _quality(parameter.strip().lower())


def _quality(parameter: str) -> float:
    if not parameter:
        return 1.0
    name, _, value = parameter.partition("=")
    is_number = value.replace(".", "", 1).isascii() and value.replace(".", "", 1).isdigit()
    return float(value) if name.strip() == "q" and is_number else 0.0
