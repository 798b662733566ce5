"""Device classes: those that ship, and how a wrong file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry.devices.classes import DeviceClass, Text, field_name, load_class
from telemetry.devices.library import Library, shipped_configs
from telemetry.errors import ClassError, KegaError
from telemetry.readings import Value, ValueType

GOOD = """\
class: lamp
version: 1
title: {vi: Đèn, en: Lamp}
northbound: Streetlight
expected_every_s: 30
points:
  - {metric: Lamp/On, type: boolean, writable: true, title: {vi: Bật, en: Lit}}
  - {metric: Power/Active, type: double, unit: W, range: [0, 100], title: {vi: Công suất, en: Power}}
alarms:
  - id: lamp-out
    point: Power/Active
    below: 5
    while: {Lamp/On: true}
    severity: major
    text: {vi: "{value} W", en: "{value} W"}
    advice: {vi: Kiểm tra, en: Check}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "lamp.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_class_is_read(tmp_path: Path) -> None:
    lamp = load_class(write(tmp_path, GOOD))
    assert lamp.by_field["power_active"].metric == "Power/Active"
    assert lamp.by_metric["Lamp/On"].writable
    assert lamp.alarms[0].while_ == {"Lamp/On": True}


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("version: 1", "version: 0", 2, "version: Input should be greater than or equal to 1"),
        ("  - {metric: Lamp/On,", "  - {metrik: Lamp/On,", 7, "points.0.metric: is missing"),
        (
            "  - {metric: Lamp/On,",
            "  - {metrik: Lamp/On,",
            7,
            "metrik: is not a known field; check the spelling",
        ),
        ("metric: Lamp/On", "metric: lamp on", 7, "points.0.metric: String should match"),
        ("type: double", "type: float", 8, "points.1.type: Input should be 'boolean'"),
        ("range: [0, 100]", "range: [0]", 8, "points.1.range"),
        ("northbound: Streetlight\n", "", 1, "northbound: is missing"),
        ("below: 5", "below: 5\n    above: 6", 10, "alarms.0: needs exactly one of above, below, equals"),
        ("severity: major", "severity: terrible", 14, "alarms.0.severity"),
        ("point: Power/Active", "point: Power/Reactive", 0, "alarm lamp-out: 'Power/Reactive' is no point"),
        ("Lamp/On: true}", "Lamp/Off: true}", 0, "'Lamp/Off' is no point of this class"),
        ("metric: Power/Active", "metric: Lamp/On", 0, "point declared twice: Lamp/On"),
        ("class: lamp", "class: light", 1, "class: 'light' is not the file's name 'lamp'"),
        ("title: {vi: Đèn, en: Lamp}", "title: {vi: Đèn}", 3, "title.en: is missing"),
    ],
)
def test_a_wrong_class_names_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, told: str
) -> None:
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ClassError) as failure:
        load_class(file)
    place = f"{file}:{line}: " if line else f"{file}"
    lines = str(failure.value).splitlines()
    assert any(each.startswith(place) and told in each for each in lines), lines


@pytest.mark.parametrize(("metric", "field"), [("Air/PM2 5", "air_pm2_5"), ("Power/Active", "power_active")])
def test_field_names(metric: str, field: str) -> None:
    assert field_name(metric) == field


@pytest.fixture(scope="module")
def classes() -> dict[str, DeviceClass]:
    return Library.shipped().classes


def test_the_shipped_classes_are_whole(classes: dict[str, DeviceClass]) -> None:
    assert set(classes) == {
        "streetlight",
        "water_meter",
        "air_station",
        "farm_sensor",
        "weather_station",
        "truck",
    }
    for each in classes.values():
        fields = [point.field for point in each.points]
        assert len(set(fields)) == len(fields), each.id
        assert any(point.headline for point in each.points), each.id


def test_the_types_of_a_point_agree_over_all_classes(classes: dict[str, DeviceClass]) -> None:
    kinds: dict[str, set[ValueType]] = {}
    units: dict[str, set[str]] = {}
    for each in classes.values():
        for point in each.points:
            kinds.setdefault(point.metric, set()).add(point.type)
            units.setdefault(point.metric, set()).add(point.unit)
    assert {metric: found for metric, found in kinds.items() if len(found) > 1} == {}
    assert {metric: found for metric, found in units.items() if len(found) > 1} == {}


def test_alarm_texts_need_nothing_but_value_and_limit(classes: dict[str, DeviceClass]) -> None:
    for each in classes.values():
        for alarm in each.alarms:
            for text in (alarm.text, alarm.advice):
                for language in ("vi", "en"):
                    assert text.in_language(language).format(value=1, limit=2)


def test_an_alarm_clears_on_the_right_side_of_its_limit(classes: dict[str, DeviceClass]) -> None:
    for each in classes.values():
        for alarm in each.alarms:
            if alarm.clear is not None:
                assert alarm.above is None or alarm.clear <= alarm.above, alarm.id
                assert alarm.below is None or alarm.clear >= alarm.below, alarm.id


@pytest.mark.parametrize(
    ("metric", "value", "why"),
    [
        ("Lamp/On", True, ""),
        ("Lamp/On", 1, "1 is no boolean"),
        ("Lamp/Level", 50, ""),
        ("Lamp/Level", 101, "101 % is outside 0 … 100"),
        ("Lamp/Level", True, "True is no int32"),
        ("Lamp/Level", 2.5, "2.5 is no int32"),
        ("Power/Active", 3, ""),
        ("Power/Active", "3", "'3' is no double"),
        ("Power/Active", None, ""),
        ("Energy/Total", -1, "-1 is no int64"),
        ("Lamp/Program", "đêm", ""),
    ],
)
def test_values_are_checked(classes: dict[str, DeviceClass], metric: str, value: Value, why: str) -> None:
    assert classes["streetlight"].by_metric[metric].check(value) == why


def test_not_a_number_is_no_value_of_a_point(classes: dict[str, DeviceClass]) -> None:
    for bad in (float("nan"), float("inf")):
        assert classes["streetlight"].by_metric["Power/Active"].check(bad)


def test_texts_fall_back_to_vietnamese() -> None:
    text = Text(vi="Đèn", en="Lamp")
    assert [text.in_language(language) for language in ("vi", "en", "fr")] == ["Đèn", "Lamp", "Đèn"]


def test_another_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEGA_FIRMWARE_CONFIGS", str(tmp_path))
    with pytest.raises(KegaError, match="KEGA_FIRMWARE_CONFIGS"):
        shipped_configs()
    (tmp_path / "classes").mkdir()
    write(tmp_path / "classes", GOOD)
    assert set(Library.shipped().classes) == {"lamp"}


def test_an_unknown_profile_names_those_that_look_alike(tmp_path: Path) -> None:
    (tmp_path / "classes").mkdir()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "eastron_sdm120.yaml").write_text("")
    library = Library(tmp_path)
    with pytest.raises(KegaError, match=r"Did you mean eastron_sdm120\?"):
        library.profile("eastron_sdm121")
    with pytest.raises(KegaError, match=r"Known: eastron_sdm120\."):
        library.profile("acme_9")
