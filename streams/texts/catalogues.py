"""All catalogues of phrases, and the look-up of a phrase by its key."""

from __future__ import annotations

from streams.texts.page import Page
from streams.texts.phrase import Language, Phrase
from streams.texts.reasons import Reasons
from streams.texts.states import States
from streams.texts.tables import Tables
from streams.texts.warnings import Warnings

#: Every catalogue; no key is in two of them.
CATALOGUES: tuple[type[Phrase], ...] = (Page, States, Warnings, Reasons, Tables)
_BY_KEY: dict[str, Phrase] = {member.key: member for catalogue in CATALOGUES for member in catalogue}


def phrase(key: str) -> Phrase | None:
    """Find the phrase with ``key``; None where no catalogue has it."""
    return _BY_KEY.get(key)


def say(key: str, language: Language, **values: object) -> str:
    """Text of the phrase with ``key``; an unknown key itself, which is better shown than lost."""
    found = phrase(key)
    return key if found is None else found.say(language, **values)
