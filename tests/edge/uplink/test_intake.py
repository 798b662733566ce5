"""The last check before the spool: types, clocks, times and importance."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.spool.batches import Priority, decode_readings
from edge.uplink.definitions import GatewayDefinition
from edge.uplink.intake import Intake
from telemetry.devices.classes import LimitAlarm, Severity, Text
from telemetry.readings import Batch, Quality, Reading, ValueType
from tests.edge.uplink.gateway import LAMP, POWER, device_definition

DEVICE = "sl-000001"
NOW_MS = 1_760_000_000_000
BOOT = "6a0f4f6e"
_TEXT = Text(vi="Thử", en="Test")
LEAK = LimitAlarm(id="on", point=LAMP.metric, equals=True, severity=Severity.MAJOR, text=_TEXT, advice=_TEXT)
HOT = LimitAlarm(
    id="hot", point=POWER.metric, above=100, clear=90, severity=Severity.MAJOR, text=_TEXT, advice=_TEXT
)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None)),  # type: ignore[arg-type]
)


def intake() -> Intake:
    definition = replace(device_definition(DEVICE), alarms=(LEAK, HOT))
    return Intake(GatewayDefinition("p060", "eg-0001", {DEVICE: definition}), boot=BOOT)


def reading(value: object, kind: ValueType = ValueType.DOUBLE, time_ms: int = NOW_MS) -> Reading:
    return Reading(DEVICE, "Test/Point", kind, value, time_ms)  # type: ignore[arg-type]


@given(ANYTHING, st.sampled_from(ValueType))
def test_any_value_of_any_type_becomes_a_batch(value: object, kind: ValueType) -> None:
    new = intake().prepare(Batch(DEVICE, (reading(value, kind),)))
    assert new is not None
    (found,) = decode_readings(DEVICE, new.metrics)
    if found.value is None:
        assert found.quality is Quality.BAD
    else:
        # a whole number that is sent as a double becomes the nearest one
        assert found.value == (float(value) if kind is ValueType.DOUBLE else value)  # type: ignore[arg-type]
        assert found.quality is Quality.GOOD


@pytest.mark.parametrize("value", [math.nan, math.inf, "12", True])
def test_a_value_that_is_no_number_is_bad_and_says_why(value: object) -> None:
    new = intake().prepare(Batch(DEVICE, (reading(value),)))
    assert new is not None
    (found,) = decode_readings(DEVICE, new.metrics)
    assert (found.value, found.quality) == (None, Quality.BAD)
    assert "is no double" in found.reason


def test_a_reading_without_a_clock_keeps_its_boot() -> None:
    under_test = intake()
    under_test.stamps.learn({DEVICE: NOW_MS})
    new = under_test.prepare(Batch(DEVICE, (reading(1.0, time_ms=86_400_000),)))
    assert new is not None
    assert (new.boot, new.time_ms) == (BOOT, 86_400_000), "the last time by UTC does not move it"
    (found,) = decode_readings(DEVICE, new.metrics)
    assert (found.value, found.quality) == (1.0, Quality.GOOD)
    again = under_test.prepare(Batch(DEVICE, (reading(1.0, time_ms=86_400_000),)))
    assert again is not None
    assert again.time_ms == 86_400_001
    known = under_test.prepare(Batch(DEVICE, (reading(1.0, time_ms=NOW_MS + 5),)))
    assert known is not None
    assert (known.boot, known.time_ms) == ("", NOW_MS + 5)


def test_a_result_without_a_clock_is_of_the_readings_clock() -> None:
    under_test = Intake(
        GatewayDefinition("p060", "eg-0001", {}), boot=BOOT, measured_ms=lambda ms: ms - NOW_MS
    )
    new = under_test.prepare(Batch(DEVICE, (reading(1.0, time_ms=NOW_MS + 7_000),)), is_result=True)
    assert new is not None
    assert (new.boot, new.time_ms, new.priority) == (BOOT, 7_000, Priority.IMPORTANT)


@given(st.lists(st.integers(-25_000, 25_000), min_size=1, max_size=50))
def test_times_strictly_increase_however_the_clock_trembles(offsets: list[int]) -> None:
    under_test = intake()
    under_test.stamps.learn({DEVICE: NOW_MS})
    last = NOW_MS
    for offset in offsets:
        new = under_test.prepare(Batch(DEVICE, (reading(1.0, time_ms=NOW_MS + offset),)))
        assert new is not None
        (found,) = decode_readings(DEVICE, new.metrics)
        assert found.time_ms > last
        assert found.time_ms <= max(NOW_MS + offset, last + 1)
        last = found.time_ms


def test_a_clock_that_was_set_back_is_followed() -> None:
    under_test = intake()
    under_test.prepare(Batch(DEVICE, (reading(1.0, time_ms=NOW_MS + 10**9),)))
    new = under_test.prepare(Batch(DEVICE, (reading(1.0, time_ms=NOW_MS),)))
    assert new is not None
    assert new.time_ms == NOW_MS


def test_changes_of_alarm_points_and_results_are_kept_longest() -> None:
    under_test = intake()

    def priority(on: bool, watts: float = 1.0, *, is_result: bool = False) -> Priority:
        readings = (
            Reading(DEVICE, LAMP.metric, LAMP.type, on, NOW_MS),
            Reading(DEVICE, POWER.metric, POWER.type, watts, NOW_MS),
        )
        new = under_test.prepare(Batch(DEVICE, readings), is_result=is_result)
        assert new is not None
        return new.priority

    ordinary, important = Priority.ORDINARY, Priority.IMPORTANT
    assert [priority(on) for on in (False, False, True, True, False)] == [
        ordinary,
        ordinary,
        important,
        ordinary,
        important,
    ]
    assert [priority(False, watts) for watts in (99, 101, 95, 105, 89, 95)] == [
        ordinary,
        important,
        ordinary,
        ordinary,
        important,
        ordinary,
    ]
    assert priority(False, is_result=True) is important


def test_an_empty_scan_is_nothing() -> None:
    assert intake().prepare(Batch(DEVICE, ())) is None
