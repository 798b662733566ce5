"""Device profiles that a person wrote wrongly; the shipped ones are tested with their drivers."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry.devices.library import Library
from telemetry.devices.profiles import load_profile
from telemetry.errors import ProfileError

GOOD = """\
profile: acme_meter
title: Acme meter
class: streetlight
evidence: B
driver: modbus
transports: [modbus-rtu]
points:
  - {key: voltage, unit: V, fc: 4, address: 0, type: f32_be, canonical: {point: Power/Voltage}}
  - {key: relay_1, fc: 1, write_fc: 5, access: rw, type: bool, address: 0, repeat: 2}
spoils:
  - {when: voltage, below: 10, spoils: [relay_1], reason: no supply}
vectors:
  - {name: one, request: "00", response: "00", expect: {voltage: 230.2}}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "acme_meter.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_profile_is_read(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, GOOD), Library.shipped().classes)
    assert [point.key for point in profile.expanded] == ["voltage", "relay_1", "relay_2"]
    assert [point.address for point in profile.expanded[1:]] == [0, 1]
    assert profile.by_key["relay_2"].canonical is None
    assert profile.spoils[0].applies(9.5)
    assert not profile.spoils[0].applies(None)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        (
            "address: 0, type: f32_be",
            "address: 70000, type: f32_be",
            8,
            "points.0.address: Input should be less",
        ),
        ("type: f32_be", "type: f32", 8, "points.0.type: Input should be 'bool'"),
        ("type: f32_be, ", "", 8, "points.0: point voltage: a Modbus point needs a type"),
        ("fc: 4, ", "", 8, "points.0: point voltage: a readable Modbus point needs fc 1-4"),
        ("write_fc: 5, ", "", 9, "points.1: point relay_1: a writable Modbus point needs write_fc"),
        ("key: relay_1", "key: relay", 9, "point relay: a repeated point's key"),
        ("key: voltage", "keys: voltage", 8, "points.0.key: is missing"),
        ("evidence: B", "evidence: D", 4, "evidence: Input should be 'A', 'B' or 'C'"),
        (
            "spoils: [relay_1]",
            "spoils: [relay_9]",
            0,
            "spoils voltage: 'relay_9' is no point of this profile",
        ),
        ("expect: {voltage", "expect: {volt", 0, "vector one: 'volt' is no point of this profile"),
        (
            "Power/Voltage",
            "Power/Volt",
            0,
            "points.0.canonical: 'Power/Volt' is no point of class streetlight",
        ),
        ("class: streetlight", "class: lamp", 0, "class: 'lamp' is none of air_station"),
        ("profile: acme_meter", "profile: acme", 1, "profile: 'acme' is not the file's name 'acme_meter'"),
    ],
)
def test_a_wrong_profile_names_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, told: str
) -> None:
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ProfileError) as failure:
        load_profile(file, Library.shipped().classes)
    place = f"{file}:{line}: " if line else f"{file}"
    lines = str(failure.value).splitlines()
    assert any(each.startswith(place) and told in each for each in lines), lines


def test_every_shipped_profile_loads() -> None:
    library = Library.shipped()
    for profile_id in library.profile_ids():
        assert library.profile(profile_id).id == profile_id
