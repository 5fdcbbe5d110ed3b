"""Publishing dashboards to a running Grafana through its HTTP API, one folder for each language.

Publishing again only changes the dashboards' versions: folders and dashboards are identified by their uids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from dashboards import generate
from dashboards.boards import service_levels
from streams.texts.phrase import Text, in_language

#: Uids of the folders; the provisioning files in deploy/grafana name the same.
FOLDER_UID: Final = Text("slm-en", "slm-zh")

#: Seconds before each further attempt if Grafana is unreachable, overloaded or failing.
PAUSES: Final = (0.5, 1.0, 2.0)

#: Seconds that Grafana has for an answer.
_TIMEOUT: Final = 10.0

T = TypeVar("T")


class PublishError(Exception):
    """Grafana refused something; the message is one line that says what to do."""


class UnreachableError(PublishError):
    """Grafana did not answer in any attempt, or only with errors of its own."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A dashboard and its folder."""

    folder_uid: str
    folder_title: str
    dashboard: Mapping[str, Any]


def publications() -> list[Publication]:
    """All dashboards in all languages, each language in its own folder."""
    return [
        Publication(in_language(FOLDER_UID, language), in_language(service_levels.FOLDER, language), dashboard)
        for language, dashboard in generate.dashboards()
    ]


def publish(
    found: Iterable[Publication], url: str, token: str, *, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Publish dashboards and return their addresses.

    Args:
        found: dashboards with their folders, which are created if they are missing.
        url: Grafana's address, such as `http://127.0.0.1:3000`, with its path if it has one.
        token: of a service account that may write dashboards and folders.
        sleep: waits between attempts.

    Raises:
        UnreachableError: Grafana cannot be reached.
        PublishError: Grafana refuses, or the address is not one of Grafana's API.
    """
    grafana = _Grafana(url, token, sleep)
    return [grafana.publish(publication) for publication in found]


class _Grafana:
    def __init__(self, url: str, token: str, sleep: Callable[[float], None]) -> None:
        parts = _split(url)
        # Without a port it is that of the scheme; `netloc` keeps the brackets of an IPv6 address.
        self._face = GrafanaFace(
            auth=token,
            host=parts.netloc,
            protocol=parts.scheme,
            url_path_prefix=f"{parts.path.strip('/')}/" if parts.path.strip("/") else "",
            timeout=_TIMEOUT,
        )
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._url = url
        self._sleep = sleep

    def publish(self, publication: Publication) -> str:
        self._ensure_folder(publication.folder_uid, publication.folder_title)
        request = {
            "dashboard": {**publication.dashboard, "id": None},
            "folderUid": publication.folder_uid,
            "overwrite": True,
            "message": "slm generate dashboards --publish",
        }
        answer = self._ask(
            lambda: self._face.dashboard.update_dashboard(request), f"dashboard {publication.dashboard['uid']}"
        )
        if not isinstance(answer, dict) or "url" not in answer:
            raise PublishError(_not_grafana(self._url))
        return f"{self._base}{answer['url']}"

    def _ensure_folder(self, uid: str, title: str) -> None:
        what = f"folder {uid}"
        try:
            self._ask(lambda: self._face.folder.get_folder(uid), what)
        except _MissingError:
            try:
                self._ask(lambda: self._face.folder.create_folder(title, uid), what)
            except _ConflictError:
                return  # created by another publisher meanwhile

    def _ask(self, request: Callable[[], T], what: str) -> T:
        """Repeat a request until Grafana answers or no attempts are left. Every request here is idempotent."""
        for pause in (*PAUSES, None):
            try:
                return request()
            except (GrafanaException, OSError, ValueError, TypeError) as error:
                final = _judge(error, self._url, what)
                if pause is None or not isinstance(final, UnreachableError):
                    raise final from None
                self._sleep(pause)
        raise AssertionError


class _MissingError(PublishError):
    """The folder does not exist."""


class _ConflictError(PublishError):
    """The folder or dashboard exists already, or cannot be overwritten."""


def _split(url: str) -> Any:  # noqa: ANN401 - urlsplit's result has no public name
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        message = f"{url!r} is no address of a Grafana; write one such as http://127.0.0.1:3000"
        raise PublishError(message)
    if "@" in parts.netloc:
        message = "the address holds a name or password, which process lists show; leave it out, a token is enough"
        raise PublishError(message)
    return parts


def _judge(error: Exception, url: str, what: str) -> PublishError:
    """An error of grafana-api as one line that says what to do."""
    match error:
        case GrafanaServerError():
            return UnreachableError(f"{url}: Grafana fails: {_one_line(error)}; look at its log")
        case GrafanaClientError():
            return _judge_refusal(error, url, what)
        case ValueError() | TypeError():
            # The answer was no JSON; grafana-api raises TypeError for an error page with "message" in its text.
            return PublishError(_not_grafana(url))
        case _:
            return UnreachableError(f"{url}: Grafana cannot be reached ({_one_line(error)}); check address and network")


def _judge_refusal(error: GrafanaClientError, url: str, what: str) -> PublishError:
    said = _one_line(error)
    match error.status_code:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return UnreachableError(f"{url}: Grafana asks for fewer requests: {said}")
        case HTTPStatus.UNAUTHORIZED:
            return PublishError(f"{url}: Grafana does not accept the token; create one for a service account")
        case HTTPStatus.FORBIDDEN:
            return PublishError(f"{url}: the token may not write {what}; give its service account the role Editor")
        case HTTPStatus.NOT_FOUND:
            return _MissingError(f"{url}: Grafana does not know {what}: {said}")
        case HTTPStatus.CONFLICT | HTTPStatus.PRECONDITION_FAILED:
            return _ConflictError(f"{url}: Grafana refuses {what}: {said}")
        case _:
            return PublishError(f"{url}: Grafana refuses {what}: {said}")


def _not_grafana(url: str) -> str:
    return f"{url}: what answers is not Grafana's API; name the address that a browser shows, with any path before /d/"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
