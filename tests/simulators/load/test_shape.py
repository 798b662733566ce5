"""Values of a load are repeatable, within the class's ranges, and raise no alarm."""

from __future__ import annotations

import pytest

from simulators.load.plan import LoadPlan
from simulators.load.service import split
from simulators.load.shape import shape_of
from telemetry.devices.library import Library
from telemetry.mqtt import Broker

CLASSES = Library.shipped().classes


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_values_fit_the_class_and_stay_away_from_its_alarms(name: str) -> None:
    device_class = CLASSES[name]
    shape = shape_of(device_class, len(device_class.points) + 3, seed=7)
    assert len(shape.measured) == len(device_class.points) + 3
    alarms = {alarm.point: alarm for alarm in device_class.alarms}
    for time_ms in range(1_780_000_000_000, 1_780_000_200_000, 1000):
        for each, value in zip(shape.measured, shape.values(3, 4, time_ms), strict=True):
            assert each.point.check(value) == ""
            alarm = alarms.get(each.point.metric)
            if alarm is not None and alarm.equals is not None:
                assert value != alarm.equals
            elif alarm is not None and isinstance(value, int | float):
                assert alarm.above is None or value <= alarm.above
                assert alarm.below is None or value >= alarm.below


def test_the_same_seed_makes_the_same_values_and_another_one_others() -> None:
    one, other = (shape_of(CLASSES["air_station"], 5, seed) for seed in (1, 2))
    assert one.values(1, 2, 1000) == shape_of(CLASSES["air_station"], 5, 1).values(1, 2, 1000)
    assert one.values(1, 2, 1000) != other.values(1, 2, 1000)
    assert one.values(1, 2, 1000) != one.values(1, 3, 1000) != one.values(1, 2, 1001)


@pytest.mark.parametrize(
    ("gateways", "connections", "processes"), [(10, 0, 3), (10, 4, 3), (2, 0, 5), (7, 1, 2)]
)
def test_processes_share_all_gateways_and_none_twice(gateways: int, connections: int, processes: int) -> None:
    plan = LoadPlan((Broker("mqtt://h"),), gateways, 1, 1, 1.0, 1.0, connections=connections)
    parts = split(plan, processes)
    assert sum(len(part.groups) for part in parts) == len(plan.groups)
    spoken = [index for part in parts for group in part.groups for index in group]
    assert spoken == list(range(gateways))
