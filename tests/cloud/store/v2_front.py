"""A front for a real InfluxDB 1.x that offers /api/v2/write and says it were 2.7, as 2.x serves both APIs."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit


class V2Front:
    """Listens on a free port; every request needs the token `secret`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def create(self, bucket: str) -> None:
        """Make a bucket; on 2.x an administrator does it."""
        statement = urlencode({"q": f'CREATE DATABASE "{bucket}"'}).encode()
        urllib.request.urlopen(f"{self._target}/query", statement).close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        target = self._target

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._forward(None)

            def do_POST(self) -> None:
                self._forward(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _forward(self, body: bytes | None) -> None:
                if self.headers.get("Authorization") != "Token secret":
                    return self._answer(401, b'{"code": "unauthorized", "message": "unauthorized access"}')
                path = self.path
                parts = urlsplit(path)
                if parts.path == "/api/v2/write":
                    asked = parse_qs(parts.query)
                    path = "/write?" + urlencode(
                        {"db": asked["bucket"][0], "precision": asked["precision"][0]}
                    )
                try:
                    with urllib.request.urlopen(target + path, body) as answer:
                        return self._answer(answer.status, answer.read())
                except urllib.error.HTTPError as error:
                    return self._answer(error.code, error.read())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("X-Influxdb-Version", "v2.7.0")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silence."""

        return Handler
