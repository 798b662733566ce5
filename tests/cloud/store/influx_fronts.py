"""Stand-ins for InfluxDB 2.x and 3 over a real InfluxDB 1.x: the published interface, answers as recorded.

Buckets, organizations, DBRP mappings and `configure/database` are kept here; writes and queries go to the
real server. Neither version can be installed from Debian, so this is what tests can hold kega to.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "secret"
ORG_ID = "0a1b2c3d4e5f6071"


class Front(ABC):
    """Listens on a free port; every request needs the token."""

    version = "v2.7.11"
    build = "OSS"
    schemes: tuple[str, ...] = ("Token",)

    def __init__(self, target: str) -> None:
        self.target = target
        self.buckets: dict[str, dict[str, Any]] = {}
        self.mappings: list[dict[str, Any]] = []
        self.databases: dict[str, str | None] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def make_database(self, name: str) -> None:
        statement = urlencode({"q": f'CREATE DATABASE "{name}"'}).encode()
        urllib.request.urlopen(f"{self.target}/query", statement).close()

    @abstractmethod
    def answer(self, method: str, path: str, asked: dict[str, str], body: Any) -> tuple[int, Any] | None:
        """The answer of a path that is kept here; None for one that goes to the real server."""


class Front2(Front):
    """InfluxDB 2.7: organization `kega`."""

    def answer(self, method: str, path: str, asked: dict[str, str], body: Any) -> tuple[int, Any] | None:
        match method, path.split("/")[3:]:
            case "GET", ["orgs"]:
                found = [{"id": ORG_ID, "name": "kega"}] if asked.get("org") == "kega" else []
                return (200, {"orgs": found}) if found else (404, {"code": "not found", "message": "x"})
            case "GET", ["buckets"]:
                found = [each for each in self.buckets.values() if each["name"] == asked["name"]]
                return 200, {"links": {}, "buckets": found}
            case "POST", ["buckets"]:
                if body["name"] in self.buckets:
                    return 422, {"code": "conflict", "message": f"bucket with name {body['name']} exists"}
                made = {"id": f"{len(self.buckets):016x}", "type": "user", **body}
                self.buckets[body["name"]] = made
                self.make_database(body["name"])
                return 201, made
            case "PATCH", ["buckets", bucket_id]:
                bucket = next(each for each in self.buckets.values() if each["id"] == bucket_id)
                bucket.update(body)
                return 200, bucket
            case "GET", ["dbrps"]:
                return 200, {"content": [each for each in self.mappings if each["database"] == asked["db"]]}
            case "POST", ["dbrps"]:
                self.mappings.append({"id": "1", **body})
                return 201, self.mappings[-1]
        return None


class Front3(Front):
    """InfluxDB 3 Core: one statement a query, retention only when a database is made."""

    version = "3.2.1"
    build = "Core"
    schemes = ("Token", "Bearer")

    def answer(self, method: str, path: str, asked: dict[str, str], body: Any) -> tuple[int, Any] | None:
        if path == "/ping":
            return 200, {"version": self.version, "revision": "4d1ae3bd77", "process_id": "x"}
        if path == "/api/v3/configure/database" and method == "GET":
            return 200, [{"iox::database": name} for name in sorted(self.databases)]
        if path == "/api/v3/configure/database" and method == "POST":
            if body["db"] in self.databases:
                return 409, {"error": "attempted to create a resource that already exists"}
            self.databases[body["db"]] = body.get("retention_period")
            self.make_database(body["db"])
            return 200, None
        if path == "/query" and ";" in (asked.get("q") or ""):
            return 400, {"error": "expected one statement"}
        return None


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        do_PATCH = do_POST  # noqa: N815

        def _serve(self, body: bytes) -> None:
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            if scheme not in front.schemes or token != TOKEN:
                return self._answer(401, b'{"code":"unauthorized","message":"unauthorized access"}')
            parts = urlsplit(self.path)
            asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            form = self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
            if form:
                asked |= {key: values[-1] for key, values in parse_qs(body.decode()).items()}
            is_json = body.startswith(b"{")
            kept = front.answer(self.command, parts.path, asked, json.loads(body) if is_json else None)
            if kept is not None:
                status, told = kept
                return self._answer(status, b"" if told is None else json.dumps(told).encode())
            return self._forward(parts.path, asked, body)

        def _forward(self, path: str, asked: dict[str, str], body: bytes) -> None:
            if path == "/api/v2/write":
                if asked["precision"] not in ("ns", "us", "ms", "s"):
                    return self._answer(400, b'{"code":"invalid","message":"precision"}')
                precision = {"us": "u", "ns": "n"}.get(asked["precision"], asked["precision"])
                target = "/write?" + urlencode({"db": asked["bucket"], "precision": precision})
            elif path == "/query":
                target, body = "/query", urlencode(asked).encode()
            elif path == "/ping":
                return self._answer(204, b"")
            else:
                return self._answer(404, b'{"code":"not found","message":"path not found"}')
            request = urllib.request.Request(front.target + target, body)
            try:
                with urllib.request.urlopen(request) as answer:
                    return self._answer(answer.status, answer.read())
            except urllib.error.HTTPError as error:
                return self._answer(error.code, error.read())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("X-Influxdb-Version", front.version)
            self.send_header("X-Influxdb-Build", front.build)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silence."""

    return Handler
