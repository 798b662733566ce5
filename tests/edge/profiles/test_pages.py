"""docs/devices is made from the profiles, and says what a technician needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli.main import edge
from edge.documents.pages import INDEX, device_pages
from telemetry.devices.library import Library

LIBRARY = Library.shipped()
FOLDER = Path(__file__).parents[3] / "docs" / "devices"
PAGES = device_pages(LIBRARY)


def test_pages_are_up_to_date() -> None:
    have = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")}
    assert sorted(have) == sorted(PAGES), "run `kega edge profiles docs docs/devices`"
    stale = [name for name, text in PAGES.items() if have[name] != text]
    assert not stale, "run `kega edge profiles docs docs/devices`"


@pytest.mark.parametrize("profile_id", LIBRARY.profile_ids())
def test_page_says_what_a_technician_needs(profile_id: str) -> None:
    profile, page = LIBRARY.profile(profile_id), PAGES[f"{profile_id}.md"]
    assert profile.title_vi
    assert profile.title_vi in page
    assert f"Evidence **{profile.evidence}**" in page
    for point in profile.points:
        assert f"`{point.key}`" in page
        for mapping in point.mappings:
            assert f"`{mapping.metric}`" in page
    for section in ("## Wiring", "## In the gateway's configuration", "## Points", "## Trying it"):
        assert section in page
    assert ("Not to be used yet" in page) == bool(profile.disabled)
    assert f"({profile_id}.md)" in PAGES[INDEX]
    for other in profile.alike:
        assert other in LIBRARY.profile_ids()


def test_command_writes_changes_and_only_them(tmp_path: Path) -> None:
    def run(*arguments: str) -> dict[str, object]:
        result = CliRunner().invoke(edge, ["profiles", "docs", str(tmp_path), "--json", *arguments])
        answer: dict[str, object] = json.loads(result.stdout)
        return {**answer, "code": result.exit_code}

    assert run("--check")["code"] == 1
    assert len(list(tmp_path.iterdir())) == 0
    run()
    assert run("--check") == {"pages": len(PAGES), "changed": [], "gone": [], "code": 0}
    (tmp_path / "xy_md02.md").write_text("old", encoding="utf-8")
    (tmp_path / "gone_model.md").write_text("old", encoding="utf-8")
    assert run()["changed"] == ["xy_md02.md"]
    assert not (tmp_path / "gone_model.md").exists()


def test_models_are_listed() -> None:
    listed = CliRunner().invoke(edge, ["profiles", "list", "--class", "truck"])
    assert [line.split()[0] for line in listed.output.splitlines()] == [
        "nmea_gnss", "teltonika_codec8", "truck_digital_inputs",
    ]  # fmt: skip
    lines = CliRunner().invoke(edge, ["profiles", "list", "--json"]).output.splitlines()
    assert {json.loads(line)["profile"] for line in lines} == set(LIBRARY.profile_ids())
