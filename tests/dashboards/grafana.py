"""A small HTTP server that plays Grafana, for want of a Grafana on test machines.

It follows the documentation of Grafana's HTTP API (folders and dashboards): `GET` and `POST /api/folders`,
`POST /api/dashboards/db`, their status codes and the form of their answers. What Grafana does beyond that is not here.
"""

from __future__ import annotations

import json
from collections import deque
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_test"  # noqa: S105 - it opens nothing

Answer = tuple[int, object]


class MockGrafana(ThreadingHTTPServer):
    """Keeps folders and dashboards in memory. ``interruptions`` are answered first, each once."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prefix = prefix
        self.folders: dict[str, str] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.interruptions: deque[Answer] = deque()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{self.prefix}"

    def answer(self, method: str, path: str, token: str | None, body: Any) -> Answer:
        self.requests.append(f"{method} {path}")
        if self.interruptions:
            return self.interruptions.popleft()
        if token != f"Bearer {TOKEN}":
            return HTTPStatus.UNAUTHORIZED, {"message": "Invalid API key"}
        match method, path.removeprefix(self.prefix).split("/")[1:]:
            case "GET", ["api", "folders", uid]:
                return self._get_folder(uid)
            case "POST", ["api", "folders"]:
                return self._create_folder(body)
            case "POST", ["api", "dashboards", "db"]:
                return self._save(body)
        return HTTPStatus.NOT_FOUND, {"message": "Not found"}

    def _get_folder(self, uid: str) -> Answer:
        if uid not in self.folders:
            return HTTPStatus.NOT_FOUND, {"message": "folder not found", "status": "not-found"}
        return HTTPStatus.OK, {"id": 1, "uid": uid, "title": self.folders[uid]}

    def _create_folder(self, body: Any) -> Answer:
        if body["uid"] in self.folders:
            return HTTPStatus.CONFLICT, {"message": "a folder with that uid already exists"}
        self.folders[body["uid"]] = body["title"]
        return HTTPStatus.OK, {"id": 1, **body}

    def _save(self, body: Any) -> Answer:
        dashboard = body["dashboard"]
        if dashboard["id"] is not None or not dashboard["title"]:
            return HTTPStatus.BAD_REQUEST, {"message": "bad request data"}
        if body["folderUid"] not in self.folders:
            return HTTPStatus.BAD_REQUEST, {"message": "folder not found"}
        known = self.dashboards.get(dashboard["uid"])
        if known and not body["overwrite"]:
            message = "A dashboard with the same uid already exists"
            return HTTPStatus.PRECONDITION_FAILED, {"message": message, "status": "name-exists"}
        version = known["version"] + 1 if known else 1
        self.dashboards[dashboard["uid"]] = {**body, "version": version}
        url = f"{self.prefix}/d/{dashboard['uid']}/{dashboard['uid']}"
        return HTTPStatus.OK, {"uid": dashboard["uid"], "url": url, "status": "success", "version": version}


class _Handler(BaseHTTPRequestHandler):
    server: MockGrafana
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _reply(self, body: object) -> None:
        status, content = self.server.answer(self.command, self.path, self.headers.get("Authorization"), body)
        text = content if isinstance(content, str) else json.dumps(content)
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(content, str) else "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the standard library gave it
        """Say nothing."""
