from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.host.births import LARGEST, LONGEST_TEXT, MOST_POINTS, device_birth, node_facts
from telemetry.devices.library import Library
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DataType, Metric, Payload, decode
from tests.cloud.host.wire import NOW_MS, Gateway

CLASSES = Library.shipped().classes


def test_a_birth_of_a_known_class() -> None:
    topic, data = Gateway().dbirth()
    birth = device_birth(topic, decode(data), CLASSES, NOW_MS)
    assert (birth.id, birth.gateway, birth.area) == ("sl-1", "eg-1", "p060")
    assert (birth.device_class, birth.title, birth.model) == ("streetlight", "Cột 1", "SDM120")
    assert (birth.latitude, birth.longitude) == (10.93, 108.1)
    assert [(point.metric, point.field, point.type, point.unit) for point in birth.points] == [
        ("Lamp/On", "lamp_on", "boolean", ""),
        ("Lamp/Level", "lamp_level", "int32", ""),
        ("Power/Active", "power_active", "double", "W"),
    ]


@pytest.mark.parametrize("told", [None, "spaceship"])
def test_a_device_of_no_known_class_is_generic(told: str | None) -> None:
    topic, data = Gateway().dbirth(device_class=told)
    assert device_birth(topic, decode(data), CLASSES, NOW_MS).device_class == "generic"


def test_a_truck_has_its_position_as_points() -> None:
    topic, data = Gateway().dbirth("gt-1", device_class="truck")
    points = {point.metric for point in device_birth(topic, decode(data), CLASSES, NOW_MS).points}
    assert {names.LATITUDE, names.LONGITUDE} <= points


def test_what_makes_no_sense_is_left_out() -> None:
    metrics = (
        Metric(names.LATITUDE, DataType.DOUBLE, math.nan),
        Metric(names.LONGITUDE, DataType.DOUBLE, 181.0),
        Metric(names.DEVICE_TITLE, DataType.STRING, "x" * 999),
        Metric(names.DEVICE_MODEL, DataType.DOUBLE, 1.0),
        Metric("", DataType.DOUBLE, 1.0),
        Metric("y" * 999, DataType.DOUBLE, 1.0),
        *(Metric(f"Point/{number}", DataType.DOUBLE, 1.0) for number in range(MOST_POINTS + 50)),
    )
    topic, _ = Gateway().dbirth()
    birth = device_birth(topic, Payload(NOW_MS, metrics, seq=1), CLASSES, NOW_MS)
    assert (birth.latitude, birth.longitude, birth.model) == (None, None, "")
    assert len(birth.title) == LONGEST_TEXT
    assert len(birth.points) == MOST_POINTS


def test_facts_of_a_gateway() -> None:
    facts = node_facts(decode(Gateway().nbirth(depth=4, dropped=2)[1]))
    assert (facts.bd_seq, facts.software, facts.spool_depth, facts.spool_dropped) == (0, "0.1", 4, 2)


@given(number=st.integers(-(2**65), 2**65))
def test_numbers_from_outside_fit_the_database(number: int) -> None:
    payload = decode(Gateway().nbirth()[1])
    metrics = tuple(
        replace(metric, value=number) if metric.name == names.SPOOL_DEPTH else metric
        for metric in payload.metrics
    )
    depth = node_facts(replace(payload, metrics=metrics)).spool_depth
    assert depth is None if number < 0 else depth == min(number, LARGEST)
