"""When a value read back proves a command."""

from __future__ import annotations

import pytest

from edge.commands.readback import SETTLE_S, matches, settle_s
from telemetry.devices.library import Library
from telemetry.devices.writing import WriteRule, joined
from telemetry.readings import Value


@pytest.mark.parametrize(
    ("metric", "wanted", "seen", "equal"),
    [
        ("Lamp/On", True, True, True),
        ("Lamp/On", True, False, False),
        ("Lamp/On", True, 1, False),
        ("Lamp/Level", 50, 49, True),
        ("Lamp/Level", 50, 48, False),
        ("Lamp/Program", "night", "night", True),
        ("Lamp/Program", "night", "day", False),
        ("Lamp/On", True, None, False),
    ],
)
def test_matches(metric: str, wanted: Value, seen: Value, equal: bool) -> None:
    point = Library.shipped().classes["streetlight"].by_metric[metric]
    assert matches(point, WriteRule(), wanted, seen) is equal


def test_valves_get_their_travel_time_and_what_is_nearer_wins() -> None:
    library = Library.shipped()
    valve = library.classes["water_meter"].by_metric["Valve/Position"]
    lamp = library.classes["streetlight"].by_metric["Lamp/On"]
    assert settle_s(valve.write) == 90
    assert settle_s(lamp.write) == SETTLE_S
    assert settle_s(joined(valve.write, WriteRule(settle_s=240))) == 240
    opening = library.classes["water_meter"].by_metric["Valve/Opening"]
    assert matches(opening, WriteRule(), 40.0, 40.9)
    assert not matches(opening, WriteRule(), 40.0, 41.5)
    assert matches(opening, WriteRule(tolerance=3), 40.0, 42.5)
    assert not matches(opening, WriteRule(tolerance=0), 40.0, 40.2)
