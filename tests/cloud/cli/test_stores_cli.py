"""`kega cloud store` and `kega cloud dead-letters` as a person calls them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Protocol

import pytest

from cloud.registry.database import open_registry
from cloud.registry.port import DeadLetter, DeviceBirth
from cloud.store.port import Scan
from cloud.store.sqlite import SqliteStore
from telemetry.cli import main
from tests.cloud.ingest.wire import AREA, DEVICE, GATEWAY, data, double, topic

NOW = time.time_ns() // 1_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "cloud.yaml"
    file.write_text(
        "broker: {url: 'mqtt://127.0.0.1:1'}\nstore: sqlite:///store.db\nregistry: sqlite:///registry.db\n"
        "secrets_dir: secrets\n"
    )
    store = SqliteStore(tmp_path / "store.db")
    store.write(
        [
            Scan("streetlight", AREA, GATEWAY, DEVICE, NOW - 5000, {"power_active": 41.5, "lamp_on": True}),
            Scan("streetlight", AREA, GATEWAY, DEVICE, NOW - 1000, {"power_active": None}),
            Scan("water_meter", AREA, GATEWAY, "wm-1", NOW - 3 * 86_400_000, {"flow_rate": 0.5}),
        ]
    )
    store.close()
    return file


class Kega(Protocol):
    def __call__(self, *arguments: str, code: int = 0) -> str: ...


@pytest.fixture
def kega(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kega:
    """`kega cloud …` with the test's settings: what it prints, the errors too where they are expected."""

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["kega", "cloud", *arguments, "--config", str(config)])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        assert ended.value.code == code, errors
        return output if code == 0 else output + errors

    return run


def keep(config: Path, reason: str, payload: bytes, size: int | None = None) -> int:
    registry = open_registry(f"sqlite:///{config.parent}/registry.db")
    registry.device_born(
        DeviceBirth(DEVICE, AREA, GATEWAY, "streetlight", "", "", None, None, (), time_ms=NOW)
    )
    letter = DeadLetter(
        0, NOW, topic(), reason, "'Power/Active' in class generic", size or len(payload), payload
    )
    registry.add_dead_letters([letter])
    number = registry.dead_letters(limit=1000)[-1].id
    registry.close()
    return number


def test_count_is_of_the_range_and_device(kega: Kega) -> None:
    assert json.loads(kega("store", "count", "--json"))["values"] == 3
    assert kega("store", "count", "--from", "-7d", "--device", "wm-1") == "1\n"


def test_a_time_that_is_none_is_a_mistake_of_use(kega: Kega) -> None:
    assert "--from" in kega("store", "count", "--from", "yesterday", code=2)


def test_latest_tells_value_time_and_quality(kega: Kega) -> None:
    found = json.loads(kega("store", "latest", "--json"))
    assert found[DEVICE]["power_active"] == {"time_ms": NOW - 1000, "value": None, "quality": "bad"}
    assert found["wm-1"]["flow_rate"]["value"] == 0.5
    assert "lamp_on" in kega("store", "latest", "--device", DEVICE)


def test_export_is_complete_and_in_order(kega: Kega, tmp_path: Path) -> None:
    lines = kega("store", "export", "--from", "-7d").splitlines()
    assert lines[0] == "time,device,field,value,quality"
    assert [line.split(",")[1:] for line in lines[1:]] == [
        [DEVICE, "lamp_on", "True", "good"],
        [DEVICE, "power_active", "41.5", "good"],
        [DEVICE, "power_active", "", "bad"],
        ["wm-1", "flow_rate", "0.5", "good"],
    ]
    out = tmp_path / "out.jsonl"
    kega("store", "export", "--json", "--out", str(out))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["field"], row["time_ms"]) for row in rows] == [
        ("lamp_on", NOW - 5000),
        ("power_active", NOW - 5000),
        ("power_active", NOW - 1000),
    ]


def test_a_store_that_cannot_be_reached_ends_with_3(config: Path, kega: Kega) -> None:
    config.write_text(config.read_text().replace("sqlite:///store.db", "influx1://127.0.0.1:1/kega"))
    assert "cannot be reached" in kega("store", "latest", code=3)


