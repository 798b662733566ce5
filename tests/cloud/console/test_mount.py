"""The console beside the API: who answers which path, and what it costs to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cloud.console.geo import PHAN_THIET, PROVINCE
from cloud.console.paths import FOLDER
from cloud.console.texts import TEXTS

PROBE = """
import asyncio, json, sys
from pathlib import Path
import httpx
from tests.cloud.console.fake_api import Province, fake_api, mount

assert "nicegui" not in sys.modules, "importing cloud.console imports nicegui"
app = fake_api(Province())
mount(app, state_dir=Path(sys.argv[1]))

async def ask():
    answers = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kega.test") as http:
        for path in sys.argv[2:]:
            answer = await http.get(path)
            answers[path] = [answer.status_code, answer.headers.get("location", ""), dict(answer.headers)]
    return answers

async def main():
    async with app.router.lifespan_context(app):
        answers = await ask()
        from nicegui import Client
        print(json.dumps([answers, len(Client.instances)]))

asyncio.run(main())
"""


def answers(tmp_path: Path, *paths: str) -> tuple[dict[str, list[object]], int]:
    """What the application answers, asked in a process of its own: NiceGUI keeps module state."""
    command = [sys.executable, "-c", PROBE, str(tmp_path), *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told: tuple[dict[str, list[object]], int] = json.loads(done.stdout)
    return told


def test_who_answers_which_path(tmp_path: Path) -> None:
    marks, communes = "/console/static/map_marks.js", "/console/geo/communes.geojson"
    paths = ("/", "/login", "/api/v1/me", "/console/markers", marks, communes, "/nothing", "/favicon.ico")
    told, pages_in_memory = answers(tmp_path, *paths)
    status = {path: answer[0] for path, answer in told.items()}
    assert status == {
        "/": 303,
        "/login": 200,
        "/api/v1/me": 401,
        "/console/markers": 401,
        marks: 200,
        communes: 200,
        "/nothing": 404,
        "/favicon.ico": 200,
    }
    assert told["/"][1] == "/login"
    assert pages_in_memory == 0, "people who are not logged in must leave nothing in memory"
    for path, (_, _, headers) in told.items():
        assert isinstance(headers, dict)
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


def test_the_base_map_is_whole_and_names_its_sources() -> None:
    folder = FOLDER / "geo"
    communes = json.loads((folder / "communes.geojson").read_text(encoding="utf-8"))["features"]
    assert len(communes) == 45
    assert {"Phan Thiết", "Mũi Né", "Phú Quý"} <= {each["properties"]["name"] for each in communes}
    roles = [
        each["properties"]["role"]
        for each in json.loads((folder / "coast.geojson").read_text(encoding="utf-8"))["features"]
    ]
    assert roles == ["sea", "land", "coast"]
    phan_thiet = next(each["properties"] for each in communes if each["properties"]["name"] == "Phan Thiết")
    for west, south, east, north in (PHAN_THIET, PROVINCE):
        assert west < phan_thiet["label_lon"] < east
        assert south < phan_thiet["label_lat"] < north
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for source in ("thanglequoc/vietnamese-provinces-database", "sapnhap.bando.com.vn", "Natural Earth"):
        assert source in readme
        assert source in TEXTS["map_source"].vi
        assert source in TEXTS["map_source"].en


FORBIDDEN = ("//cdn", "https://", "v-html", "innerHTML", "ui.html", "ui.markdown", "run_javascript")


def test_no_file_of_the_console_asks_another_host_or_makes_markup_of_data() -> None:
    for file in FOLDER.rglob("*"):
        if file.suffix in (".js", ".css", ".html", ".py"):
            text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            for forbidden in (
                "//cdn",
                "https://",
                "v-html",
                "innerHTML",
                "ui.html",
                "ui.markdown",
                "run_javascript",
            ):
                assert forbidden not in text, f"{file.name}: {forbidden}"
