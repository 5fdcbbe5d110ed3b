from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events.rejections import Reason
from streams.slices.ratio import RatioUnit
from streams.standards.model import Stage
from streams.texts import catalogues
from streams.texts.catalogues import CATALOGUES
from streams.texts.figures import amount
from streams.texts.page import Page
from streams.texts.phrase import Language, Phrase, negotiate
from streams.texts.reasons import Reasons
from streams.texts.states import States
from streams.texts.tables import Tables
from streams.texts.warnings import Warnings
from streams.views.objectives.standing import ObjectiveState

PHRASES = [phrase for catalogue in CATALOGUES for phrase in catalogue]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: Said alike in both languages, or in the other one on purpose.
UNTRANSLATED = {Page.RESPONSE_P50, Page.RESPONSE_P95, Page.RESPONSE_P99, Tables.COLUMN_MEDIAN, Tables.COLUMN_P95}
SWAPPED = {Page.OTHER_LANGUAGE, Page.OTHER_LANGUAGE_LABEL, Page.PERCENT, *UNTRANSLATED}


def named(phrase: Phrase) -> str:
    return f"{type(phrase).__name__}.{phrase.name}"


@pytest.mark.parametrize("phrase", PHRASES, ids=named)
def test_every_phrase_is_said_in_both_languages_with_the_same_placeholders(phrase: Phrase) -> None:
    english, chinese = phrase.say(Language.EN), phrase.say(Language.ZH)
    assert english.strip() == english != ""
    assert chinese.strip() == chinese != ""
    assert phrase.placeholders(Language.EN) == phrase.placeholders(Language.ZH)
    if phrase not in SWAPPED:
        assert CHINESE.search(chinese), "the Chinese text is not Chinese"
        assert not CHINESE.search(english), "the English text is not English"


def test_no_key_is_in_two_catalogues() -> None:
    keys = [phrase.key for phrase in PHRASES]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize(
    ("keys", "catalogue"),
    [
        pytest.param(set(Reason), Reasons, id="every reason for rejection has its words, and no other"),
        pytest.param(set(ObjectiveState) | set(Stage), States, id="verdicts and stages have their words"),
    ],
)
def test_values_of_the_core_have_their_words(keys: set[str], catalogue: type[Phrase]) -> None:
    said = {phrase.key for phrase in catalogue}
    assert keys <= said
    assert catalogue is States or keys == said


def test_a_key_finds_its_phrase_and_an_unknown_one_is_shown_as_it_is() -> None:
    assert catalogues.phrase("embedded-broker") is Warnings.EMBEDDED_BROKER
    assert catalogues.phrase("no-such-key") is None
    assert catalogues.say("met", Language.ZH) == "达标"
    assert catalogues.say("no-such-key", Language.ZH) == "no-such-key"


def test_placeholders_are_filled_in_or_left_for_others() -> None:
    assert Page.OWNER.say(Language.EN, owner="customer-care {0}") == "Owner: customer-care {0}"
    assert Page.OWNER.say(Language.EN) == "Owner: {owner}"


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        pytest.param(540_000, RatioUnit.EVENTS, "540,000", id="events are a number"),
        pytest.param(540_000, RatioUnit.MILLISECONDS, "9 min 00 s", id="time is a duration"),
        pytest.param(29_500, RatioUnit.MILLISECONDS, "29.5 s", id="with a part of a second"),
        pytest.param(1, RatioUnit.MILLISECONDS, "1 ms", id="as short as can be"),
        pytest.param(0, RatioUnit.MILLISECONDS, "0 s", id="no time"),
        pytest.param(2_678_400_000, RatioUnit.MILLISECONDS, "31 d 00 h", id="a month"),
    ],
)
def test_amounts_are_written_in_their_unit(number: int, unit: RatioUnit, expected: str) -> None:
    assert amount(number, unit) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(None, Language.EN, id="no header means English"),
        pytest.param("", Language.EN, id="so does an empty one"),
        pytest.param("zh-CN,zh;q=0.9,en;q=0.8", Language.ZH, id="what a Chinese browser sends"),
        pytest.param("en-GB,en;q=0.9,zh;q=0.8", Language.EN, id="what an English browser sends"),
        pytest.param("de-DE,de;q=0.9", Language.EN, id="a language that is not ours"),
        pytest.param("de,zh-Hant-TW;q=0.5,en;q=0.1", Language.ZH, id="ours among others, with script and region"),
        pytest.param("en;q=0.2, zh;q=0.7", Language.ZH, id="quality counts, not order"),
        pytest.param("zh;q=0, en;q=0.1", Language.EN, id="quality 0 is a refusal"),
        pytest.param("EN , ZH;q=0.5", Language.EN, id="case and spaces do not matter"),
        pytest.param("zh;q=nonsense", Language.EN, id="malformed quality is no preference"),
        pytest.param("zhuang", Language.EN, id="a longer tag that begins alike is another language"),
    ],
)
def test_negotiation(header: str | None, expected: Language) -> None:
    assert negotiate(header) is expected


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    assert negotiate(header) in set(Language)
    assert negotiate(f"zh;{header}") in set(Language)
