"""sim.yaml: what is wrong in it is named by line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.errors import SimConfigError
from simulators.settings import SimSettings, load_settings

GOOD = """\
control: sim.sock
lines:
  - {id: a, kind: modbus-rtu, link: lines/a}
devices:
  - id: sl-000001
    class: streetlight
    gateway: eg-0001
    instruments:
      - {profile: waveshare_relay8, line: a, map: {relay_1: Lamp/On}}
"""


def _load(folder: Path, text: str) -> SimSettings:
    file = folder / "sim.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_paths_are_seen_from_the_file(tmp_path: Path) -> None:
    settings = _load(tmp_path, GOOD + "weather_csv: {file: mine.csv}\n")
    assert settings.control == tmp_path / "sim.sock"
    assert settings.lines[0].link == tmp_path / "lines/a"  # type: ignore[union-attr]
    assert settings.weather_csv.file == tmp_path / "mine.csv"
    assert settings.routes.is_file()
    assert settings.air.file.is_file()
    mapped = settings.devices[0].instruments[0].map["relay_1"]
    assert mapped is not None
    assert mapped.metric == "Lamp/On"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: modbus-rtu", "kind: modbus-ascii", "sim.yaml:3: lines.0"),
        ("line: a,", "line: b,", "device sl-000001: no line 'b'"),
        ("id: sl-000001", "id: Đèn 1", "sim.yaml:5: devices.0.id"),
        ("gateway: eg-0001", "gatway: eg-0001", "devices.0.gatway: is not a known field"),
        ("control:", "seed: one\ncontrol:", "sim.yaml:1: seed"),
        ("control:", "latitude: 70\ncontrol:", "sim.yaml:1: latitude"),
        ("control:", "air_factor: 0\ncontrol:", "sim.yaml:1: air_factor"),
        ("lines:\n", "lines:\n  - {id: a, kind: serial, link: b}\n", "line given twice: a"),
        ("lines:\n", "lines:\n  - {id: b, kind: serial, link: lines/a}\n", "link given twice: lines/a"),
        ("lines:", "lines: [", "is no YAML"),
    ],
)
def test_faults_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(SimConfigError) as caught:
        _load(tmp_path, GOOD.replace(old, new, 1))
    assert words in str(caught.value)
