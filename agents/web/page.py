"""The status page, its JSON, and the answers of `/health` and `/ready`: pure functions, served by `routes`.

The page is one HTML document with its styles and scripts inside. It loads nothing, polls `/api/status` on the same
server, and its content security policy forbids everything else.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html as markup
import json
import string
import time
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import orjson

from agents.status.readiness import ailments, obstacles
from agents.web import status_document
from streams.texts.catalogues import say
from streams.texts.page import Page
from streams.texts.phrase import Language, negotiate
from streams.texts.states import States

if TYPE_CHECKING:
    from agents.status.worker import MonitorView

#: Content type of `/`.
HTML: Final = "text/html; charset=utf-8"
#: Content type of `/api/status`, `/health` and `/ready`.
JSON: Final = "application/json"
#: Headers of every response beside its content type.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}

_SCRIPTS: Final = ("format.js", "elements.js", "trend.js", "services.js", "pipeline.js", "page.js")


def choose_language(asked: str | None, accept_language: str | None) -> Language:
    """Language of the page: the one ``asked`` for (`?lang=`) if it is supported, else by the Accept-Language header."""
    return Language(asked) if asked in set(Language) else negotiate(accept_language)


@functools.cache
def html(language: Language) -> bytes:
    """The page in ``language``; the same bytes every time."""
    style, script = _asset("page.css"), _script(language)
    template = string.Template(_asset("page.html"))
    words = {f"{page.name.lower()}": markup.escape(page.say(language)) for page in Page}
    other = Language.EN if language is Language.ZH else Language.ZH
    return template.substitute(
        words, lang=language, other_lang=other, style=style, script=script, policy=_policy(style, script)
    ).encode()


def status_json(observed: MonitorView, language: Language, *, now: float | None = None) -> bytes:
    """Everything that the page shows, as JSON; `schemas/status.v1.schema.json` describes it.

    ``now`` is in seconds since 1970; without it, the clock is read.
    """
    return orjson.dumps(status_document.document(observed, language, time.time() if now is None else now))


def health(observed: MonitorView, language: Language = Language.EN) -> tuple[int, bytes]:
    """Liveness: 200, or 503 with reasons once the worker has stalled or lost its partitions.

    A process that answers 503 should be restarted.
    """
    status = observed.status()
    reasons = [ailment.say(language) for ailment in ailments(status)]
    return _answer(fine=not reasons, document={"healthy": not reasons, "state": status.state, "reasons": reasons})


def ready(observed: MonitorView, language: Language = Language.EN) -> tuple[int, bytes]:
    """Readiness: 200 once all assigned partitions have caught up, so that figures are complete; else 503."""
    status = observed.status()
    waiting_for = [obstacle.say(language) for obstacle in obstacles(status)]
    document = {
        "ready": not waiting_for,
        "state": status.state,
        "waiting_for": waiting_for,
        "waits": None if status.waits is None else say(status.waits, language),
        "warnings": list(status.warnings),
    }
    return _answer(fine=not waiting_for, document=document)


def _answer(*, fine: bool, document: dict[str, object]) -> tuple[int, bytes]:
    return HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE, orjson.dumps(document)


def _asset(name: str) -> str:
    return files("agents.web").joinpath("assets", name).read_text("utf-8")


def _script(language: Language) -> str:
    """The scripts in one closed scope, after the texts that they use.

    `<` is escaped in the texts, so that none of them can close the script element.
    """
    words = {phrase.key: phrase.say(language) for catalogue in (Page, States) for phrase in catalogue}
    texts = json.dumps(words, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
    parts = [f"const TEXTS = {texts};", f'const LANGUAGE = "{language}";', *map(_asset, _SCRIPTS)]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();\n"


def _policy(style: str, script: str) -> str:
    """Content security policy: this style, this script, requests to this server, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
