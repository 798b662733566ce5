"""`kega cloud init-store`, `backup`, `import` and `store export` as a person calls them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Protocol

import pytest

from cloud.registry.database import open_registry
from cloud.registry.port import DeviceBirth
from cloud.store.sqlite import SqliteStore
from telemetry.cli import main


class Kega(Protocol):
    def __call__(self, *arguments: str, code: int = 0) -> str: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cloud.yaml").write_text(
        "broker: {url: 'mqtt://127.0.0.1:1'}\nstore: sqlite:///store.db\nregistry: sqlite:///registry.db\n"
        "secrets_dir: secrets\nretention: {raw_days: 4000, rollup_days: 8000}\n"
    )
    registry = open_registry(f"sqlite:///{tmp_path}/registry.db")
    registry.device_born(
        DeviceBirth("sl-1", "p060", "eg-1", "streetlight", "", "", None, None, (), time_ms=1)
    )
    registry.close()
    return tmp_path


@pytest.fixture
def kega(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kega:
    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(
            sys, "argv", ["kega", "cloud", *arguments, "--config", str(folder / "cloud.yaml")]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        assert ended.value.code == code, errors
        return output if code == 0 else output + errors

    return run


HISTORY = (
    "time,device,power_active\n2025-01-01T00:00:00Z,sl-1,40\n2025-01-01T01:00:00Z,sl-1,50\n"
    "2025-01-01T02:00:00Z,sl-7,1\n"
)


def test_history_is_loaded_exported_and_backed_up(kega: Kega, folder: Path) -> None:
    made = json.loads(kega("init-store", "--json"))
    assert [each["did"] for each in made["steps"]] == ["made", "changed"]
    assert "kept" in kega("init-store")
    (folder / "history.csv").write_text(HISTORY)
    told = kega("import", str(folder / "history.csv"), code=1)
    assert "3 rows, 2 values stored, 1 rejected" in told
    assert "history.csv.rejected.csv" in told
    again = json.loads(kega("import", str(folder / "history.csv"), "--json", code=1))
    assert again["files"][0]["values"] == 2
    registry = open_registry(f"sqlite:///{folder}/registry.db")
    assert [each.device for each in registry.late_ranges()] == ["sl-1"]  # to be rolled up
    registry.close()
    kega("store", "export", "--from", "2025-01-01T00:00:00Z", "--out", str(folder / "out.parquet"))
    loaded = kega("import", str(folder / "out.parquet"))
    assert "2 rows, 2 values stored, 0 rejected" in loaded
    body = json.loads(kega("backup", "--out", str(folder / "backups"), "--json"))
    assert [each["what"] for each in body["files"]] == ["registry", "store"]
    copy = SqliteStore(Path(body["files"][1]["file"]))
    assert copy.count(0, 10**13) == 2
    copy.close()


def test_mistakes_of_use_are_told(kega: Kega, folder: Path) -> None:
    (folder / "history.csv").write_text(HISTORY)
    assert "COLUMN=POINT" in kega("import", str(folder / "history.csv"), "--map", "x", code=2)
    assert "no time zone" in kega("import", str(folder / "history.csv"), "--zone", "Mars/Olympus", code=2)
    assert "--out FILE.parquet" in kega("store", "export", "--format", "parquet", code=2)
    assert "cannot be written" in kega("store", "export", "--out", "/nowhere/x.csv", code=1)


def test_a_server_is_backed_up_by_its_own_tool(kega: Kega, folder: Path) -> None:
    text = (folder / "cloud.yaml").read_text().replace("sqlite:///store.db", "influx1://127.0.0.1:1/kega")
    (folder / "cloud.yaml").write_text(text)
    told = kega("backup", "--out", str(folder / "backups"), code=1)
    assert "influxd backup -portable" in told
    assert "registry.db" in told
