"""Boards pushed to a stand-in for Grafana's HTTP API, which records what it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.servers import free_port

pytestmark = pytest.mark.grafana

TOKEN = "glsa_right"


class Grafana(ThreadingHTTPServer):
    """The few requests of Grafana's API that a publisher needs, with its rules for them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[tuple[str, str]] = []
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        match method, path.partition("?")[0].removeprefix("/api").strip("/").split("/"):
            case "GET", ["folders"]:
                return 200, list(self.folders.values())
            case "POST", ["folders"]:
                self.folders[body["uid"]] = body
                return 200, body
            case "GET", ["datasources"]:
                return 200, list(self.sources.values())
            case "POST", ["datasources"]:
                self.sources[body["uid"]] = body
                return 200, {"datasource": body, "message": "Datasource added"}
            case "PUT", ["datasources", "uid", uid]:
                self.sources[uid] = body
                return 200, {"datasource": body, "message": "Datasource updated"}
            case "POST", ["dashboards", "db"]:
                board = body["dashboard"]
                if body["folderUid"] not in self.folders:
                    return 404, {"message": "folder not found"}
                self.boards[board["uid"]] = body
                return 200, {"status": "success", "uid": board["uid"], "version": 1}
        return 404, {"message": f"{method} {path} is not known here"}


class Handler(BaseHTTPRequestHandler):
    server: Grafana

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.asked.append((self.command, self.path))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, answer = 401, {"message": "Invalid API key"}
        else:
            status, answer = self.server.answer(self.command, self.path, body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with Grafana() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def push(url: str, folder: Path, *options: str, token: str = TOKEN) -> Any:
    from cloud.cli.boards import boards

    file = folder / "token"
    file.write_text(token + "\n")
    return CliRunner().invoke(boards, ["push", "--url", url, "--token-file", str(file), "--json", *options])


def test_push_makes_folder_source_and_boards(grafana: Grafana, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mật khẩu\n")
    options = ["--store-url", "influx1://an:x@h:8086/kega", "--secret-file", str(secret)]
    result = push(grafana.url, tmp_path, *options)
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads(result.output)["done"][:2] == ["folder kega: created", "data source kega: created"]
    assert len(grafana.boards) == 7
    for body in grafana.boards.values():
        assert (body["folderUid"], body["overwrite"], body["dashboard"]["id"]) == ("kega", True, None)
    assert grafana.sources["kega-store"]["secureJsonData"] == {"password": "mật khẩu"}
    assert TOKEN not in result.output


def test_pushing_again_makes_nothing_twice(grafana: Grafana, tmp_path: Path) -> None:
    for _ in range(2):
        result = push(grafana.url, tmp_path, "--store-url", "influx1://h/kega")
        assert result.exit_code == 0, (result.output, result.exception)
    methods = [asked for asked in grafana.asked if asked[0] != "GET"]
    assert methods.count(("POST", "/api/folders")) == 1
    assert methods.count(("POST", "/api/datasources")) == 1
    assert methods.count(("PUT", "/api/datasources/uid/kega-store")) == 1
    assert len(grafana.boards) == 7


def test_without_a_store_the_sources_are_left_alone(grafana: Grafana, tmp_path: Path) -> None:
    assert push(grafana.url, tmp_path, "--lang", "en").exit_code == 0
    assert grafana.sources == {}
    assert grafana.boards["kega-streetlight"]["dashboard"]["title"] == "Streetlight"


def test_a_wrong_token_is_told(grafana: Grafana, tmp_path: Path) -> None:
    from cloud.boards.errors import GrafanaRefused

    result = push(grafana.url, tmp_path, token="glsa_wrong")
    assert isinstance(result.exception, GrafanaRefused)
    assert "role Admin" in str(result.exception)
    assert "glsa_wrong" not in str(result.exception)


def test_a_grafana_that_is_not_there_is_told(tmp_path: Path) -> None:
    from cloud.boards.errors import GrafanaUnreachable

    result = push(f"http://127.0.0.1:{free_port()}", tmp_path)
    assert isinstance(result.exception, GrafanaUnreachable)
    assert result.exception.unreachable


def test_a_secret_that_is_needed_must_be_given(grafana: Grafana, tmp_path: Path) -> None:
    result = push(grafana.url, tmp_path, "--store-url", "influx1://an:x@h/kega")
    assert result.exit_code == 2
    assert "--secret-file" in result.output
    assert grafana.asked == []