def test_dead_letters_are_listed_behind_an_id_and_shown(config: Path, kega: Kega) -> None:
    first = keep(config, "malformed", b"\xff\x00nonsense")
    second = keep(config, "unknown-metric", data(double("Power/Active", 2.5, NOW)))
    told = json.loads(kega("dead-letters", "list", "--json"))
    assert [letter["id"] for letter in told["items"]] == [first, second]
    assert told["counts"] == {"malformed": 1, "unknown-metric": 1}
    assert "malformed" not in kega("dead-letters", "list", "--after", str(first)).split("ever:")[0]
    assert "nonsense" in kega("dead-letters", "show", str(first))
    assert "Power/Active" in kega("dead-letters", "show", str(second))
    shown = json.loads(kega("dead-letters", "show", str(second), "--json"))
    assert shown["metrics"] == [{"name": "Power/Active", "type": "DOUBLE", "value": 2.5, "time": NOW}]
    assert "no dead letter 99" in kega("dead-letters", "show", "99", code=1)


def test_a_letter_whose_cause_is_mended_is_stored_by_a_replay(config: Path, kega: Kega) -> None:
    number = keep(config, "unknown-metric", data(double("Power/Active", 2.5, NOW)))
    told = json.loads(kega("dead-letters", "replay", str(number), "--json"))
    assert told == {"id": number, "values_stored": 1, "left": []}
    found = json.loads(kega("store", "latest", "--json", "--device", DEVICE))
    assert found[DEVICE]["power_active"] == {
        "time_ms": NOW,
        "value": 2.5,
        "quality": "good",
    }


def test_a_replay_tells_what_still_cannot_be_stored(config: Path, kega: Kega) -> None:
    number = keep(
        config, "unknown-metric", data(double("Power/Active", 2.5, NOW), double("Nobody/Knows", 1.0))
    )
    told = kega("dead-letters", "replay", str(number), code=1)
    assert "1 values stored" in told
    assert "still unknown-metric: 'Nobody/Knows'" in told


def test_a_cut_letter_and_one_of_an_unknown_device_are_not_replayed(config: Path, kega: Kega) -> None:
    cut = keep(config, "too-large", b"beginning", size=2_000_000)
    assert "only 9 were kept" in kega("dead-letters", "replay", str(cut), code=1)
    registry = open_registry(f"sqlite:///{config.parent}/registry.db")
    payload = data(double("Power/Active", 1.0))
    registry.add_dead_letters(
        [DeadLetter(0, NOW, topic(device="sl-9"), "malformed", "", len(payload), payload)]
    )
    registry.close()
    assert "no birth" in kega("dead-letters", "replay", str(cut + 1), code=1)


def test_a_kind_of_letters_is_replayed_exported_and_thrown_away(config: Path, kega: Kega) -> None:
    mended = keep(config, "unknown-metric", data(double("Power/Active", 2.5, NOW)))
    cut = keep(config, "unknown-metric", b"beginning", size=2_000_000)
    other = keep(config, "malformed", b"nonsense")
    exported = [json.loads(line) for line in kega("dead-letters", "export").splitlines()]
    assert [each["id"] for each in exported] == [mended, cut, other]
    assert bytes.fromhex(exported[1]["payload_hex"]) == b"beginning"
    told = kega("dead-letters", "replay", "--reason", "unknown-metric", "--delete", code=1)
    assert f"dead letter {mended}: 1 values stored" in told
    assert "still refused: " in told
    left = json.loads(kega("dead-letters", "list", "--json"))["items"]
    assert [each["id"] for each in left] == [cut, other]
    assert "name letters" in kega("dead-letters", "replay", code=2)
    assert "1 dead letters" in kega("dead-letters", "purge", "--reason", "malformed", "--yes")
    assert json.loads(kega("dead-letters", "purge", "--older-than-days", "0", "--yes", "--json")) == {
        "thrown_away": 1
    }
    assert json.loads(kega("dead-letters", "list", "--json"))["items"] == []
