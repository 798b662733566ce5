"""What can be ordered, what it is called, how far it has come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud.console.acts import (
    Act,
    Level,
    act_name,
    acts_of,
    elapsed_text,
    issuer_text,
    level_of,
    present_text,
    steps,
    warnings,
)
from cloud.console.models import Command, Device, PointInfo, Sample
from cloud.console.texts import Words
from telemetry.devices.classes import load_classes
from tests.cloud.console.fake_api import point_json

VI, EN = Words("vi"), Words("en")
CLASSES = load_classes(Path("firmware-configs/classes"))


def point(device_class: str, field: str) -> PointInfo:
    return PointInfo.model_validate(point_json(CLASSES[device_class].by_field[field]))


def command(**fields: Any) -> Command:
    told = {"id": "c", "device": "sl-1", "point": "lamp_on", "state": "asked", "asked_ms": 1000}
    return Command.model_validate({**told, "expires_ms": 31_000, "issuer": "lan", **fields})


@pytest.mark.parametrize(
    ("device_class", "field", "vi"),
    [
        ("streetlight", "lamp_on", [(True, "Bật đèn"), (False, "Tắt đèn")]),
        ("water_meter", "valve_position", [(0, "Đóng van"), (1, "Mở van"), (2, "Tiết lưu van")]),
        ("farm_sensor", "irrigation_valve", [(True, "Mở van tưới"), (False, "Đóng van tưới")]),
    ],
)
def test_acts_have_names_of_their_own(device_class: str, field: str, vi: list[tuple[Any, str]]) -> None:
    assert acts_of(device_class, point(device_class, field), VI) == tuple(Act(v, name) for v, name in vi)


def test_every_writable_point_of_every_class_can_be_ordered_or_is_text() -> None:
    for known in CLASSES.values():
        for declared in known.points:
            told = PointInfo.model_validate(point_json(declared))
            if told.writable and told.type != "string":
                assert acts_of(known.id, told, VI) or level_of(told), told.metric


def test_a_switch_of_another_class_has_general_names() -> None:
    lamp = point("streetlight", "lamp_on")
    assert [act.name for act in acts_of("generic", lamp, VI)] == ["Bật: Đèn bật", "Tắt: Đèn bật"]


def test_levels() -> None:
    assert level_of(point("streetlight", "lamp_level")) == Level(0, 100, 1)
    assert level_of(point("water_meter", "valve_opening")) == Level(0, 100, 1)
    assert level_of(point("water_meter", "valve_position")) is None
    assert level_of(point("streetlight", "lamp_on")) is None
    assert level_of(point("streetlight", "energy_total")) is None
    assert act_name("streetlight", point("streetlight", "lamp_level"), 60, VI) == "Đặt mức sáng: 60 %"
    assert act_name("streetlight", point("streetlight", "lamp_level"), 60, EN) == "Set lamp level: 60 %"


def test_an_enumeration_without_names_of_its_own_uses_its_states() -> None:
    valve = point("water_meter", "valve_position")
    assert [act.name for act in acts_of("generic", valve, EN)] == [
        "Valve: closed",
        "Valve: open",
        "Valve: throttled",
    ]


def test_the_present_state_comes_with_doubt_and_age() -> None:
    lamp = point("streetlight", "lamp_on")
    assert present_text(lamp, None, 0, VI) == "không rõ"
    assert present_text(lamp, Sample(value=True, time_ms=0), 30_000, VI) == "có · 30 giây trước"
    stale = Sample(value=True, time_ms=0, quality=500)
    assert present_text(lamp, stale, 30_000, EN) == "yes (stale) · 30 s ago"


@pytest.mark.parametrize(
    ("state", "sample", "vi"),
    [
        ("online", Sample(value=False, time_ms=0), []),
        ("online", Sample(value=True, time_ms=0), ["Thiết bị đã báo trạng thái này."]),
        ("online", None, ["Giá trị hiện tại đã cũ: trạng thái thật có thể khác."]),
        ("online", Sample(value=True, time_ms=0, quality=0), [VI("warn_stale")]),
        ("stale", Sample(value=False, time_ms=0), [VI("warn_stale")]),
        ("offline", Sample(value=False, time_ms=0), [VI("warn_offline")]),
    ],
)
def test_warnings(state: str, sample: Sample | None, vi: list[str]) -> None:
    lamp = Device.model_validate({"id": "sl-1", "class": "streetlight", "state": state})
    assert list(warnings(lamp, sample, True, VI)) == vi


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"state": "asked"}, [("Asked", "now"), ("Sent", "open"), ("Accepted", "open"), ("Done", "open")]),
        ({"state": "accepted"}, [("Asked", "past"), ("Sent", "past"), ("Accepted", "now"), ("Done", "open")]),
        ({"state": "done"}, [("Asked", "past"), ("Sent", "past"), ("Accepted", "past"), ("Done", "good")]),
        ({"state": "rejected"}, [("Asked", "past"), ("Rejected", "bad")]),
        ({"state": "failed", "sent_ms": 5}, [("Asked", "past"), ("Sent", "past"), ("Failed", "bad")]),
        (
            {"state": "expired", "sent_ms": 5},
            [("Asked", "past"), ("Sent", "past"), (EN("expired"), "bad")],
        ),
    ],
)
def test_the_strip_is_good_only_when_done(told: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert list(steps(command(**told), EN)) == expected


def test_time_runs_until_the_end() -> None:
    assert elapsed_text(command(), 3500, VI) == "2,5 giây"
    assert elapsed_text(command(state="done", ended_ms=2200), 99_000, EN) == "1.2 s"
    assert elapsed_text(command(), 500_000, EN) == "499 s"
    assert issuer_text(command(asked_ms=1_767_571_200_000), VI) == "lan, lúc 07:00:00"
