from __future__ import annotations

import pytest

from cloud.alarms.words import sentence, spoken
from telemetry.devices.classes import Point, Text
from telemetry.readings import Value, ValueType


def point(kind: ValueType = ValueType.DOUBLE, decimals: int = 1, **more: object) -> Point:
    return Point.model_validate(
        {"metric": "Flow/Rate", "type": kind, "title": {"vi": "x", "en": "x"}, "decimals": decimals, **more}
    )


@pytest.mark.parametrize(
    ("value", "decimals", "vietnamese", "english"),
    [
        (0.44, 1, "0,4", "0.4"),
        (1234.5, 2, "1234,50", "1234.50"),
        (-0.04, 1, "0,0", "0.0"),
        (60.0, 0, "60", "60"),
        (None, 1, "–", "–"),
        (True, 1, "có", "yes"),
        ("abc", 1, "abc", "abc"),
    ],
)
def test_values_are_spoken(value: Value, decimals: int, vietnamese: str, english: str) -> None:
    assert spoken(point(decimals=decimals), value, "vi") == vietnamese
    assert spoken(point(decimals=decimals), value, "en") == english


def test_limits_are_as_short_as_they_can_be() -> None:
    text = Text(vi="{value} trên {limit}", en="{value} above {limit}")
    assert sentence(text, point(decimals=2), 61.234, 60.0) == Text(vi="61,23 trên 60", en="61.23 above 60")
    assert sentence(text, point(decimals=2), 61.0, 0.5).vi == "61,00 trên 0,5"


def test_states_are_named_and_whole_numbers_have_no_decimals() -> None:
    valve = point(ValueType.INT32, states={0: {"vi": "đóng", "en": "closed"}})
    assert (spoken(valve, 0, "vi"), spoken(valve, 0, "en"), spoken(valve, 7, "vi")) == ("đóng", "closed", "7")
